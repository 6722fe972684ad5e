"""vinogpt.grading.engine: un resultado por entrega, pase lo que pase, y nada dos veces."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from vinogpt.grading import engine
from vinogpt.grading.cache import Cache
from vinogpt.grading.notebook import NotebookError, cells_of, normalise
from vinogpt.grading.sandbox import SandboxError
from vinogpt.grading.score import Result

DOUBLE = "@check\ndef doubles(double):\n    '''El doble.'''\n    assert double(2) == 4, 'No es 4'"
HALVE = "@check\ndef halves(halve):\n    '''La mitad.'''\n    assert halve(4) == 2, 'No es 2'"


def cells(double="def double(x):\n    return 2 * x", halve="def halve(x):\n    return x / 2"):
    """Celdas de una tarea con dos ejercicios de un punto."""

    def cell(grade_id, text, **data):
        nbgrader = {"grade_id": grade_id, "locked": True, **data}
        return {"cell_type": "code", "source": text, "metadata": {"nbgrader": nbgrader}}

    def title(text):
        return {"cell_type": "markdown", "source": f"## Ejercicio {text}", "metadata": {}}

    parts = [
        cell("imports", "import numpy as np"),
        title("1"),
        cell("double", double, solution=True),
        cell("double_check", DOUBLE, grade=True, points=1),
        title("2"),
        cell("halve", halve, solution=True),
        cell("halve_check", HALVE, grade=True, points=1),
    ]
    return tuple(cells_of(normalise({"cells": parts})))


def submission(student, **answers):
    return SimpleNamespace(student=student, cells=cells(**answers))


def job(student, only=("double_check", "halve_check")):
    return engine.Job(student, cells(), only, 0, False, engine.version())


threads = partial(ThreadPoolExecutor, 2)
processes = partial(engine.local_pool, 2)


def marks(reports):
    """Puntos de cada estudiante."""
    return {report.student: sum(r.points for r in report.results) for report in reports}


@pytest.fixture
def executed(monkeypatch):
    """Lo que se ejecuta, que en estas pruebas siempre está bien: lista de (estudiante, celdas)."""
    done = []

    def grade_job(job):
        done.append((job.student, job.only))
        points = {cell.id: cell.points for cell in job.cells}
        results = tuple(Result(name, points[name], points[name], "") for name in job.only)
        return engine.Report(job.student, results, {"network": True}, 0.1)

    monkeypatch.setattr(engine, "grade_job", grade_job)
    return done


def grade(submissions, cache, seed=0, isolated=True):
    return list(engine.grade_all(submissions, threads, cache, lambda student: seed, isolated))


# --- Lo ya calificado ------------------------------------------------------------------------


def test_second_run_executes_nothing_and_gives_the_same(executed):
    cache, class_ = Cache(":memory:"), [submission("ana"), submission("luis")]
    first = grade(class_, cache)
    executed.clear()
    again = grade(class_, cache)
    assert executed == []
    assert marks(again) == marks(first) == {"ana": 2, "luis": 2}
    assert [(report.cached, report.isolation) for report in again] == [(2, {"network": True})] * 2


def test_changed_answer_repeats_only_what_replays_it(executed):
    cache = Cache(":memory:")
    grade([submission("ana")], cache)
    grade([submission("ana", halve="halve = abs")], cache)
    assert executed[1:] == [("ana", ("halve_check",))]


def test_changed_check_is_repeated_for_everyone(executed, monkeypatch):
    cache, class_ = Cache(":memory:"), ["ana", "luis"]
    grade(map(submission, class_), cache)
    executed.clear()
    monkeypatch.setitem(globals(), "DOUBLE", DOUBLE.replace("2) == 4", "3) == 6"))
    grade(map(submission, class_), cache)
    assert sorted(executed) == [("ana", ("double_check",)), ("luis", ("double_check",))]


@pytest.mark.parametrize("change", [{"seed": 1}, {"isolated": False}])
def test_seed_and_isolation_are_part_of_the_result(executed, change):
    cache = Cache(":memory:")
    grade([submission("ana")], cache)
    grade([submission("ana")], cache, **change)
    assert len(executed) == 2


def test_points_are_not_part_of_the_result(executed):
    cache, [source] = Cache(":memory:"), [submission("ana")]
    grade([source], cache)
    dearer = [cell._replace(points=3 * cell.points) for cell in source.cells]
    assert marks(grade([SimpleNamespace(student="ana", cells=tuple(dearer))], cache)) == {"ana": 6}
    assert len(executed) == 1


def test_result_stopped_by_the_clock_is_repeated_alone_and_never_stored(monkeypatch):
    cache, alone = Cache(":memory:"), []

    def grade_job(job):
        alone.append(job.only)
        slow = Result("double_check", 0.0, 1.0, "tarda", stalled=True)
        fine = Result("halve_check", 1.0, 1.0, "")
        return engine.Report("ana", (slow, fine)[: len(job.only)], {}, 0.1)

    monkeypatch.setattr(engine, "grade_job", grade_job)
    [report] = grade([submission("ana")], cache)
    assert alone == [("double_check", "halve_check"), ("double_check",)]
    assert {r.grade_id: r.reason for r in report.results} == {
        "double_check": "tarda",
        "halve_check": "",
    }
    [again] = grade([submission("ana")], cache)
    assert again.cached == 1


# --- Procesos que se pierden -----------------------------------------------------------------


def test_a_job_that_always_breaks_its_process_gets_zero_and_the_others_their_marks(monkeypatch):
    healthy = engine.grade_job

    def grade_job(job):
        if job.student == "b":
            raise BrokenExecutor("adiós")
        return healthy(job)

    monkeypatch.setattr(engine, "grade_job", grade_job)
    reports = list(engine.run([job(name) for name in "abcd"], threads))
    assert marks(reports) == {"a": 2, "b": 0, "c": 2, "d": 2}
    [broken] = [report for report in reports if report.student == "b"]
    assert all(r.stalled and "adiós" in r.reason for r in broken.results)


@pytest.mark.parametrize("error", [NotebookError, SandboxError])
def test_what_prevents_grading_stops_the_run(monkeypatch, error):
    def grade_job(job):
        raise error("falla")

    monkeypatch.setattr(engine, "grade_job", grade_job)
    with pytest.raises(error):
        list(engine.run([job("ana")], threads))


def test_another_version_is_refused():
    with pytest.raises(ImportError, match="otra versión"):
        engine.grade_job(job("ana")._replace(version="vieja"))


def test_a_killed_worker_loses_nothing():
    names = [f"s{n}" for n in range(12)]
    reports, victim = [], None
    for report in engine.run([job(name) for name in names], processes):
        reports.append(report)
        victim = victim or kill(children(os.getpid())[0])
    assert sorted(marks(reports).items()) == sorted((name, 2) for name in names)


def kill(pid):
    os.kill(pid, signal.SIGKILL)
    return pid


def children(pid):
    """Procesos de Python creados por `pid`, sin el que lleva la cuenta de recursos."""
    listed = subprocess.run(["pgrep", "-P", str(pid), "-f", "spawn_main"], capture_output=True)
    return list(map(int, listed.stdout.split()))


def test_no_process_outlives_a_killed_run(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(
        "import time\n"
        "from vinogpt.grading.engine import local_pool\n"
        "if __name__ == '__main__':\n"
        "    with local_pool(1) as pool:\n"
        "        pool.submit(time.sleep, 60)\n"
        "        time.sleep(60)\n"
    )
    run = subprocess.Popen([sys.executable, script])
    alive = until(lambda: children(run.pid))
    run.kill()
    run.wait()
    assert until(lambda: not any(map(is_alive, alive)))


def is_alive(pid):
    """Un proceso terminado del que nadie se ha hecho cargo ya no tiene orden."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()


def until(condition, seconds=20):
    """Espera a que se cumpla la condición y la devuelve."""
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return value


@pytest.mark.parametrize("name", ["grading_class", "grading_repeat"])
def test_a_small_class_meets_what_the_figures_promise(bwrap, repo, name):
    program = [sys.executable, repo / "benchmarks" / f"{name}.py"]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


# --- Semillas --------------------------------------------------------------------------------


def test_seed_depends_on_secret_student_and_assignment():
    seeds = [
        engine.seed_of(*each)
        for each in [(b"s", "ana", "01"), (b"t", "ana", "01"), (b"s", "luis", "01")]
    ]
    assert len({*seeds, engine.seed_of(b"s", "ana", "02")}) == 4
    assert engine.seed_of(b"s", "ana", "01") == seeds[0] < 2**64


def test_secret_is_created_once_and_is_private(tmp_path):
    secret = engine.secret_of(tmp_path)
    assert len(secret) == 32
    assert engine.secret_of(tmp_path) == secret
    assert (tmp_path / ".grading" / "secret").stat().st_mode & 0o777 == 0o600
