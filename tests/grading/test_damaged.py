"""Una entrega honesta que llega estropeada tiene la misma nota que si llegara entera.

Aquí las respuestas se ejecutan en este proceso; benchmarks/grading_damaged.py las califica de
verdad y las compara con nbgrader tal cual.
"""

import importlib.util
import io
import json
from contextlib import redirect_stdout, suppress
from functools import cache, partial
from pathlib import Path

import pytest

from vinogpt.check import Local, check
from vinogpt.grading.intake import collect
from vinogpt.grading.notebook import cells_of, compile_cell, read_notebook
from vinogpt.grading.score import grade_cells

ROOT = Path(__file__).resolve().parents[2]
STEM = "01_embeddings"
SOURCE = ROOT / "solutions" / STEM / f"{STEM}.ipynb"
KEEP = {"complete": lambda i: True, "half_done": lambda i: i % 2 == 0}


def load(path):
    """Módulo de una carpeta que no es un paquete."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


damaged = load(Path(__file__).with_name("damaged.py"))


@pytest.fixture(scope="module", params=KEEP)
def submissions(request, tmp_path_factory):
    """Una clase en la que cada estudiante entrega una variante de las mismas respuestas."""
    place = tmp_path_factory.mktemp("submitted")
    release = json.loads((ROOT / "exercises" / STEM / f"{STEM}.ipynb").read_text("utf-8"))
    book = damaged.filled(release, json.loads(SOURCE.read_text("utf-8")), KEEP[request.param])
    damaged.write_class(place, book, release, STEM)
    return {submission.student: submission for submission in collect(place, SOURCE)}


@cache
def marks(cells):
    """Puntos de cada comprobación, con todas las respuestas ejecutadas en orden aquí."""
    namespace, points = {"__name__": "__main__"}, {}
    test = partial(check, home=Local(namespace))
    for cell in cells:
        code = compile_cell(cell.text, cell.id)
        with redirect_stdout(io.StringIO()), suppress(Exception):
            if cell.kind == "check":
                points[cell.id] = 0
                exec(code, {**namespace, "check": test})
                points[cell.id] = cell.points
            else:
                exec(code, namespace)
    return points


def test_there_are_enough_variants():
    assert len(damaged.VARIANTS) >= 55


@pytest.mark.filterwarnings("ignore:aviso")
@pytest.mark.parametrize("name", damaged.VARIANTS)
def test_mark_is_the_clean_one(submissions, name):
    clean, found = submissions["clean"], submissions[name]
    assert found.problem == ""
    assert marks(found.cells) == marks(clean.cells)


def test_clean_marks_are_those_of_what_is_done(submissions):
    clean = submissions["clean"]
    undone = [c.exercise for c in clean.cells if "raise NotImpl" in clean.answers.get(c.id, "")]
    expected = {
        c.id: c.points * (c.exercise not in undone) for c in clean.cells if c.kind == "check"
    }
    assert marks(clean.cells) == expected


def test_only_answers_come_from_the_student(submissions):
    teacher = [cell for cell in cells_of(read_notebook(SOURCE)) if cell.kind != "answer"]
    for submission in submissions.values():
        assert [cell for cell in submission.cells if cell.kind != "answer"] == teacher


@pytest.mark.parametrize("name", ["split_in_two"])
def test_another_process_gives_the_same_mark(submissions, name):
    grade = {result.grade_id: result.points for result in grade_cells(submissions[name].cells)}
    assert grade == marks(submissions["clean"].cells)
