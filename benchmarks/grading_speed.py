"""Velocidad de la corrección al lado de `nbgrader autograde`, con las mismas entregas honestas.

    python benchmarks/grading_speed.py [--full]

Mide la orden entera, desde que se teclea, por turnos: nbgrader sin configurar (una copia de la
tarea y su libro de notas), la nuestra con un proceso y la nuestra con dos. Hay dos tareas: la 01,
solo de NumPy, y una de Keras que entrena un modelo. Da la razón de medianas con un intervalo del
95 % (bootstrap), la eficiencia con dos procesos y el percentil 95 de calificar una sola entrega,
hasta tener escrita su devolución. Por último, una clase con un planificador de Dask y dos procesos
aparte, por TCP. Sin `--full`, que escribe benchmarks/results/grading_speed.json, hace lo justo para
ver que funciona, y solo en la pantalla.
"""

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from grading_class import demo, load
from side_by_side import FULL, publish, ratio

REPEATS, LATENCIES = (5, 20) if FULL else (1, 2)
CLASSES = {"numpy": 60 if FULL else 4, "keras": 8 if FULL else 2}  # entregas de cada tarea
STOCK = 'c = get_config()\nc.CourseDirectory.source_directory = "solutions"\n'
STOCK += 'c.CourseDirectory.release_directory = "exercises"\nc.Execute.timeout = 300\n'


# --- Los cursos ------------------------------------------------------------------------------


def numpy_course(folder, size):
    """La tarea 01, con respuestas correctas de estilos distintos."""
    source = demo.read(f"solutions/{demo.STEM}/{demo.STEM}.ipynb")
    answers, bank, rng = demo.answers_of(source), demo.Bank(), random.Random(1)
    given = [demo.mixed(bank, answers, rng, 1.0) for _ in range(size)]
    return make_course(folder, demo.STEM, source, given)


def keras_course(folder, size):
    """La tarea de Keras, con la respuesta del original."""
    keras = load("tests/grading/tf_course.py")
    source = keras.tf_source()
    return make_course(folder, keras.STEM, source, [demo.answers_of(source)] * size)


def make_course(folder, stem, source, given):
    """Escribe un curso con nbgrader sin configurar y la tarea publicada; devuelve su nombre."""
    write_notebook(folder / "solutions" / stem / f"{stem}.ipynb", source)
    (folder / "nbgrader_config.py").write_text(STOCK)
    nbgrader(folder, "generate_assignment", stem)
    release = json.loads((folder / "exercises" / stem / f"{stem}.ipynb").read_text())
    for number, answers in enumerate(given):
        path = folder / "submitted" / f"s{number:03}" / stem / f"{stem}.ipynb"
        write_notebook(path, demo.filled(release, answers))
    return stem


def write_notebook(path, notebook):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")


# --- Las órdenes -----------------------------------------------------------------------------


def nbgrader(folder, *arguments):
    """Ejecuta nbgrader, que llama a otros programas de su carpeta."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    execute(folder, ["nbgrader", *arguments], {**os.environ, "PATH": path})


def grade(folder, stem, *options):
    execute(folder, ["vinogpt", "grade", stem, "--submitted", "submitted", *options], os.environ)


def execute(folder, arguments, environment):
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)}\n{done.stdout}{done.stderr}")


def timed(fresh, folder, order):
    """Segundos de `order` en una copia nueva del curso."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(fresh, folder)
    start = time.perf_counter()
    order(folder)
    return time.perf_counter() - start


# --- Las cifras ------------------------------------------------------------------------------


def compare(fresh, folder, stem, size):
    """Segundos por orden, por turnos, y sus razones."""
    orders = {
        "nbgrader": lambda course: nbgrader(course, "autograde", stem),
        "1 worker": lambda course: grade(course, stem, "--workers", "1"),
        "2 workers": lambda course: grade(course, stem, "--workers", "2"),
    }
    seconds = {name: [] for name in orders}
    for _ in range(REPEATS):
        for name, order in orders.items():
            seconds[name].append(timed(fresh, folder, order))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "submissions": size,
        "seconds": {name: [round(s, 2) for s in values] for name, values in seconds.items()},
        "submissions_per_second": {name: round(size / s, 3) for name, s in medians.items()},
        "faster_than_nbgrader": {
            name: ratio(seconds["nbgrader"], seconds[name]) for name in ("1 worker", "2 workers")
        },
    }


def efficiency(run):
    """Parte del doble de velocidad que se consigue con dos procesos, sin contar el arranque.

    Compara lo que tardan de más todas las entregas que una sola, con un proceso y con dos.
    """
    one, many = run["one_submission_seconds"]["median"], run["seconds"]
    alone, pair = (statistics.median(many[name]) - one for name in ("1 worker", "2 workers"))
    return {
        "submissions": run["submissions"] - 1,
        "seconds": {"1 worker": round(alone, 2), "2 workers": round(pair, 2)},
        "efficiency": round(alone / (2 * pair), 3),
    }


def latency(fresh, folder, stem):
    """Segundos de una sola entrega, de la orden a la devolución, con el libro de notas ya hecho."""

    def order(course):
        grade(course, stem, "--student", "s000")
        assert (course / "feedback" / "s000" / stem / f"{stem}.html").exists()

    seconds = [timed(fresh, folder, order) for _ in range(LATENCIES)]
    return {
        "runs": LATENCIES,
        "median": round(statistics.median(seconds), 2),
        "p95": round(float(np.quantile(seconds, 0.95)), 2),
        "max": round(max(seconds), 2),
    }


@contextmanager
def cluster():
    """Dirección de un planificador de Dask con dos procesos aparte, unidos por TCP."""
    options = ["--no-dashboard", "--host", "127.0.0.1"]
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", *options]
    scheduler = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    address = next(line for line in scheduler.stderr if "Scheduler at:" in line).split()[-1]
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1"]
    workers = [subprocess.Popen([*command, *options], stderr=subprocess.DEVNULL) for _ in range(2)]
    try:
        yield address
    finally:
        for process in [*workers, scheduler]:
            process.terminate()
            process.wait(30)


def dask(fresh, folder, stem, size):
    """Una clase con Dask: segundos y si las notas son las mismas que sin él."""
    timed(fresh, folder, lambda course: grade(course, stem))
    expected = (folder / f"grades_{stem}.csv").read_text()
    with cluster() as address:
        seconds = timed(fresh, folder, lambda course: grade(course, stem, "--scheduler", address))
    same = (folder / f"grades_{stem}.csv").read_text() == expected
    return {"submissions": size, "workers": 2, "seconds": round(seconds, 1), "same_marks": same}


def main():
    figures = {"repeats": REPEATS}
    for name, make in {"numpy": numpy_course, "keras": keras_course}.items():
        with tempfile.TemporaryDirectory() as place:
            fresh, folder, size = Path(place, "fresh"), Path(place, "course"), CLASSES[name]
            stem = make(fresh, size)
            figures[name] = compare(fresh, folder, stem, size)
            figures[name]["one_submission_seconds"] = latency(fresh, folder, stem)
            if name == "numpy":
                figures["two_workers"] = efficiency(figures[name])
                figures["dask"] = dask(fresh, folder, stem, size)
    publish("grading_speed", figures)
    return int(not figures["dask"]["same_marks"])


if __name__ == "__main__":
    sys.exit(main())
