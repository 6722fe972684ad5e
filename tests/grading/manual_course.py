"""Un curso pequeño con preguntas que puntúa una persona: la tarea 01 no tiene ninguna."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from vinogpt.grading.intake import Graded, Submission
from vinogpt.grading.score import Result

ROOT = Path(__file__).resolve().parents[2]
STEM = "90_manual"
VISIBLE = '''@check
def doubled(double):
    """double devuelve el doble."""
    assert double(2) == 4, f"Con 2 sale {double(2)} y debería salir 4."'''
HIDDEN = '''# Comprobación oculta: números negativos.
### BEGIN HIDDEN TESTS
@check
def doubled_negative(double):
    """double también dobla los negativos."""
    secret_expected_value = -6
    assert double(-3) == secret_expected_value
### END HIDDEN TESTS'''
SOLUTION = "### BEGIN SOLUTION\n    return 2 * x  # la del docente\n    ### END SOLUTION"
ESSAY = "### BEGIN SOLUTION\nPorque lo dice el docente.\n### END SOLUTION"
ANSWERS = {
    "double": "def double(x):\n    return x + x",
    "why": "Sumar es más barato si $a < b$.",
    "free": "print('libre')",
}
RIGHT = (Result("double_check", 1.0, 1.0, ""), Result("double_hidden", 2.0, 2.0, ""))
WRONG = (
    Result("double_check", 0.0, 1.0, "Con 2 sale 5 y debería salir 4."),
    Result("double_hidden", 0.0, 2.0, "No se cumple `assert double(-3) == secret_expected_value`"),
)


def marked(cell, grade_id, points=None, locked=True, solution=False):
    """La celda con los metadatos de nbgrader."""
    kind = {"grade": points is not None, "locked": locked, "solution": solution, "task": False}
    worth = {} if points is None else {"points": points}
    cell.metadata["nbgrader"] = {"grade_id": grade_id, "schema_version": 3, **kind, **worth}
    cell["id"] = grade_id
    return cell


def manual_source():
    """Una función con dos pruebas, una pregunta escrita y un programa libre."""
    answer = {"locked": False, "solution": True}
    cells = [
        new_markdown_cell("# Tarea 90. Con preguntas a mano", id="title"),
        marked(new_code_cell("from vinogpt.check import check"), "imports"),
        marked(new_markdown_cell("### Ejercicio 90.1. Doblar"), "double_statement"),
        marked(new_code_cell(f"def double(x):\n    {SOLUTION}"), "double", **answer),
        marked(new_code_cell(VISIBLE), "double_check", 1),
        marked(new_code_cell(HIDDEN), "double_hidden", 2),
        marked(new_markdown_cell("### Ejercicio 90.2. Explicar"), "why_statement"),
        marked(new_markdown_cell(ESSAY), "why", 3, **answer),
        marked(new_code_cell(ESSAY), "free", 4, **answer),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def create_course(folder):
    """Escribe el curso en `folder`; devuelve la ruta del original."""
    path = Path(folder) / "solutions" / STEM / f"{STEM}.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(manual_source(), path)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    return path


def graded(student="ana", results=RIGHT, answers=ANSWERS, penalty=0.0, late="", **changes):
    """Una entrega calificada; `changes` son campos de `Submission`."""
    received = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    known = {"name": "", "received": received, "problem": "", "notes": (), "digest": "f00d"}
    submission = Submission(student=student, cells=(), answers=answers, **{**known, **changes})
    return Graded(submission, results, {"network": True}, penalty, late)
