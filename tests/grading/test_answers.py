"""Las comprobaciones de la tarea 01 aceptan toda respuesta correcta y ninguna errónea."""

import ast
import importlib.util
import inspect
from pathlib import Path

import numpy as np
import pytest

from vinogpt.check import CheckFailed, Local, check
from vinogpt.grading.notebook import cells_of, parameters, read_notebook
from vinogpt.grading.score import grade_notebook

ROOT = Path(__file__).resolve().parents[2]
SOURCE = read_notebook(ROOT / "solutions" / "01_embeddings" / "01_embeddings.ipynb")
CELLS = cells_of(SOURCE)
CHECKS = [cell for cell in CELLS if cell.kind == "check"]


def load(path):
    """El banco de respuestas como módulo: su nombre empieza por una cifra."""
    spec = importlib.util.spec_from_file_location("answers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BANK = load(ROOT / "tests" / "answers" / "01_embeddings.py")
MODEL = {}  # las respuestas del original
for cell in CELLS:
    if cell.kind == "answer" or cell.id == "imports":
        exec(cell.text, MODEL)


def name_of(answer):
    return answer.__name__.split("__")[0]


def exercise_of(answer):
    """Todas las comprobaciones del ejercicio al que pertenece una respuesta."""
    [exercise] = {cell.exercise for cell in CHECKS if name_of(answer) in parameters(cell.text)}
    return [cell for cell in CHECKS if cell.exercise == exercise]


def failed(cells, answers, seed=0):
    """Identificadores de las comprobaciones que no se cumplen."""
    home = Local({**MODEL, **answers}, seed)
    names = []
    for cell in cells:
        try:
            exec(cell.text, {"np": np, **MODEL, "check": lambda test: check(test, home)})
        except CheckFailed:
            names.append(cell.id)
    return names


def ids(answer):
    return answer.__name__


@pytest.mark.parametrize("answer", BANK.RIGHT, ids=ids)
def test_right_answer_is_accepted_whatever_the_seed(answer):
    checks = exercise_of(answer)
    assert [failed(checks, {name_of(answer): answer}, seed) for seed in range(10)] == [[]] * 10


@pytest.mark.parametrize("answer", BANK.WRONG, ids=ids)
@pytest.mark.parametrize("seed", [0, 1])
def test_wrong_answer_is_rejected(answer, seed):
    assert failed(exercise_of(answer), {name_of(answer): answer}, seed), answer.reason


def test_blank_fails_every_check():
    def blank(*arguments):
        raise NotImplementedError

    names = {name for cell in CHECKS for name in parameters(cell.text)}
    assert failed(CHECKS, dict.fromkeys(names, blank)) == [cell.id for cell in CHECKS]


def test_every_check_rejects_some_wrong_answer():
    useful = set()
    for answer in BANK.WRONG:
        useful.update(failed(exercise_of(answer), {name_of(answer): answer}))
    assert [cell.id for cell in CHECKS if cell.id not in useful] == []


def test_every_exercise_has_enough_answers():
    for answers, least in [(BANK.RIGHT, 4), (BANK.WRONG, 6)]:
        found = [exercise_of(answer)[0].exercise for answer in answers]
        assert min(found.count(cell.exercise) for cell in CHECKS) >= least


# --- En otro proceso -------------------------------------------------------------------------

SAMPLE = [
    "word_tokens__findall",
    "bpe_encode__recursive",
    "masked_mean_gradient__dictionary",
    "shifted_ppmi__dictionary",
    "bpe_encode__one_pass",
    "bpe_encode__mutates",
    "masked_mean_gradient__per_position",
    "shifted_ppmi__nan",
]


def submission_with(answer):
    """El original con una respuesta del banco en lugar de la suya."""
    bank = inspect.getsource(BANK)
    renamed = f"{name_of(answer)} = {answer.__name__}"
    cells = []
    for cell in SOURCE["cells"]:
        if name_of(answer) in defined_in(cell):
            cell = {**cell, "source": f"{cell['source']}\n\n{bank}\n\n{renamed}\n"}
        cells.append(cell)
    return {**SOURCE, "cells": cells}


def defined_in(cell):
    if not cell["metadata"].get("nbgrader", {}).get("solution"):
        return []
    return [node.name for node in ast.parse(cell["source"]).body if hasattr(node, "name")]


@pytest.mark.parametrize("name", SAMPLE)
def test_another_process_gives_the_same_verdict(name):
    answer = getattr(BANK, name)
    results = grade_notebook(submission_with(answer), SOURCE)
    missed = {result.grade_id for result in results if result.reason}
    assert missed == set(failed(CHECKS, {name_of(answer): answer}))
