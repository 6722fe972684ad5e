"""Configuración de nbgrader para el curso; se lee al ejecutarlo desde esta carpeta.

Lo que cambia respecto a nbgrader tal cual está explicado junto a cada línea. Las respuestas se
ejecutan sin aislar: califica entregas de desconocidos en un equipo que no importe perder.
"""

from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader.preprocessors import GetGrades

from vinogpt.grading.gradebook import CsvExport, HideHiddenTests

c = get_config()  # noqa: F821 (la define quien lee este archivo)

c.CourseDirectory.course_id = "vinogpt"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"

c.ClearSolutions.code_stub = {
    "python": 'raise NotImplementedError("Escribe aquí tu solución y borra esta línea")'
}
c.ClearSolutions.text_stub = "Escribe aquí tu respuesta."

# Una celda con la etiqueta skip-execution no se ejecuta, y sin salida da todos los puntos.
c.Execute.skip_cells_with_tag = ""
c.Execute.timeout = 60  # segundos por celda

# Cualquier texto en stderr (TensorFlow escribe ahí al importarse) dejaría la celda en 0 puntos.
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = "^"

# Añade lo que falta: sin esto, borrar una comprobación conserva la nota de la entrega anterior.
c.OverwriteCells.add_missing_cells = True
c.OverwriteCells.missing_cell_notification = "Faltaba la celda {cell_id}; se ha repuesto.\n\n"

c.GenerateFeedback.preprocessors = [GetGrades, HideHiddenTests, CSSHTMLHeaderPreprocessor]
c.ExportApp.plugin_class = CsvExport
