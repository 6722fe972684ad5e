"""El camino a las notas con los verbos de nbgrader: generar, entregar, calificar, devolver.

Un curso de usar y tirar recorre nbgrader entero con la configuración del repositorio, que rehace
cada entrega y la califica aislada; lo mismo se calcula después sin pasar por nbgrader.
"""

import csv
import html
import json
import re
import shutil

import pytest

from vinogpt.grading.notebook import read_notebook
from vinogpt.grading.score import grade_notebook

STEM = "01_embeddings"
NOISY = """
import os
import sys


def noisy(function):
    def inner(*args):
        print("aviso de Python", file=sys.stderr)
        os.write(2, b"aviso de una biblioteca en C")
        return function(*args)
    return inner
"""

CHEAT = """
import sys
from pathlib import Path

sys.displayhook("todos los puntos")
Path("huella.txt").write_text("he estado aquí")
"""


def write_stderr(answer):
    """La misma respuesta, que además escribe en stderr cada vez que se llama."""
    return re.sub(r"^def ", "@noisy\ndef ", answer, flags=re.MULTILINE)


def import_tensorflow(answer):
    """La misma respuesta, que importa TensorFlow y lo usa dentro de cada función."""
    use = "\n    import tensorflow as tf\n    tf.constant(1) + 1\n    "
    return re.sub(r'("""\n(?:.*?""")?)(?=\s+### BEGIN)', r"\1" + use, answer)


@pytest.fixture(scope="module")
def course(repo, tmp_path_factory, nbgrader, bwrap):
    """Curso temporal con la tarea publicada y siete entregas, calificado de principio a fin."""
    folder = tmp_path_factory.mktemp("course")
    shutil.copytree(repo / "solutions", folder / "solutions")
    shutil.copy(repo / "nbgrader_config.py", folder)
    nbgrader(folder, "generate_assignment", STEM)
    release = read_json(folder / "exercises" / STEM / f"{STEM}.ipynb")
    answers = answers_of(read_json(folder / "solutions" / STEM / f"{STEM}.ipynb"))
    half = {name: answers[name] for name in ("words", "masked_mean")}
    loud = {name: NOISY + write_stderr(text) for name, text in answers.items()}
    heavy = {name: import_tensorflow(text) for name, text in answers.items()}
    submissions = {
        "sol": filled(release, answers),
        "blank": release,
        "half": filled(release, half),
        "loud": without(filled(release, loud), "words_check_tokens", "bpe_encode_hidden_words"),
        "heavy": without(filled(release, heavy), None),
        "skip": skipping(release),
        "cheat": filled(release, dict.fromkeys(answers, CHEAT)),
    }
    for student, notebook in submissions.items():
        target = folder / "submitted" / student / STEM / f"{STEM}.ipynb"
        target.parent.mkdir(parents=True)
        target.write_text(json.dumps(notebook), encoding="utf-8")
        (target.parent / "page.html").write_text("<script>alert(1)</script>", encoding="utf-8")
    nbgrader(folder, "autograde", STEM)
    nbgrader(folder, "generate_feedback", STEM)
    nbgrader(folder, "export", "--to=grades.csv")
    return folder


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def grade_id(cell):
    return cell["metadata"].get("nbgrader", {}).get("grade_id", "")


def answers_of(source):
    cells = source["cells"]
    chosen = [cell for cell in cells if cell["metadata"].get("nbgrader", {}).get("solution")]
    return {grade_id(cell): "".join(cell["source"]) for cell in chosen}


def filled(release, given):
    """El cuaderno publicado con las respuestas de un estudiante."""
    cells = [{**c, "source": given.get(grade_id(c), c["source"])} for c in release["cells"]]
    return {**release, "cells": cells}


def skipping(notebook):
    """El mismo cuaderno con la etiqueta que pide a nbclient no ejecutar una celda."""
    cells = [
        {**c, "metadata": {**c["metadata"], "tags": ["skip-execution"]}} for c in notebook["cells"]
    ]
    return {**notebook, "cells": cells}


def without(notebook, *deleted):
    """El mismo cuaderno sin esas celdas; `None` son las celdas libres."""
    cells = [c for c in notebook["cells"] if (grade_id(c) or None) not in deleted]
    return {**notebook, "cells": cells}


def scores(course):
    with (course / "grades.csv").open(encoding="utf-8", newline="") as file:
        return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}


def hidden_lines(source):
    """Las líneas que solo están en pruebas ocultas, sin las que de cortas pueden coincidir."""
    text = "\n".join("".join(cell["source"]) for cell in source["cells"])
    region = re.compile("BEGIN HIDDEN TESTS(.*?)END HIDDEN TESTS", re.DOTALL)
    visible = set(map(str.strip, region.sub("", text).splitlines()))
    hidden = set(map(str.strip, "".join(region.findall(text)).splitlines())) - visible
    lines = {line for line in hidden if len(line) >= 20}
    assert len(lines) > 100
    return lines


def feedback_text(course, student):
    page = (course / "feedback" / student / STEM / f"{STEM}.html").read_text(encoding="utf-8")
    return html.unescape(re.sub("<[^>]+>", "", page))


def test_solution_gets_all_points(course):
    assert scores(course)["sol"] == 20


def test_blank_gets_zero(course):
    assert scores(course)["blank"] == 0


def test_half_done_gets_exactly_its_points(course):
    assert scores(course)["half"] == 3 + 5


def test_stderr_and_deleted_checks_cost_nothing(course):
    assert scores(course)["loud"] == 20


@pytest.mark.parametrize("student", ["skip", "cheat"])
def test_tricks_earn_nothing_and_leave_no_trace(course, student):
    assert scores(course)[student] == 0
    assert not list(course.rglob("huella.txt"))


def test_only_the_notebook_reaches_autograded(course):
    assert {path.name for path in course.glob("autograded/*/*/*")} == {f"{STEM}.ipynb"}


def test_score_per_exercise_adds_up(course):
    with (course / "grades.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            exercises = [float(row[name]) for name in row if name.startswith("Ejercicio")]
            assert len(exercises) == 4 and sum(exercises) == float(row["score"])


def test_tensorflow_costs_nothing(course):
    assert scores(course)["heavy"] == 20


def test_release_shows_no_hidden_test(course):
    release = read_json(course / "exercises" / STEM / f"{STEM}.ipynb")
    source = read_json(course / "solutions" / STEM / f"{STEM}.ipynb")
    shown = "\n".join("".join(cell["source"]) for cell in release["cells"])
    assert [line for line in hidden_lines(source) if line in shown] == []


@pytest.mark.parametrize("student", ["sol", "blank", "half"])
def test_feedback_shows_no_hidden_test(course, student):
    source = read_json(course / "solutions" / STEM / f"{STEM}.ipynb")
    shown = feedback_text(course, student)
    assert [line for line in hidden_lines(source) if line in shown] == []


def test_feedback_explains_what_is_missing(course):
    assert "Ejercicio sin hacer" in feedback_text(course, "blank")


@pytest.mark.parametrize("student", ["sol", "blank", "half"])
def test_answers_in_another_process_get_the_same_marks(course, student):
    source = read_notebook(course / "solutions" / STEM / f"{STEM}.ipynb")
    submitted = read_notebook(course / "submitted" / student / STEM / f"{STEM}.ipynb")
    results = grade_notebook(submitted, source)
    assert sum(result.points for result in results) == scores(course)[student]
