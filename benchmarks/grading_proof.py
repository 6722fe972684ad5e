"""La prueba de que las comprobaciones son justas: aceptan lo correcto y rechazan lo demás.

    python benchmarks/grading_proof.py [--full]

Por el corrector aislado pasan, de cada ejercicio, las respuestas correctas del banco, con varias
semillas; las erróneas, y mutantes de la solución, que tienen un solo cambio. Al lado, la manera de
otros cursos: comparar con lo que da la solución en los ejemplos visibles, siempre los mismos. Sin
`--full`, que escribe benchmarks/results/grading_proof.json, es una muestra y solo la pantalla.
"""

import inspect
import signal
import sys
from collections import Counter, defaultdict
from multiprocessing import cpu_count

import numpy as np
from grading_class import load
from side_by_side import FULL, publish

from vinogpt.check import Local, check
from vinogpt.grading.engine import local_pool, sandbox
from vinogpt.grading.notebook import every_cell
from vinogpt.grading.rebuild import with_answers
from vinogpt.grading.score import grade_cells

banks = load("tests/grading/banks.py")
SEEDS, MUTANTS, WRONG = (20, 40, None) if FULL else (1, 1, 1)
SECONDS = 10  # de CPU: un mutante puede no terminar nunca


def candidates(task, name):
    """Las respuestas a la función `name`: clase, descripción y texto de su celda."""
    bank = inspect.getsource(task.bank)
    for kind, answers, most in [
        ("right", task.bank.RIGHT, None),
        ("wrong", task.bank.WRONG, WRONG),
    ]:
        for answer in [answer for answer in answers if banks.name_of(answer) == name][:most]:
            yield kind, answer.__name__, f"{bank}\n\n{name} = {answer.__name__}\n"
    for change, text in banks.some_mutants(task, name, MUTANTS):
        yield "mutant", change, text


def verdict(stem, name, kind, text):
    """Semillas con las que el corrector rechaza una respuesta, y si la rechazan los ejemplos."""
    task = banks.assignment(stem)
    notebook = banks.with_text(task, name, lambda original: text_of(original, kind, text))
    cells = with_answers(every_cell(task.source), every_cell(notebook))
    checks = task.exercises[banks.exercise_of(task, name)]
    only = [cell.id for cell in checks]
    rejected = []
    for seed in range(SEEDS if kind == "right" else 1):
        results = grade_cells(cells, only, seed, sandbox(True).start, SECONDS)
        if any(result.reason for result in results):
            rejected.append(seed)
    return rejected, not matches_examples(task, checks, name, text_of("", kind, text))


def text_of(original, kind, text):
    """El texto de la celda: un mutante la sustituye; una respuesta del banco va detrás."""
    return text if kind == "mutant" else f"{original}\n\n{text}"


# --- Comparar con unos ejemplos, como otros cursos ---------------------------------------------


def matches_examples(task, checks, name, text):
    """¿Da la respuesta lo mismo que la solución en las llamadas de las pruebas visibles?"""
    calls = recorded(task, [cell for cell in checks if "HIDDEN" not in cell.text], name)
    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        answers = dict(task.model)
        exec(text, answers)
        answer = Local(answers).get(name)
        return all(equal(answer(*arguments), expected) for arguments, expected in calls)
    except Exception:
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def give_up(*_):
    raise TimeoutError


def recorded(task, checks, name):
    """Argumentos y resultados de las llamadas a la solución que hacen unas comprobaciones."""
    solution, calls = Local(task.model).get(name), []

    def record(*arguments):
        calls.append((arguments, solution(*arguments)))
        return calls[-1][1]

    home = Local({**task.model, name: record})
    for cell in checks:
        exec(cell.text, {"np": np, **task.model, "check": lambda test: check(test, home)})
    return calls


def equal(found, expected):
    """Igualdad con la tolerancia de `numpy.testing.assert_allclose`."""
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(
            equal(found[key], value) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(equal, found, expected))
    if isinstance(expected, np.ndarray | float):
        return np.shape(found) == np.shape(expected) and np.allclose(
            found, expected, rtol=1e-6, equal_nan=True
        )
    return found == expected


# --- Las cifras --------------------------------------------------------------------------------


def questions():
    """Cada función de cada ejercicio de cada tarea con banco."""
    for stem in banks.STEMS:
        task = banks.assignment(stem)
        for answer in {banks.name_of(answer): None for answer in task.bank.RIGHT}:
            yield task, answer


def ask(pool):
    """Una fila por respuesta: tarea, ejercicio, clase, descripción y veredictos."""
    asked = [
        (task.stem, banks.exercise_of(task, name), name, *candidate)
        for task, name in questions()
        for candidate in candidates(task, name)
    ]
    futures = [
        pool.submit(verdict, stem, name, kind, text) for stem, _, name, kind, _, text in asked
    ]
    for n, (row, future) in enumerate(zip(asked, futures, strict=True), 1):
        print(f"\r{n} de {len(asked)}", end="", file=sys.stderr, flush=True)
        stem, exercise, name, kind, what, _ = row
        yield stem, exercise, kind, f"{name}: {what}", *future.result()


def main():
    table, survivors, refused = defaultdict(Counter), [], []
    with local_pool(cpu_count()) as pool:
        for stem, exercise, kind, what, rejected, by_examples in ask(pool):
            row = table[stem, exercise]
            row[kind] += 1
            row[f"{kind}_rejected"] += bool(rejected)
            row[f"{kind}_rejected_by_examples"] += by_examples
            if kind == "right" and rejected:
                refused.append(f"{stem}, {what}: semillas {rejected}")
            if kind != "right" and not rejected:
                survivors.append(f"{stem}, {what}")
    figures = {
        "seeds": SEEDS,
        "exercises": {name: dict(row) for (_, name), row in table.items()},
        "refused": refused,
        "survivors": survivors,
    }
    publish("grading_proof", figures)
    return int(bool(refused))


if __name__ == "__main__":
    sys.exit(main())
