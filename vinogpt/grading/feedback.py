"""La página que recibe cada estudiante, hecha con `autograded/` y el libro de notas.

No lleva código de pruebas ocultas, ni nada que se ejecute o se pida a otro sitio.
"""

import base64
import hashlib
import json
import re
from pathlib import Path

from jinja2 import Environment, PackageLoader
from nbconvert.exporters import Exporter
from nbgrader.api import BaseCell, Comment, Grade

from vinogpt.grading.autograded import course_of, visible
from vinogpt.grading.gradebook import gradebook

HEADING = re.compile(r"(?m)^# +(.+)$")


def write_feedback(course, source_path, graded):
    """Escribe feedback/STUDENT/ASSIGNMENT/NAME.html de cada entrega que ha pasado por `write`."""
    course, path = Path(course), Path(source_path)
    with gradebook(course) as book:
        for item in graded:
            names = path.stem, path.parent.name, item.submission.student
            place = Path(names[2], names[1], path.name)
            notebook = json.loads((course / "autograded" / place).read_text(encoding="utf-8"))
            target = course / "feedback" / place.with_suffix(".html")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(render(book, names, notebook), encoding="utf-8")


class FeedbackExporter(Exporter):
    """La misma página, para `nbgrader generate_feedback` y el botón de formgrader."""

    file_extension = ".html"

    def from_notebook_node(self, nb, resources=None, **options):
        nb, resources = super().from_notebook_node(nb, resources, **options)
        known = resources["nbgrader"]
        with gradebook(course_of(known["db_url"])) as book:
            names = known["notebook"], known["assignment"], known["student"]
            return render(book, names, nb), resources


def digest(style):
    return "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


def points(parts):
    """Puntos obtenidos y posibles: "2.5 de 3 puntos"."""
    possible = sum(part["worth"] for part in parts)
    if any(part["grade"].needs_manual_grade for part in parts):
        return f"por puntuar, {possible:g} como máximo"
    got = round(sum(part["grade"].score for part in parts), 2)
    worth = f"{got:g} de {possible:g} punto{'' if possible == 1 else 's'}"
    return worth if possible or got else "sin puntos"


PAGES = Environment(loader=PackageLoader("vinogpt.grading", ""), autoescape=True)
PAGES.filters |= {"digest": digest, "points": points, "visible": visible}


def render(book, names, notebook):
    """Página de una entrega: `names` son cuaderno, tarea y estudiante en el libro de notas."""
    row = book.find_submission_notebook(*names)
    grades = book.db.query(BaseCell.name, Grade).join(Grade.cell).filter(Grade.notebook == row)
    said = book.db.query(BaseCell.name, Comment.manual_comment).join(Comment.cell)
    grades, said = dict(grades.all()), dict(said.filter(Comment.notebook == row).all())
    exercises, penalty = {}, row.late_submission_penalty or 0.0
    for cell in notebook["cells"]:
        known = cell["metadata"].get("nbgrader", {})
        part = {**cell["metadata"].get("vinogpt", {}), "comment": said.get(known.get("grade_id"))}
        part |= {"grade": grades.get(known.get("grade_id")), "worth": known.get("points", 0.0)}
        if part["grade"] or "answer" in part:
            part["reason"] = "".join(output.get("evalue", "") for output in cell.get("outputs", []))
            part["hidden"] = "BEGIN HIDDEN TESTS" in "".join(cell["source"])
            exercises.setdefault(part.get("exercise", ""), []).append(part)
    titles = [found for cell in notebook["cells"] for found in HEADING.findall(cell["source"])]
    return PAGES.get_template("feedback.html.j2").render(
        {**notebook["metadata"].get("vinogpt", {}), "row": row, "exercises": exercises},
        title=[*titles, names[1]][0],
        penalty=penalty,
        score=max(0.0, sum(grade.score for grade in grades.values()) - penalty),
        max_score=sum(part["worth"] for parts in exercises.values() for part in parts),
    )
