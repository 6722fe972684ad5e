"""Órdenes `grade` y `regrade`: de las entregas de una clase a sus notas, con una sola orden.

Se ejecutan en la carpeta del curso, la que contiene `solutions/`. Código de salida: 0 si todo va
bien, 1 si alguna entrega tiene un problema, 2 si no se puede calificar.
"""

import os
import shutil
import sys
import time
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from importlib import import_module
from multiprocessing import active_children, get_context
from pathlib import Path

from vinogpt.__main__ import PROGRAM, Parser, fail, whole_number
from vinogpt.grading import engine, summary
from vinogpt.grading.cache import Cache
from vinogpt.grading.deadlines import DeadlineError, late_fraction, late_reason, load_policy
from vinogpt.grading.intake import MISSING, Graded, collect
from vinogpt.grading.notebook import NotebookError, cells_of, read_notebook
from vinogpt.grading.people import IntakeError
from vinogpt.grading.sandbox import SandboxError
from vinogpt.grading.score import Result

EXPLAINED = (NotebookError, IntakeError, DeadlineError, SandboxError, ImportError)
STORED = "submitted"  # copia de lo que llegó, como la ordena nbgrader


def main(argv):
    """Ejecuta la orden y devuelve su código de salida."""
    sys.stdout.reconfigure(errors="replace")  # una terminal puede no tener todos los signos
    undoing = argv == ["grade", "--undo"]
    args = None if undoing else build_parser(argv[0]).parse_args(argv[1:])
    try:
        return undo_last() if undoing else grade(args)
    except KeyboardInterrupt:
        return fail("Interrumpido. Lo ya calificado está guardado: repite la orden para seguir.")
    except EXPLAINED as error:
        return fail(str(error))
    except OSError as error:
        return fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def build_parser(verb):
    """Opciones de `grade` o de `regrade`."""
    about = {
        "grade": "Califica las entregas de una tarea: escribe notas, devoluciones y un CSV.",
        "regrade": "Repite la calificación con las entregas guardadas y dice qué notas cambian.",
    }
    epilog = f"Para deshacer la última calificación: {summary.UNDO}"
    parser = Parser(prog=f"{PROGRAM} {verb}", description=about[verb], epilog=epilog)
    parser.set_defaults(submitted=STORED, roster=None, received=None, verb=verb)
    add = parser.add_argument
    add("assignment", metavar="ASSIGNMENT", help="la tarea, como 01_embeddings")
    if verb == "grade":
        add("--submitted", metavar="DIR", required=True, help="carpeta o zip con las entregas")
        add("--roster", metavar="CSV", help="lista de clase: quien no ha entregado tiene un 0")
        add("--received", metavar="CSV", help="fechas de recepción, si no van en la carpeta")
    add("--student", metavar="ID", action="append", help="solo este; se puede repetir")
    add("--workers", metavar="N", type=whole_number, help="procesos (si falta, los núcleos)")
    add("--scheduler", metavar="ADDRESS", help="planificador de Dask, como tcp://equipo:8786")
    add("--no-sandbox", action="store_true", help="ejecuta las respuestas sin aislarlas")
    add("--pseudonyms", action="store_true", help="el CSV lleva seudónimos en vez de nombres")
    return parser


def undo_last():
    import_nbgrader()
    from vinogpt.grading.gradebook import undo

    print(undo(Path.cwd()))
    print("El CSV y las devoluciones se escriben de nuevo con la próxima calificación.")
    return 0


# --- De las entregas a las notas -------------------------------------------------------------


def grade(args):
    """Califica, escribe y resume; devuelve 0, o 1 si alguna entrega tiene un problema."""
    if sys.platform != "linux":
        raise SandboxError("Calificar necesita Linux; en Windows, usa WSL2.")
    start, course = time.monotonic(), Path.cwd()
    source = course / "solutions" / args.assignment / f"{args.assignment}.ipynb"
    checks = [cell for cell in cells_of(read_notebook(source)) if cell.kind == "check"]
    policy, secret = load_policy(course / "deadlines.toml"), engine.secret_of(course)
    record = summary.read_record(args.assignment)
    with writer() as order:
        submissions = keep(args, wanted(args, source, record))
        seeds = {s.student: engine.seed_of(secret, s.student, args.assignment) for s in submissions}
        reports = {s.student: zeros(s, checks) for s in submissions} | run(args, submissions, seeds)
        graded = [graded_of(s, reports[s.student], policy, args.assignment) for s in submissions]
        order(write, course, source, graded, args)
    entries = {g.submission.student: summary.entry(g, reports, seeds) for g in graded}
    summary.write_record(args.assignment, record | entries)
    if args.verb == "regrade":
        summary.print_differences(record, entries)
    summary.print_summary(args, graded, reports, time.monotonic() - start)
    return int(any(summary.problems_of(g) for g in graded))


def wanted(args, source, record):
    """Las entregas que pide la orden; al repetir, con la fecha que dice el registro."""
    found = collect(args.submitted, source, args.roster, args.received)
    found = [s for s in found if s.student in (args.student or [s.student])]
    if args.verb == "regrade":
        dates = {student: known["received"] for student, known in record.items()}
        dates = {s: datetime.fromisoformat(date) for s, date in dates.items() if date}
        found = [s._replace(received=dates.get(s.student, s.received)) for s in found]
    if not found:
        raise NotebookError(f"No hay ninguna entrega que calificar en {args.submitted}")
    return found


def keep(args, submissions):
    """Copia lo que llegó en `submitted/`; devuelve las entregas que hay que calificar.

    Quien falta en esta descarga pero entregó en otra conserva lo suyo.
    """
    folders = {s.student: Path(STORED, s.student, args.assignment) for s in submissions}
    present = [s for s in submissions if s.problem != MISSING or not folders[s.student].exists()]
    if Path(args.submitted).resolve() != Path(STORED).resolve():
        for submission in [each for each in present if each.file]:
            folder, suffix = folders[submission.student], Path(submission.file.parts[-1]).suffix
            data = submission.file.read()
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            (folder / f"{args.assignment}{suffix}").write_bytes(data)
    return [submission._replace(file=None) for submission in present]


def zeros(submission, checks):
    """`Report` de una entrega que no se puede usar."""
    results = [Result(cell.id, 0.0, cell.points, submission.problem) for cell in checks]
    return engine.Report(submission.student, tuple(results), {}, 0.0)


def run(args, submissions, seeds):
    """`Report` por estudiante, de las entregas que se pueden usar."""
    usable = [submission for submission in submissions if not submission.problem]
    workers = max(args.workers or len(os.sched_getaffinity(0)), 1)
    local = partial(engine.local_pool, workers)
    pool = partial(engine.dask_pool, args.scheduler) if args.scheduler else local
    cache = Cache(engine.FOLDER / "results.db")
    reports = engine.grade_all(usable, pool, cache, seeds.get, not args.no_sandbox)
    return {report.student: report for report in summary.progress(reports, len(usable))}


@contextmanager
def writer():
    """Ejecuta funciones en un proceso que importa nbgrader mientras otros califican."""

    def order(function, *args):
        try:
            return pool.submit(function, *args).result()
        except BrokenExecutor:  # alguien lo ha matado
            return function(*args)

    with ProcessPoolExecutor(1, get_context("spawn"), start_writer) as pool:
        pool.submit(int)  # para que empiece ya
        try:
            yield order
        except BaseException:
            for process in active_children():  # no se espera a lo que esté a medias
                process.kill()
            raise


def start_writer():
    engine.follow_parent()
    import_nbgrader()


def import_nbgrader():
    sys.modules.setdefault("rfc3987_syntax", None)  # tardaría 2 s más, y aquí no se usa
    import_module("vinogpt.grading.feedback")


def graded_of(submission, report, policy, assignment):
    """Una entrega calificada, con lo que pierde por llegar tarde."""
    when = policy, assignment, submission.student, submission.received
    lost = late_fraction(*when) * sum(result.points for result in report.results)
    late = "" if submission.problem else late_reason(*when)
    return Graded(submission, report.results, report.isolation, lost, late)


def write(course, source, graded, args):
    """Escribe libro de notas, devoluciones y CSV."""
    from vinogpt.grading import export, feedback, gradebook  # y, con ellos, nbgrader

    gradebook.write(course, source, graded)
    feedback.write_feedback(course, source, graded)
    export.export_csv(course, summary.csv_of(args.assignment), args.assignment, args.pseudonyms)
