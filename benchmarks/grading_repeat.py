"""Cien veces la misma nota: se repite la corrección con el equipo libre y con el equipo saturado.

    python benchmarks/grading_repeat.py [--full]

Las entregas: dos de la tarea 01 con aciertos y errores, una de Keras que entrena un modelo y dos
funciones que gastan el 80 % y el 130 % del tiempo de CPU que se les da. Cada una se repite con un
proceso por núcleo y, después, con otros tres por núcleo que solo gastan CPU. Cuenta cuántos
resultados distintos salen, con sus razones. Sin `--full`, que escribe
benchmarks/results/grading_repeat.json, son tres repeticiones y solo la pantalla.
"""

import json
import os
import random
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import as_completed
from multiprocessing import get_context

from grading_class import demo, load
from side_by_side import FULL, publish

from vinogpt.grading.engine import local_pool, sandbox
from vinogpt.grading.notebook import cells_of, normalise
from vinogpt.grading.rebuild import with_answers
from vinogpt.grading.score import grade_cells

REPEATS = 100 if FULL else 3
CORES = len(os.sched_getaffinity(0))
SEED = 20_260_302
BUDGET = 1.0  # segundos de CPU de las dos funciones que rozan el límite; para las demás, el normal
BURN = """import time


def burn():
    end = time.process_time() + {seconds}
    while time.process_time() < end:
        pass
    return 1
"""
CHECK = "@check\ndef burn_ends(burn):\n    '''Termina a tiempo.'''\n    assert burn() == 1"


def submissions():
    """Nombre de cada entrega, sus celdas y el límite de CPU, None si es el normal."""
    keras, bank, rng = load("tests/grading/tf_course.py"), demo.Bank(), random.Random(1)
    source, release = (demo.read(f"{name}/{demo.STEM}/{demo.STEM}.ipynb") for name in FOLDERS)
    answers = demo.answers_of(source)
    for quality in (0.9, 0.4):
        given = demo.filled(release, demo.mixed(bank, answers, rng, quality))
        cells = with_answers(cells_of(normalise(source)), cells_of(normalise(given)))
        yield f"01, calidad {quality:g}", cells, None
    yield "Keras", tuple(cells_of(keras.tf_source())), None
    for fraction in (0.8, 1.3):
        yield f"{fraction:.0%} del tiempo", near(fraction * BUDGET), BUDGET


FOLDERS = ("solutions", "exercises")


def near(seconds):
    """Celdas de una tarea con una función que gasta `seconds` de CPU."""
    cells = []
    for text, data in [
        (BURN.format(seconds=seconds), {"grade_id": "burn", "solution": True}),
        (CHECK, {"grade_id": "burn_check", "grade": True, "points": 1}),
    ]:
        cells.append({"cell_type": "code", "source": text, "metadata": {"nbgrader": data}})
    return tuple(cells_of(normalise({"cells": cells})))


def once(cells, budget):
    """Resultados de una corrección y lo que tarda, en segundos.

    Como en el motor, lo que detiene el reloj, y no el límite de CPU, se repite una vez.
    """
    start, options = time.perf_counter(), {} if budget is None else {"seconds": budget}
    results = grade_cells(cells, None, SEED, sandbox(True).start, **options)
    if stalled := [result.grade_id for result in results if result.stalled]:
        again = {
            r.grade_id: r for r in grade_cells(cells, stalled, SEED, sandbox(True).start, **options)
        }
        results = [again.get(result.grade_id, result) for result in results]
    return [tuple(result) for result in results], time.perf_counter() - start


def burn_cpu():
    while True:
        pass


def repeat(pool, classes):
    """Resultados distintos de cada entrega, con cuántas veces sale cada uno, y tiempos."""
    outcomes, seconds = defaultdict(Counter), defaultdict(list)
    futures = {
        pool.submit(once, cells, budget): name
        for _ in range(REPEATS)
        for name, cells, budget in classes
    }
    for future in as_completed(futures):
        results, spent = future.result()
        outcomes[futures[future]][json.dumps(results)] += 1
        seconds[futures[future]].append(spent)
    return outcomes, seconds


def measure(classes, load_factor):
    """Lo mismo con `load_factor` procesos por núcleo, contando los que califican."""
    busy = [
        get_context("spawn").Process(target=burn_cpu, daemon=True)
        for _ in range((load_factor - 1) * CORES)
    ]
    for process in busy:
        process.start()
    try:
        with local_pool(CORES) as pool:
            return repeat(pool, classes)
    finally:
        for process in busy:
            process.kill()


def main():
    classes = list(submissions())
    runs = {factor: measure(classes, factor) for factor in (1, 4)}
    table = {}
    for name, _, _ in classes:
        together = sum((outcomes[name] for outcomes, _ in runs.values()), Counter())
        [(usual, _)] = together.most_common(1)
        table[name] = {
            "checks": len(json.loads(usual)),
            "points": sum(result[1] for result in json.loads(usual)),
            "repeats": {f"{factor}x": sum(o[name].values()) for factor, (o, _) in runs.items()},
            "different_results": len(together),
            "median_seconds": {
                f"{factor}x": round(sorted(seconds[name])[len(seconds[name]) // 2], 2)
                for factor, (_, seconds) in runs.items()
            },
        }
    publish("grading_repeat", {"workers": CORES, "submissions": table})
    return int(any(row["different_results"] > 1 for row in table.values()))


if __name__ == "__main__":
    sys.exit(main())
