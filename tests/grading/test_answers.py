"""Las comprobaciones de cada tarea aceptan toda respuesta correcta y ninguna errónea.

Es una muestra: benchmarks/grading_proof.py pasa el banco entero por el corrector aislado, con más
semillas y con mutantes.
"""

import numpy as np
import pytest
from banks import (
    STEMS,
    assignment,
    exercise_of,
    failed,
    mutants,
    name_of,
    submission_with,
)

from vinogpt.grading.score import grade_notebook


def answers(kind):
    """Cada respuesta `kind` de cada banco, con su tarea, como casos de pytest."""
    return [
        pytest.param(assignment(stem), answer, id=f"{stem}-{answer.__name__}")
        for stem in STEMS
        for answer in getattr(assignment(stem).bank, kind)
    ]


@pytest.fixture(params=STEMS)
def task(request):
    return assignment(request.param)


def missed(task, answer, seed=0):
    """Comprobaciones de su ejercicio que una respuesta no cumple."""
    checks = task.exercises[exercise_of(task, name_of(answer))]
    return failed(task, checks, {name_of(answer): answer}, seed)


@pytest.mark.parametrize("task, answer", answers("RIGHT"))
def test_right_answer_is_accepted_whatever_the_seed(task, answer):
    assert [missed(task, answer, seed) for seed in range(3)] == [[]] * 3


@pytest.mark.parametrize("task, answer", answers("WRONG"))
def test_wrong_answer_is_rejected(task, answer):
    assert missed(task, answer), answer.reason


def test_blank_fails_every_check(task):
    def blank(*arguments):
        raise NotImplementedError

    found = failed(task, task.checks, dict.fromkeys(task.model, blank))
    assert found == [cell.id for cell in task.checks]


def test_every_check_rejects_some_wrong_answer(task):
    useful = set()
    for answer in task.bank.WRONG:
        useful.update(missed(task, answer))
    assert [cell.id for cell in task.checks if cell.id not in useful] == []


def test_every_exercise_has_enough_answers(task):
    for found, least in [(task.bank.RIGHT, 4), (task.bank.WRONG, 6)]:
        exercises = [exercise_of(task, name_of(answer)) for answer in found]
        assert min(exercises.count(name) for name in task.exercises) >= least


def test_mutant_is_one_small_change():
    text = "def f(x):\n    if x > 1:\n        return -x\n    return x + 1"
    found = [mutant for _, mutant in mutants(text)]
    assert len(found) == len(set(found)) == 10
    assert text.replace("x + 1", "x - 1") in found
    assert text.replace("x > 1", "x >= 1") in found
    assert text.replace("if x > 1", "if not x > 1") in found
    assert text.replace("    if x > 1:\n        return -x", "    pass") in found


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_grouped_attention_is_the_layer_of_keras(groups):
    import keras

    task, rng = assignment("04_atencion"), np.random.default_rng(groups)
    x, W_O = rng.normal(size=(7, 11)), rng.normal(size=(6 * 5, 11))
    W_Q, W_K, W_V = (rng.normal(size=(11, n * 5)) / 3 for n in (6, groups, groups))
    weights = [array.astype("float32") for array in (x, W_Q, W_K, W_V, W_O)]
    ours = task.model["grouped_attention"](*weights, 6, groups)
    assert np.allclose(ours, task.bank.keras_oracle(keras, *weights, 6, groups), atol=1e-4)


# --- En otro proceso ---------------------------------------------------------------------------


def one_per_exercise():
    """De cada ejercicio, una respuesta: por turno, una correcta y una errónea."""
    for stem in STEMS:
        task = assignment(stem)
        for n, name in enumerate(task.exercises):
            bank = task.bank.WRONG if n % 2 else task.bank.RIGHT
            answer = next(a for a in bank if exercise_of(task, name_of(a)) == name)
            yield pytest.param(task, answer, id=f"{stem}-{answer.__name__}")


@pytest.mark.parametrize("task, answer", [*one_per_exercise()])
def test_another_process_gives_the_same_verdict(task, answer):
    results = grade_notebook(submission_with(task, answer), task.source)
    found = {result.grade_id for result in results if result.reason}
    assert found == set(failed(task, task.checks, {name_of(answer): answer}))
