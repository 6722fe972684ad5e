"""Dos piezas para nbgrader: la devolución sin pruebas ocultas y las notas en CSV."""

import csv

from nbgrader.api import MissingEntry
from nbgrader.plugins import ExportPlugin
from nbgrader.preprocessors import ClearHiddenTests

PERSON = ["last_name", "first_name", "email"]
SCORES = ["raw_score", "late_submission_penalty", "score", "max_score"]


class HideHiddenTests(ClearHiddenTests):
    """Quita de la devolución el código de las pruebas ocultas y las salidas que lo citan.

    De una prueba oculta fallida queda su mensaje, que está escrito para el alumno.
    """

    def preprocess_cell(self, cell, resources, cell_index):
        before = cell.source.splitlines()
        cell, resources = super().preprocess_cell(cell, resources, cell_index)
        hidden = set(map(str.strip, before)) - set(map(str.strip, cell.source.splitlines()))
        if hidden:
            errors = [output for output in cell.outputs if output.output_type == "error"]
            cell.outputs = [without_code(error, hidden) for error in errors]
        return cell, resources


def without_code(error, hidden):
    """El error con la última parte de su traza, sin las líneas de `hidden` que cite."""
    error.traceback = error.traceback[-1:]
    for line in sorted(hidden, key=len, reverse=True):
        if len(line) > 3:
            error.evalue = error.evalue.replace(line, "…")
            error.traceback = [part.replace(line, "…") for part in error.traceback]
    return error


class CsvExport(ExportPlugin):
    """Notas en CSV: `nbgrader export --to grades.csv`. Una fila por tarea y estudiante.

    Escribe con el módulo csv, así que comas y saltos de línea no rompen el archivo, y ninguna
    casilla empieza como una fórmula.
    """

    def export(self, gradebook):
        with open(self.to or "grades.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["assignment", "student_id", *PERSON, "timestamp", *SCORES])
            for assignment in gradebook.assignments:
                for student in gradebook.students:
                    if self.wanted(assignment.name, student.id):
                        writer.writerow(map(harmless, row(gradebook, assignment, student)))

    def wanted(self, assignment, student):
        """Lo que dejan pasar las opciones `--assignment` y `--student`; sin ellas, todo."""
        return assignment in (self.assignment or [assignment]) and student in (
            [str(name) for name in self.student] or [student]
        )


def row(gradebook, assignment, student):
    """Casillas de un estudiante en una tarea; 0 puntos si no la entregó."""
    known = [assignment.name, student.id, *(getattr(student, name) for name in PERSON)]
    try:
        done = gradebook.find_submission(assignment.name, student.id)
    except MissingEntry:
        return [*known, None, 0.0, 0.0, 0.0, assignment.max_score]
    penalty = done.late_submission_penalty or 0.0
    scores = [done.score, penalty, max(0.0, done.score - penalty), assignment.max_score]
    return [*known, done.timestamp, *scores]


def harmless(value):
    """El valor como texto que una hoja de cálculo no toma por fórmula."""
    text = "" if value is None else str(value)
    risky = isinstance(value, str) and text.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{text}" if risky else text
