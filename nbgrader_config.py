"""Configuración de nbgrader para el curso; se lee al ejecutarlo desde esta carpeta.

Lo que cambia respecto a nbgrader tal cual está explicado junto a cada línea.
"""

from nbgrader.preprocessors import SaveAutoGrades

from vinogpt.grading.autograded import TrustedGrade
from vinogpt.grading.export import CsvExport
from vinogpt.grading.feedback import FeedbackExporter

c = get_config()  # noqa: F821 (la define quien lee este archivo)

c.CourseDirectory.course_id = "vinogpt"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"

c.ClearSolutions.code_stub = {
    "python": 'raise NotImplementedError("Escribe aquí tu solución y borra esta línea")'
}
c.ClearSolutions.text_stub = "Escribe aquí tu respuesta."

# nbgrader ejecutaría aquí mismo el código del alumno y se fiaría de lo que sale. Esto rehace el
# cuaderno desde el original y lo califica en una caja de arena. Los retrasos, con `vinogpt grade`.
c.Autograde.sanitize_preprocessors = [TrustedGrade]
c.Autograde.autograde_preprocessors = [SaveAutoGrades]

# La página de nbgrader pide archivos a otros sitios y enseña las pruebas ocultas.
c.GenerateFeedback.preprocessors = []
c.GenerateFeedback.exporter_class = FeedbackExporter
c.ExportApp.plugin_class = CsvExport
