"""El motor: reparte entregas entre procesos, recuerda lo ya calificado y no pierde a nadie.

La frontera es `concurrent.futures.Executor`: procesos de este equipo (`local_pool`) o los de un
planificador de Dask (`dask_pool`). Cada resultado se guarda con una clave que resume todo lo que
lo decide, así que repetir una orden solo ejecuta lo que falta o ha cambiado.
"""

import atexit
import hmac
import json
import os
import secrets
import signal
import threading
import time
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from functools import cache, partial
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import NamedTuple

from vinogpt.grading.cache import key_of, version
from vinogpt.grading.notebook import NotebookError
from vinogpt.grading.sandbox import Sandbox, SandboxError
from vinogpt.grading.score import Result, grade_cells

FOLDER = Path(".grading")  # dentro del curso: resultados, secreto, copias y registros
FATAL = (NotebookError, ImportError)  # errores que tendrían todas las entregas


class Job(NamedTuple):
    """Comprobaciones `only` de una entrega; `version` es la de quien la envía."""

    student: str
    cells: tuple
    only: tuple
    seed: int
    isolated: bool
    version: str


class Report(NamedTuple):
    """Resultados de una entrega; `cached` son los que no hace falta ejecutar."""

    student: str
    results: tuple
    isolation: dict
    seconds: float
    cached: int = 0


# --- En el proceso que califica --------------------------------------------------------------

ONE_AT_A_TIME = threading.Lock()  # quien comprueba desvía la salida estándar de todo el proceso


@cache
def sandbox(isolated):
    """La caja de arena de este proceso, que se cierra con él."""
    box = Sandbox(isolated)
    atexit.register(box.close)
    return box


def grade_job(job):
    """`Report` de un trabajo; ImportError si este proceso tiene otra versión del corrector."""
    if job.version != version():
        raise ImportError(
            "Quien califica tiene otra versión del curso o de sus bibliotecas: instala la misma "
            "en todos los equipos y reinicia sus procesos."
        )
    with ONE_AT_A_TIME:
        start = time.perf_counter()
        box = sandbox(job.isolated)
        isolation = box.prove()
        results = grade_cells(job.cells, job.only, job.seed, box.start)
    return Report(job.student, tuple(results), isolation, time.perf_counter() - start)


# --- Ejecutores ------------------------------------------------------------------------------


@contextmanager
def local_pool(workers):
    """Procesos de este equipo; ninguno sobrevive a quien los crea."""
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=follow_parent)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def follow_parent():
    """Termina este proceso, y con él sus cajas de arena, en cuanto termine quien lo creó."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C es para quien lo creó
    follow = threading.Thread(target=lambda: (parent_process().join(), os._exit(1)), daemon=True)
    follow.start()


@contextmanager
def dask_pool(address):
    """Procesos del planificador de Dask en `address`; OSError si no responde."""
    from distributed import Client  # tarda en importarse

    try:
        client = Client(address, timeout=10)
    except OSError:
        raise OSError(f"No responde ningún planificador de Dask en {address}") from None
    with client:
        yield client.get_executor(pure=False)


def run(jobs, open_pool):
    """`Report` de cada trabajo, según terminan; si se pierde un proceso, se repite lo que falte.

    El primero que falta se ejecuta a solas antes de seguir: el que rompe procesos queda aparte tras
    tantas vueltas como procesos haya.
    """
    while jobs:
        lost = yield from together(jobs, open_pool)
        if lost:
            yield from alone(lost[0][0], open_pool)
        jobs = [job for job, _ in lost[1:]]


def together(jobs, open_pool):
    """Informes según terminan; devuelve los trabajos que se pierden, en su orden, y el error."""
    futures, errors = {}, {}
    with open_pool() as pool:
        with suppress(BrokenExecutor):  # los que no llegan a enviarse también se pierden
            for job in jobs:
                futures[pool.submit(grade_job, job)] = job.student
        for future in as_completed(futures):
            try:
                yield future.result()
            except FATAL:
                raise
            except Exception as error:
                errors[futures.pop(future)] = error
    done = set(futures.values())
    return [(job, errors.get(job.student)) for job in jobs if job.student not in done]


def alone(job, open_pool):
    """Informe de un trabajo sin nadie más; ceros con su razón si falla dos veces.

    Sin aislamiento no hay nota, tampoco un 0: se lanza SandboxError.
    """
    for _ in range(2):
        if not (lost := (yield from together([job], open_pool))):
            return
    [(_, error)] = lost
    if isinstance(error, SandboxError):
        raise error
    reason = f"El corrector falla con esta entrega: revísala a mano. {error!r}"
    checks = [cell for cell in job.cells if cell.id in job.only]
    zeros = [Result(cell.id, 0.0, cell.points, reason, stalled=True) for cell in checks]
    yield Report(job.student, tuple(zeros), {}, 0.0)


# --- Semillas ----------------------------------------------------------------------------------


def secret_of(course):
    """Secreto del curso, que se crea la primera vez; solo lo lee su dueño."""
    path = Path(course) / FOLDER / "secret"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with suppress(FileExistsError), open(path, "xb", opener=partial(os.open, mode=0o600)) as file:
        file.write(secrets.token_bytes(32))
    return path.read_bytes()


def seed_of(secret, student, assignment):
    """Semilla de un estudiante en una tarea: 64 bits de HMAC-SHA256 con el secreto del curso."""
    text = json.dumps([student, assignment]).encode()
    return int.from_bytes(hmac.digest(secret, text, "sha256")[:8])


# --- Una clase -------------------------------------------------------------------------------


def grade_all(submissions, open_pool, cache, seed_for, isolated=True):
    """`Report` de cada entrega, según terminan; primero, las que ya estaban calificadas.

    `open_pool()` da un contexto con un `Executor`; `seed_for(student)`, su semilla. Cada resultado
    se guarda en cuanto llega. Lo que detiene el reloj se repite a solas al final. Lanza
    NotebookError, SandboxError o ImportError si algo impide calificar cualquier entrega.
    """
    plans, again = {}, []
    for submission in submissions:
        job, keys, known = plan(submission, cache, seed_for(submission.student), isolated)
        if job.only:
            plans[job.student] = job, keys, known
        else:
            yield known
    for report in run([job for job, _, _ in plans.values()], open_pool):
        job, keys, known = plans.pop(report.student)
        cache.add(keys, report)
        stalled = tuple(result.grade_id for result in report.results if result.stalled)
        if stalled:
            again.append((job._replace(only=stalled), keys, joined(known, report)))
        else:
            yield joined(known, report)
    for job, keys, known in again:
        for report in alone(job, open_pool):
            cache.add(keys, report)
            yield joined(known, report)


def plan(submission, cache, seed, isolated):
    """Trabajo con lo que falta de una entrega, claves de todo e informe de lo ya calificado."""
    student, cells = submission.student, submission.cells
    checks = [cell for cell in cells if cell.kind == "check"]
    keys = {cell.id: key_of(cells, cell, seed, isolated) for cell in checks}
    known = Report(student, (), {}, 0.0)
    for cell in checks:
        if found := cache.find(keys[cell.id]):
            result = Result(cell.id, 0.0 if found[0] else cell.points, cell.points, found[0])
            known = joined(known, Report(student, (result,), found[1], 0.0, cached=1))
    done = {result.grade_id for result in known.results}
    only = tuple(name for name in keys if name not in done)
    return Job(student, cells, only, seed, isolated, version()), keys, known


def joined(known, report):
    """Los dos informes en uno; de una comprobación repetida vale la última."""
    results = {result.grade_id: result for result in known.results + report.results}
    a, b = known.isolation, report.isolation
    isolation = {name: a.get(name, True) and b.get(name, True) for name in a | b}
    seconds, cached = known.seconds + report.seconds, known.cached + report.cached
    return Report(known.student, tuple(results.values()), isolation, seconds, cached)
