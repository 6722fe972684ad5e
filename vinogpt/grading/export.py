"""Notas en CSV, de nbgrader (`nbgrader export`) o de `export_csv`: una fila por estudiante y tarea.

Tras las columnas de nbgrader va una por ejercicio. El módulo csv escribe bien comas y saltos de
línea, y ninguna casilla empieza como una fórmula.
"""

import csv
import hmac

from nbgrader import api
from nbgrader.plugins import ExportPlugin
from traitlets import Bool

from vinogpt.grading.autograded import course_of
from vinogpt.grading.engine import secret_of
from vinogpt.grading.gradebook import gradebook
from vinogpt.grading.notebook import every_cell, read_notebook

PERSON = ["last_name", "first_name", "email"]
SCORES = ["raw_score", "late_submission_penalty", "score", "max_score", "needs_manual_grade"]


def export_csv(course, path, assignment=None, pseudonyms=False):
    """Escribe en `path` las notas de una tarea, o de todas; quien no entrega tiene un 0."""
    plugin = CsvExport(to=str(path), pseudonyms=pseudonyms)
    plugin.assignment = [assignment] if assignment else []
    with gradebook(course) as book:
        plugin.export(book)


class CsvExport(ExportPlugin):
    """Lo mismo para `nbgrader export --to grades.csv`, con sus opciones."""

    pseudonyms = Bool(False, help="Sin nombres ni correos.").tag(config=True)

    def export(self, gradebook):
        course = course_of(gradebook.engine.url)
        wanted = [a for a in gradebook.assignments if a.name in (self.assignment or [a.name])]
        rows = [row for assignment in wanted for row in rows_of(course, gradebook, assignment)]
        chosen = set(map(str, self.student))
        rows = [row for row in rows if row["student_id"] in (chosen or [row["student_id"]])]
        if self.pseudonyms:
            secret = secret_of(course)
            rows = sorted((anonymous(row, secret) for row in rows), key=lambda row: [*row.values()])
        names = ["assignment", "student_id", *PERSON, "timestamp", *SCORES]
        names += dict.fromkeys(name for row in rows for name in row if name not in names)
        with open(self.to or "grades.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(map(harmless, names))
            writer.writerows([harmless(row.get(name)) for name in names] for row in rows)


def rows_of(course, book, assignment):
    """Una fila por estudiante del curso en una tarea."""
    exercises = exercises_of(course, assignment)
    empty = dict.fromkeys([*SCORES, *exercises.values()], 0.0) | {"max_score": assignment.max_score}
    rows = {}
    for student in book.students:
        person = {name: getattr(student, name) for name in PERSON}
        known = {"assignment": assignment.name, "student_id": student.id, **person}
        rows[student.id] = known | empty | {"needs_manual_grade": False}
    done = book.db.query(api.SubmittedAssignment).filter_by(assignment_id=assignment.id)
    notebooks = done.join(api.SubmittedNotebook)
    name, penalty = (
        api.SubmittedAssignment.student_id,
        api.SubmittedNotebook.late_submission_penalty,
    )
    for student, when, lost in notebooks.with_entities(
        name, api.SubmittedAssignment.timestamp, penalty
    ):
        rows[student]["timestamp"] = when
        rows[student]["late_submission_penalty"] += lost or 0.0
    grades = notebooks.join(api.Grade).join(api.BaseCell)
    columns = name, api.BaseCell.name, api.Grade.score, api.Grade.needs_manual_grade
    for student, cell, score, pending in grades.with_entities(*columns):
        rows[student]["raw_score"] += score
        rows[student]["needs_manual_grade"] |= pending
        if cell in exercises:
            rows[student][exercises[cell]] += score
    for row in rows.values():
        row["score"] = max(0.0, row["raw_score"] - row["late_submission_penalty"])
    return rows.values()


def exercises_of(course, assignment):
    """Ejercicio de cada celda con puntos de una tarea: {"words_check_tokens": "Ejercicio 1.1…"}."""
    found = {}
    for notebook in assignment.notebooks:
        scored = [*notebook.grade_cells, *notebook.task_cells]
        scored = {cell.name for cell in scored if cell.max_score}
        path = course / "solutions" / assignment.name / f"{notebook.name}.ipynb"
        cells = every_cell(read_notebook(path)) if path.exists() else []
        found |= {cell.id: cell.exercise for cell in cells if cell.id in scored}
    return found


def anonymous(row, secret):
    """La fila sin nada que diga de quién es, salvo a quien tenga el secreto del curso."""
    name = hmac.digest(secret, row["student_id"].encode(), "sha256").hex()[:12]
    return row | dict.fromkeys(PERSON) | {"student_id": name}


def harmless(value):
    """El valor como texto que una hoja de cálculo no toma por fórmula."""
    text = "" if value is None else str(value)
    risky = isinstance(value, str) and text.startswith(tuple("=+-@\t\r\n＝＋－＠"))
    return f"'{text}" if risky else text
