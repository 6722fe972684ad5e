"""Una clase de mil entregas: un resultado para cada una, y el mismo que a solas.

    python benchmarks/grading_class.py [--full]

Nueve de cada diez son honestas, de calidad variada; la décima parte son hostiles o llegan dañadas.
La orden `grade` se mata a medias y se repite; después se mata uno de sus procesos. Se cuenta qué se
pierde, qué se repite y qué queda vivo o escrito donde no debe. Sin `--full`, que escribe
benchmarks/results/grading_class.json, son veinte entregas y solo la pantalla.
"""

import ctypes
import importlib.util
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

from side_by_side import FULL, publish

from vinogpt.grading.intake import collect
from vinogpt.grading.sandbox import Sandbox
from vinogpt.grading.score import grade_cells
from vinogpt.grading.watch import tree

ROOT = Path(__file__).resolve().parents[1]
SUBMISSIONS, ALONE = (1_000, 100) if FULL else (20, 3)
SET_CHILD_SUBREAPER = 36  # prctl: los huérfanos de la orden pasan a ser hijos de esta medida
WRITTEN = {"gradebook.db", "autograded", "feedback", "submitted", ".grading"}


def load(path):
    """Módulo de un archivo que no está en un paquete."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


demo = load("scripts/demo_class.py")
hostile, damaged = load("tests/grading/hostile.py"), load("tests/grading/damaged.py")
STEM, NAME = demo.STEM, f"{demo.STEM}.ipynb"


# --- La clase --------------------------------------------------------------------------------


def build(course):
    """Escribe el curso y las entregas; devuelve qué estudiantes son honestos."""
    shutil.copytree(ROOT / "solutions", course / "solutions")
    shutil.copy(ROOT / "nbgrader_config.py", course)
    source, release = (
        demo.read(f"{folder}/{STEM}/{NAME}") for folder in ("solutions", "exercises")
    )
    answers, bank, rng = demo.answers_of(source), demo.Bank(), random.Random(1)
    book = hostile.Book(release, answers)
    attacks = [a for a in hostile.ATTACKS if not (a.earlier or a.whole)]
    honest = []
    for number in range(SUBMISSIONS):
        student = f"s{number:04}"
        if number % 10:
            given = demo.mixed(bank, answers, rng, rng.random())
            files = {NAME: json.dumps(demo.filled(release, given)).encode()}
            honest.append(student)
        elif number % 20:
            files = rng.choice(attacks).make(book, world(course, student))
        else:
            perfect = demo.filled(release, answers)
            files = rng.choice(list(damaged.VARIANTS.values()))(perfect, release, NAME)
        write_tree(course / "in" / student, files)
    return honest


def world(course, student):
    """Lo que rodea a una entrega hostil, sin nada a la escucha."""
    outside = course.parent / "outside"
    return hostile.World(student, "class", str(outside), str(course), 9)


def write_tree(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content(path) if callable(content) else path.write_bytes(content)


# --- La orden --------------------------------------------------------------------------------


def start(course):
    """Empieza a calificar; los archivos temporales van a una carpeta propia."""
    temporary = course.parent / "tmp"
    temporary.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "vinogpt", "grade", STEM, "--submitted", "in"]
    return subprocess.Popen(
        command, cwd=course, env={**os.environ, "TMPDIR": str(temporary)}, stdout=subprocess.DEVNULL
    )


def stored(course):
    """Comprobaciones que ya están guardadas."""
    path = course / ".grading" / "results.db"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as db, suppress(sqlite3.OperationalError):
        return db.execute("SELECT count(*) FROM results").fetchone()[0]
    return 0


def wait_for(course, run, checks):
    """Espera a que haya `checks` comprobaciones guardadas o a que termine la orden."""
    while stored(course) < checks and run.poll() is None:
        time.sleep(0.1)


def workers(run):
    """Procesos que califican, los que crea la orden."""
    return [pid for pid in tree(run.pid)[1:] if b"spawn_main" in read(f"/proc/{pid}/cmdline")]


def read(path):
    with suppress(OSError):
        return Path(path).read_bytes()
    return b""


def left_behind(course, seconds=10):
    """Procesos que siguen vivos y archivos que no debían quedar."""
    end = time.monotonic() + seconds
    while (alive := living()) and time.monotonic() < end:
        time.sleep(0.2)
    files = [path for path in (course.parent / "tmp").rglob("*") if path.is_file()]
    expected = {"in", "solutions", "nbgrader_config.py", f"grades_{STEM}.csv"} | WRITTEN
    files += [path for path in course.iterdir() if path.name not in expected]
    files += list((course.parent / "outside").rglob("*"))
    return {"processes": len(alive), "files": len(files)}


def living():
    """Descendientes de esta medida que no son zombis."""
    reap()
    return [pid for pid in tree(os.getpid())[1:] if read(f"/proc/{pid}/cmdline")]


def reap():
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


# --- Las cifras ------------------------------------------------------------------------------


def measure(course):
    honest = build(course)
    checks = 25 * SUBMISSIONS  # cota: las que no se pueden usar no se ejecutan
    begin = time.monotonic()
    first = start(course)
    wait_for(course, first, 0.4 * checks)
    interrupted = first.poll() is None
    first.kill()
    first.wait()
    after_kill, before = left_behind(course), stored(course)
    second = start(course)
    wait_for(course, second, 0.7 * checks)
    victims = workers(second)[:2]  # el que escribe y uno de los que califican
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    code = second.wait()
    seconds = time.monotonic() - begin
    record = json.loads((course / ".grading" / f"{STEM}.json").read_text(encoding="utf-8"))
    usable = {name: own for name, own in record.items() if not own["problem"]}
    stalled = sum(r["stalled"] for own in usable.values() for r in own["results"])
    executed = sum(len(own["results"]) - own["cached"] for own in usable.values()) - stalled
    return {
        "submissions": SUBMISSIONS,
        "honest": len(honest),
        "unusable": len(record) - len(usable),
        "with_a_result": sum(len(own["results"]) == 25 for own in record.values()),
        "exit_code": code,
        "killed": {"in_the_middle": interrupted, "workers": len(victims)},
        "checks": {
            "before_the_kill": before,
            "after": executed,
            "stored": stored(course),
            "not_final": stalled,
            "executed_twice": executed - (stored(course) - before),
        },
        "left_after_the_kill": after_kill,
        "left_at_the_end": left_behind(course),
        "alone": alone(course, record, honest),
        "seconds": round(seconds, 1),
        "submissions_per_second": round(SUBMISSIONS / seconds, 2),
        "isolation": sorted({n for own in usable.values() for n in own["isolation"]}),
        "isolation_failures": sum(not all(own["isolation"].values()) for own in usable.values()),
    }


def alone(course, record, honest):
    """Compara una muestra de entregas honestas con lo que sacan solas, en una caja nueva."""
    sample = set(random.Random(2).sample(honest, ALONE))
    different = 0
    for submission in collect(course / "in", course / "solutions" / STEM / NAME):
        if submission.student in sample:
            own = record[submission.student]
            with Sandbox() as box:
                results = grade_cells(submission.cells, None, own["seed"], box.start)
            together = {(r["grade_id"], r["points"], r["reason"]) for r in own["results"]}
            different += together != {(r.grade_id, r.points, r.reason) for r in results}
    return {"compared": ALONE, "different": different}


def main():
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder, "course"))
    publish("grading_class", figures)
    lost = figures["submissions"] - figures["with_a_result"]
    faults = [lost, figures["checks"]["executed_twice"], figures["alone"]["different"]]
    left = figures["left_after_the_kill"]["processes"], *figures["left_at_the_end"].values()
    return int(any([*faults, *left, figures["isolation_failures"]]))


if __name__ == "__main__":
    sys.exit(main())
