"""La caja de arena: qué no ve ni alcanza el código de un alumno, y qué lo detiene."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from vinogpt.check import CheckFailed
from vinogpt.grading import canaries, sandbox, watch
from vinogpt.grading.notebook import cells_of, read_notebook
from vinogpt.grading.process import Child
from vinogpt.grading.sandbox import Sandbox, SandboxError
from vinogpt.grading.score import grade_cells, is_heavy, needed
from vinogpt.grading.watch import tree

from .tf_course import tf_source

ATTACKS = {
    *("files", "environment", "network", "sockets", "writing", "sharing"),
    *("signals", "processes", "privileges", "limits", "disk", "outliving"),
}


@pytest.fixture(scope="module")
def box(bwrap):
    with Sandbox() as box:
        yield box


@pytest.fixture
def child(box):
    child = box.start(heavy=False)
    yield child
    child.close()


def inside(child, text, *arguments):
    """Lo que devuelve la función `f` que define `text`, llamada dentro."""
    assert child.run("f", text) is None
    return child.get("f")(*arguments)


# --- Ataques de prueba ------------------------------------------------------------------------


def test_every_attack_fails(box):
    assert box.prove() == dict.fromkeys(ATTACKS, True)


def test_every_attack_succeeds_without_isolation(monkeypatch):
    monkeypatch.setenv("VINOGPT_CANARY", "secreto")
    assert canaries.prove(Child, "secreto") == dict.fromkeys(ATTACKS, False)


def test_a_hole_stops_everything(bwrap, repo, monkeypatch):
    leaky = [*sandbox.enclosure(), "--ro-bind", str(repo), str(repo)]
    monkeypatch.setattr(sandbox, "enclosure", lambda: leaky)
    monkeypatch.chdir(repo)
    with Sandbox() as box, pytest.raises(SandboxError, match=r"no contiene .*: files"):
        box.prove()


def test_without_bubblewrap_nothing_is_graded(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with Sandbox() as box, pytest.raises(SandboxError, match="instala el paquete `bubblewrap`"):
        box.prove()


def test_without_permission_nothing_is_graded(bwrap, monkeypatch):
    monkeypatch.setattr(sandbox, "enclosure", lambda: [bwrap, "--ro-bind", "/no/existe", "/"])
    with Sandbox() as box, pytest.raises(SandboxError, match=r"/no/existe.*espacios de nombres"):
        box.prove()


def test_isolation_can_be_refused():
    with Sandbox(isolated=False) as box:
        assert box.prove() == {}
        child = box.start(heavy=True)
        assert inside(child, "import os\ndef f(): return os.getcwd()") == child.process.folder.name
        child.close()


# --- Lo que se ve -----------------------------------------------------------------------------


def test_only_the_package_and_its_python_are_there(child, repo):
    seen = inside(child, "import os\nf = os.listdir", str(repo))
    assert {"vinogpt"} <= set(seen) <= {"vinogpt", ".venv"}


def test_home_work_and_temporary_folder_are_empty_and_its_own(child):
    text = """
import os, tempfile
def f():
    home, temporary = os.path.expanduser("~"), tempfile.gettempdir()
    return [os.getcwd(), home, temporary, os.listdir(), os.listdir(temporary)]
"""
    work, home, temporary, *contents = inside(child, text)
    assert (work, home, temporary) == ("/student/work", "/student", "/student/tmp")
    assert contents == [[], []]


def test_the_environment_is_ours(child):
    seen = inside(child, "import os\ndef f(): return dict(os.environ)")
    assert set(seen) - {"PWD"} == set(sandbox.VARIABLES)


def test_chance_is_the_same_everywhere(box):
    text = "import random\ndef f(): return [random.random(), np.random.random(), hash('vino')]"
    results = []
    for _ in range(2):
        child = box.start(heavy=False)
        results += [inside(child, f"import numpy as np\n{text}") for _ in range(2)]
        child.close()
    assert all(result == results[0] for result in results)


# --- Lo que se detiene ------------------------------------------------------------------------

STOPPED = {
    "loop": ("def f():\n  while True: pass", "Se agota el tiempo, 1 s"),
    "loops in children": (
        "def f():\n  for _ in range(2):\n    if os.fork() == 0:\n      while 1: pass\n  os.wait()",
        "Se agota el tiempo, 1 s: ",
    ),
    "sleep": ("def f(): time.sleep(60)", "sin hacer nada"),
    "short sleeps": ("def f():\n  while True: time.sleep(0.01)", "Se agota el tiempo"),
    "stops itself": (
        "def f():\n  if os.fork() == 0:\n    os.kill(os.getpid(), signal.SIGSTOP)\n  os.wait()",
        "sin hacer nada",
    ),
    "prints": ("def f():\n  while True: print('x' * 10**5)", "Se agota el tiempo"),
    "memory": ("def f(): return len(b'x' * 2**33)", "MemoryError"),
    "disk": (
        "def f():\n  with open('x', 'wb') as x:\n    while x.write(bytes(2**24)): pass",
        "OSError",
    ),
    "large answer": ("def f(): return 'x' * 2**25", "demasiados datos"),
    "exit": ("def f(): os._exit(3)", "(código 3)"),
    "forks": ("def f():\n  while True: os.fork()", ""),
    "threads": (
        "def f():\n  while True: threading.Thread(target=time.sleep, args=[60]).start()",
        "",
    ),
    "hidden memory": ("def f(): os.memfd_create('x')", "PermissionError"),
    "device": ("def f(): os.mknod('x', 0o20600, os.makedev(1, 1))", "PermissionError"),
}


@pytest.mark.parametrize("name", STOPPED)
def test_what_is_out_of_bounds_is_stopped(name, child):
    text, reason = STOPPED[name]
    child.run("f", f"import os, signal, threading, time\n{text}")
    with pytest.raises(CheckFailed) as failure, child.limit(1):
        child.get("f")()
    assert reason in str(failure.value)
    assert not child.stalled
    assert len(child.output) <= 20_000


def test_memory_of_children_adds_up(child, monkeypatch):
    monkeypatch.setattr(watch, "MEMORY", 2 * 10**8)
    text = """
import os, time
def f():
    for _ in range(3):
        if os.fork() == 0:
            x = b"x" * 10**8
            time.sleep(60)
    os.wait()
"""
    with pytest.raises(CheckFailed, match="GB de memoria"), child.limit(30):
        inside(child, text)


def test_nothing_survives(box):
    child = box.start(heavy=False)
    daemon = """
import os, time
def f():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 99)
            time.sleep(60)
        os._exit(0)
    os.wait()
"""
    inside(child, daemon)
    family = tree(child.process.pid)
    assert len(family) == 2
    child.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in family)


def test_everything_ends_with_the_box(bwrap):
    with Sandbox() as box:
        child = box.start(heavy=False)
        family = tree(box.zygotes[False].pid)
    assert child.process.pid in family
    assert not any(Path(f"/proc/{pid}").exists() for pid in family[1:])


def alive(pid):
    """Un proceso que existe y no es un zombi, que ya no tiene orden."""
    path = Path(f"/proc/{pid}/cmdline")
    return path.exists() and path.read_bytes() != b""


def test_everything_ends_with_the_grader(bwrap):
    code = """
import os, signal
from vinogpt.grading.sandbox import Sandbox
from vinogpt.grading.watch import tree
box = Sandbox()
box.start(heavy=False)
print(*tree(box.zygotes[False].pid), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    family = done.stdout.split()
    assert len(family) >= 4
    deadline = time.monotonic() + 10
    while any(map(alive, family)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(alive, family))


def test_a_dead_zygote_is_replaced(bwrap):
    with Sandbox() as box:
        box.start(heavy=False).close()
        box.zygotes[False].kill()
        box.zygotes[False].wait()
        child = box.start(heavy=False)
        assert inside(child, "def f(): return 1") == 1
        child.close()


def test_a_slow_check_is_not_charged_to_the_child(child):
    with child.limit(0.5):
        time.sleep(1)  # quien comprueba espera; el proceso no hace esperar a nadie
    assert child.dead is None


# --- Quien comprueba también tiene límite ------------------------------------------------------

SETUP = "import numpy as np\nfrom vinogpt.check import check"
COUNTS = "@check\ndef counts(f):\n  found = f()\n  for _ in range(found): pass\n  assert found == 3"


def code(text, grade_id, **roles):
    data = {"nbgrader": {"grade_id": grade_id, **roles}}
    return {"cell_type": "code", "source": text, "metadata": data}


def cells_with(answer, *checks):
    cells = [code(SETUP, "setup", locked=True), code(answer, "f", solution=True)]
    cells += [code(text, f"c{i}", grade=True, points=1) for i, text in enumerate(checks)]
    return cells_of({"cells": cells})


def test_a_check_that_loops_over_an_answer_is_interrupted(box):
    cells = cells_with("def f(): return 10**12", COUNTS, "@check\ndef big(f): assert f() > 3")
    first, second = grade_cells(cells, start=box.start, seconds=1)
    assert first.points == 0 and first.reason.startswith("Comprobar lo que devuelve tu código")
    assert second.points == 1


@pytest.mark.parametrize(
    ("work", "code"), [("sum(range(10**12))", -signal.SIGXCPU), ("bytes(2**34)", 1)]
)
def test_the_kernel_stops_a_worker_that_does_not_return_to_python(bwrap, work, code):
    script = f"""
import multiprocessing
from vinogpt.grading.sandbox import Sandbox

def grade():
    with Sandbox() as box, box.start(heavy=False).limit(0.1):
        {work}

worker = multiprocessing.get_context("fork").Process(target=grade)
worker.start()
worker.join()
print(worker.exitcode)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == f"{code}\n"


def test_after_a_hang_the_rest_of_the_exercise_has_less_time(box):
    cells = cells_with("def f():\n  while True: pass", COUNTS, COUNTS)
    reasons = [result.reason for result in grade_cells(cells, start=box.start, seconds=1.2)]
    assert [reason[:26] for reason in reasons] == [
        "Se agota el tiempo, 1.2 s:",
        "Se agota el tiempo, 0.2 s:",
    ]


def test_what_cannot_finish_by_the_clock_is_worth_repeating(box, monkeypatch):
    monkeypatch.setattr(watch, "PATIENCE", 0.1)
    cells = cells_with("import time\ntime.sleep(60)\ndef f(): return 3", COUNTS, COUNTS)
    for result in grade_cells(cells, start=box.start, seconds=3):
        assert "Celda `f`: Tu código no responde" in result.reason and result.stalled


# --- Tareas enteras ---------------------------------------------------------------------------


def test_the_assignment_goes_to_marks(box, repo):
    cells = cells_of(read_notebook(repo / "solutions/01_embeddings/01_embeddings.ipynb"))
    results = grade_cells(cells, start=box.start)
    assert [result.reason for result in results if result.reason] == []
    assert sum(result.points for result in results) == 20


def test_only_some_checks_can_run(box):
    cells = cells_with("def f(): return 3", COUNTS, COUNTS, COUNTS)
    assert [r.grade_id for r in grade_cells(cells, ["c0", "c2"], start=box.start)] == ["c0", "c2"]


def test_tensorflow_is_loaded_only_where_it_is_needed():
    cells = cells_of(tf_source())
    heavy = [
        cell.exercise for cell in cells if cell.kind == "check" and is_heavy(needed(cells, cell))
    ]
    assert set(heavy) == {"Ejercicio 91.2. Una capa", "Ejercicio 91.3. Entrenar"}


@pytest.mark.parametrize(
    ("text", "heavy"),
    [
        ("from vinogpt.tokenizer import BPETokenizer", False),
        ("import os, tensorflow as tf", True),
        ("def f():\n    from keras import ops", True),
        ("from vinogpt.model import GPT", True),
        ("from vinogpt import model", True),
    ],
)
def test_heavy_cells_import_keras_somehow(text, heavy):
    assert is_heavy(cells_with(text)) is heavy


LAYER = """
import keras
def f(x): return keras.layers.Dense(1, kernel_initializer="ones")(x)
"""


def test_tensorflow_works_in_every_copy(box):
    def total(x):
        child = box.start(heavy=True)
        with closing(child):
            return inside(child, LAYER, x).item()

    with ThreadPoolExecutor(2) as pool:  # dos a la vez, dos veces seguidas
        assert list(pool.map(total, np.eye(4)[:, None])) == [1, 1, 1, 1]


def test_an_assignment_with_keras_goes_to_marks(box):
    results = grade_cells(cells_of(tf_source()), start=box.start)
    assert [result.reason for result in results] == [""] * 6
