"""Entregas hostiles: lo que consiguen de este corrector y de nbgrader sin configurar.

    python benchmarks/grading_hostile.py [--full | NAME …]

Las mismas entregas de tests/grading/hostile.py (con `--full`, todas; si no, las que se nombren o
cuatro) pasan por los dos. Por el nuestro, con `grade` y junto a tres entregas honestas, como una
clase. Por `nbgrader autograde`, una a una: un fallo suyo no esconde el de otra, y cada ejecución va
en una caja de bubblewrap de usar y tirar, sin red ni disco, para que lo que consigan no salga de
ella. Con `--full` se publican recuentos por clase, en benchmarks/results/grading_hostile.json.
"""

import csv
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "grading_hostile.json"
STOCK_SECONDS = 60  # lo que espera nbgrader a una sola entrega antes de darla por atascada
CELL_SECONDS = 6  # por celda; de fábrica son 30, que aquí solo alargarían la espera
STOCK_CONFIG = f"""
c = get_config()
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.Execute.timeout = {CELL_SECONDS}
"""
CLASSMATE = "ana"  # una entrega perfecta que se podría copiar
COLUMNS = [  # cuántas entregas; fair: obtienen justo lo que merecen y no dejan nada
    "kinds",
    "gain_points",
    "points_gained",
    "lose_honest_points",
    "stop_the_run",
    "leave_a_trace",
    "fair",
]
SLOW = {  # agotan un límite: decenas de segundos cada una
    "endless_loop",
    "endless_loop_when_called",
    "endless_printing",
    "endless_recursion",
    "giant_list",
    "input_is_awaited",
    "loop_deaf_to_signals",
    "many_small_pieces",
    "memory_bomb",
    "memory_of_many",
    "numbers_too_long",
    "ranges_without_end",
    "sleep",
    "slow_drip",
    "tensorflow_spins",
    "truncated_frame",
}
HONEST = ["aaa", "mmm", "zzz"]  # entregas perfectas, al principio, en medio y al final
LATER = "zzz"  # la entrega que va detrás, ilegible: solo dice si el turno llega hasta ella


def load(name):
    """Módulo de tests/grading, que no es un paquete."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / "grading" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hostile, traces = load("hostile"), load("traces")
STEM, NAME = hostile.STEM, hostile.NAME


class Outcome(NamedTuple):
    """Lo que consigue una entrega: puntos de más, de menos, rastros y si detuvo la corrección."""

    extra: float
    missing: float
    traces: list
    aborted: bool


def read_book(course):
    """El cuaderno publicado y las respuestas correctas de un curso."""
    source = json.loads((course / "solutions" / STEM / NAME).read_text(encoding="utf-8"))
    release = json.loads((course / "exercises" / STEM / NAME).read_text(encoding="utf-8"))
    honest = {
        hostile.grade_id(cell): "".join(cell["source"])
        for cell in source["cells"]
        if cell["metadata"].get("nbgrader", {}).get("solution")
    }
    return hostile.Book(release, honest)


def write_tree(folder, tree):
    """Escribe en `folder` los archivos de una entrega."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if callable(content):
            content(path)
        else:
            path.write_bytes(content)


def world_of(watch, name):
    token = watch.token(name)
    return hostile.World(token, watch.run, str(watch.outside), str(watch.course), watch.port)


# --- Este corrector --------------------------------------------------------------------------


class Class(NamedTuple):
    """Lo que pasa con una clase: lo de cada entrega, puntos de las honestas y daños sin dueño."""

    outcomes: dict
    honest: dict
    damage: list
    log: str


def ours(attacks, *options):
    """Una clase con esas entregas y tres honestas, calificada con `grade` y esas opciones."""
    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder, "course")
        for name in ("solutions", "exercises"):
            shutil.copytree(ROOT / name, course / name)
        shutil.copy(ROOT / "nbgrader_config.py", course)
        book, watch = read_book(course), traces.Watch(course)
        perfect = {NAME: hostile.packed(hostile.filled(book, **book.honest))}
        try:
            return graded_class(course, attacks, options, book, watch, perfect)
        finally:
            watch.close([attack.name for attack in attacks])


def graded_class(course, attacks, options, book, watch, perfect):
    trees = {a.name: a.make(book, world_of(watch, a.name)) for a in attacks}
    together = [attack for attack in attacks if not attack.whole]
    if again := [attack.name for attack in together if attack.earlier]:
        hand_in(course, dict.fromkeys(again, perfect))
        grade(course, "submitted", options)
        shutil.rmtree(course / "submitted")
    hand_in(course, dict.fromkeys(HONEST, perfect) | {a.name: trees[a.name] for a in together})
    watch.guarded = watch.digest()
    log = grade(course, "submitted", options)
    marks, damage = scores(course), watch.damage()
    outcomes = {a.name: outcome_of(a, marks.get(a.name), course, watch) for a in together}
    for attack in attacks:
        if attack.whole:
            write_tree(course / attack.name, trees[attack.name])
            log += grade(course, f"{attack.name}/class.zip", options)
            new = [mark for name, mark in scores(course).items() if name not in marks]
            outcomes[attack.name] = outcome_of(attack, sum(new) if new else None, course, watch)
    honest = {name: marks.get(name) for name in HONEST}
    return Class(outcomes, honest, damage + formulas(course), log)


def hand_in(course, trees):
    for name, tree in trees.items():
        write_tree(course / "submitted" / name / STEM, tree)


def formulas(course):
    """Casillas de los CSV que una hoja de cálculo tomaría por fórmula."""
    cells = []
    for path in course.glob("*.csv"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            cells += [cell for row in csv.reader(file) for cell in row]
    return [
        f"fórmula en el CSV: {cell}" for cell in cells if cell.startswith(("=", "+", "@", "\t"))
    ]


def grade(course, place, options):
    """Ejecuta `grade`; devuelve lo que escribe."""
    command = [sys.executable, "-m", "vinogpt", "grade", STEM, "--submitted", place, *options]
    text = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8"}
    with subprocess.Popen(command, cwd=course, errors="replace", **text) as process:
        return f"{process.communicate()[0]}\nCódigo: {process.returncode}\n"


def outcome_of(attack, mark, course, watch):
    """`Outcome` de una entrega; `mark` es None si no tiene nota."""
    record = course / ".grading" / f"{STEM}.json"
    entries = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    texts = [json.dumps(entries.get(attack.name, {}), ensure_ascii=False)]
    pages = (course / "feedback").glob(f"{attack.name}/**/*.html")
    texts += [path.read_text(encoding="utf-8") for path in pages]
    found = watch.traces(attack.name, texts)
    if any(f"<script>alert('{watch.token(attack.name)}" in text for text in texts[1:]):
        found.append("programa en la devolución")
    gained = (mark or 0.0) - attack.deserved
    return Outcome(max(0.0, gained), max(0.0, -gained), found, mark is None)


def scores(course):
    """Puntos de cada estudiante en la base de datos de un curso."""
    from nbgrader.api import Gradebook

    if not (course / "gradebook.db").exists():
        return {}
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        return {row.student.id: row.score for row in gradebook.assignment_submissions(STEM)}


# --- nbgrader tal cual -----------------------------------------------------------------------


def stock_template(folder):
    """Curso con la tarea publicada por nbgrader sin configurar; devuelve su carpeta."""
    course = folder / "template"
    shutil.copytree(ROOT / "solutions", course / "solutions")
    (course / "nbgrader_config.py").write_text(STOCK_CONFIG)
    done = nbgrader(course, "generate_assignment", STEM)
    assert done.returncode == 0, done.stdout
    return course


def nbgrader(course, *arguments, seconds=300):
    """Ejecuta nbgrader, que llama a programas que están junto a este Python."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=course,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=seconds,
        start_new_session=True,
    )


def in_throwaway_box(template, name):
    """`Outcome` de una entrega con nbgrader, en un sistema de archivos que se olvida al salir."""
    box = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--ro-bind", "/", "/"]
    box += ["--dev", "/dev", "--proc", "/proc", "--setenv", "HOME", "/tmp/home"]
    for place in ("/tmp", "/var/tmp", "/run", "/dev/shm"):
        box += ["--size", str(2**30), "--tmpfs", place]
    box += ["--ro-bind", str(template), "/tmp/template", "--ro-bind", str(ROOT), str(ROOT)]
    limits = ["prlimit", f"--as={6 * 2**30}", f"--fsize={2**30}", "--core=0"]
    command = [*limits, sys.executable, __file__, "--inside", name]
    with suppress(subprocess.TimeoutExpired, ValueError, IndexError):  # muere, o no dice nada
        done = subprocess.run([*box, *command], capture_output=True, timeout=STOCK_SECONDS * 3)
        return Outcome(*json.loads(done.stdout.splitlines()[-1]))
    return Outcome(0.0, 0.0, [], True)


def stock_one(name):
    """Dentro de la caja: una entrega por `nbgrader autograde`; escribe su `Outcome`."""
    course = Path("/tmp/course")
    shutil.copytree("/tmp/template", course)
    [attack] = [attack for attack in hostile.ATTACKS if attack.name == name]
    book, folder = read_book(course), course / "submitted" / name / STEM
    honest = {NAME: hostile.packed(hostile.filled(book, **book.honest))}
    write_tree(course / "submitted" / CLASSMATE / STEM, honest)
    if attack.earlier:
        write_tree(folder, honest)
        nbgrader(course, "autograde", STEM, f"--student={name}")
        shutil.rmtree(folder)
    write_tree(course / "submitted" / LATER / STEM, {NAME: b"ilegible"})
    watch = traces.Watch(course)
    write_tree(folder, attack.make(book, world_of(watch, name)))
    watch.guarded = watch.digest()
    log, rest = "", f"--CourseDirectory.student_id_exclude={CLASSMATE}"
    with suppress(subprocess.TimeoutExpired):
        log = nbgrader(course, "autograde", STEM, "--force", rest, seconds=STOCK_SECONDS).stdout
    outputs = [path.read_text(errors="replace") for path in course.glob("autograded/**/*.ipynb")]
    found = watch.traces(name, [log, *outputs]) + watch.damage()
    gained = scores(course).get(name, 0.0) - attack.deserved
    outcome = Outcome(max(0.0, gained), max(0.0, -gained), found, f"/{LATER}/" not in log)
    print(json.dumps(outcome), flush=True)
    os._exit(0)  # lo que quede vivo muere con la caja


def stock(attacks):
    """`Outcome` de cada entrega con nbgrader sin configurar, dos a la vez."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        template = stock_template(Path(folder))
        names = [attack.name for attack in attacks if not attack.whole]
        outcomes = pool.map(lambda name: in_throwaway_box(template, name), names)
        return dict(zip(names, outcomes, strict=True))


# --- Recuento --------------------------------------------------------------------------------


def summary(outcomes):
    """Recuento por clase de lo que consiguen unas entregas."""
    klass = {attack.name: attack.klass for attack in hostile.ATTACKS}
    table = {}
    for name, outcome in outcomes.items():
        row = table.setdefault(klass[name], dict.fromkeys(COLUMNS, 0))
        row["kinds"] += 1
        row["gain_points"] += outcome.extra > 0
        row["points_gained"] += outcome.extra
        row["lose_honest_points"] += outcome.missing > 0
        row["stop_the_run"] += outcome.aborted
        row["leave_a_trace"] += bool(outcome.traces)
        row["fair"] += outcome == (0, 0, [], False)
    table["total"] = {column: sum(row[column] for row in table.values()) for column in COLUMNS}
    return table


def show(title, table):
    print(f"\n{title:<12}" + "".join(f"{name:>20}" for name in COLUMNS))
    for klass, row in table.items():
        print(f"{klass:<12}" + "".join(f"{row[name]:>20g}" for name in COLUMNS))


def main(arguments):
    if arguments[:1] == ["--inside"]:
        return stock_one(arguments[1])
    full = arguments == ["--full"]
    quick = [attack for attack in hostile.ATTACKS if attack.name not in SLOW][:4]
    named = [attack for attack in hostile.ATTACKS if attack.name in arguments]
    chosen = hostile.ATTACKS if full else named or quick
    start = time.monotonic()
    result = ours(chosen)
    middle = time.monotonic()
    tables = {"vinogpt": summary(result.outcomes)}
    show("vinogpt", tables["vinogpt"])
    wrong = {name: outcome for name, outcome in result.outcomes.items() if sum(map(bool, outcome))}
    for what in (wrong, result.honest, result.damage):
        print(what, flush=True)
    tables["nbgrader"] = summary(stock(chosen))
    end = time.monotonic()
    show("nbgrader", tables["nbgrader"])
    if full:
        report = {
            "nbgrader_version": version("nbgrader"),
            "seconds": {"vinogpt": round(middle - start), "nbgrader": round(end - middle)},
            "honest_students": result.honest,
            "damage": result.damage,
            **tables,
        }
        RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return int(bool(wrong or result.damage or set(result.honest.values()) != {20.0}))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
