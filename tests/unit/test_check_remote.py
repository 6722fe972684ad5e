"""El mismo corrector con las respuestas en otro proceso: mismas notas y ninguna ventaja."""

import io
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from vinogpt.check import CheckFailed, Local, check
from vinogpt.grading.notebook import compile_cell, every_cell, parameters, read_notebook
from vinogpt.grading.process import Child
from vinogpt.grading.rebuild import with_answers
from vinogpt.grading.score import Result, grade_notebook
from vinogpt.grading.wire import HEADER, Peer, decode_array

SETUP = "import numpy as np\nfrom vinogpt.check import check"
DOUBLES = """
@check
def doubles(f, rng):
    '''Dobla sin tocar la entrada.'''
    x = rng.normal(size=5)
    expected = 2 * x
    y = f(x)
    assert len(y) == 5, "¿Falta return?"
    assert np.allclose(y, expected), "No dobla"
    np.testing.assert_allclose(y, expected)
"""


def code(text, grade_id="", **nbgrader):
    data = {"nbgrader": {"grade_id": grade_id, **nbgrader}} if grade_id else {}
    return {"cell_type": "code", "source": text, "metadata": data}


def setup(text=SETUP):
    return code(text, "setup", locked=True)


def answered(text, grade_id="f"):
    return code(text, grade_id, solution=True)


def graded(text=DOUBLES, grade_id="f_check", points=2):
    return code(text, grade_id, grade=True, locked=True, points=points)


def exercise(number):
    return {"cell_type": "markdown", "source": f"### Ejercicio {number}", "metadata": {}}


def notebook(*cells):
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def grade(text, check_text=DOUBLES, **options):
    """Resultado de una sola respuesta con una sola comprobación."""
    source = notebook(setup(), answered("def f(x): ..."), graded(check_text))
    submitted = notebook(setup(), answered(text), graded("pass"))
    [result] = grade_notebook(submitted, source, **options)
    return result


def passes_locally(text):
    """Lo mismo en este proceso, como en el cuaderno."""
    namespace = {}
    exec(SETUP, namespace)
    with suppress(Exception):
        exec(compile_cell(text, "f"), namespace)
    try:
        exec(DOUBLES, {**namespace, "check": partial(check, home=Local(namespace))})
    except CheckFailed:
        return False
    return True


HONEST = {  # respuesta: ¿se cumple?
    "def f(x): return 2 * x": True,
    "def f(x): return 3 * x": False,
    "def f(x): pass": False,
    "def f(x): return tuple(2 * x)": True,
    "def f(x): return [2 * float(v) for v in x]": True,
    "def f(x): return list(2 * x)": True,
    "def f(x): return (2 * x)[:, None]": False,
    "def f(x): return {0: 2 * x}": False,
    "def f(x):\n  x *= 2\n  return x": False,
    "def f(x):\n  print('ruido')\n  return 2 * x": True,
    "import warnings\ndef f(x):\n  warnings.warn('aviso')\n  return 2 * x": True,
    "import sys\ndef f(x):\n  sys.stderr.write('a' * 10**6)\n  return 2 * x": True,
    "def f(x): raise NotImplementedError": False,
    "def f(x): raise SystemExit": False,
    "def f(x): return 1 / 0": False,
    "def f(): return 0": False,
    "def g(x): return 2 * x": False,
    "f = 3": False,
    "f = lambda x: 2 * x": True,
    "f = np.add\nf = f.reduce": False,
    "def f(x): return {1, 2}": False,
    "def f(x): return (2 * v for v in x)": False,
    "def f(x): return np.array([None] * 5)": False,
    "class T:\n  def __array__(self, dtype=None, copy=None): return self.v\n"
    "def f(x):\n  t = T()\n  t.v = 2 * x\n  return t": True,
    "class A(np.ndarray):\n  def __eq__(self, other): return True\n"
    "def f(x): return (2 * x).view(A)": True,
    "class Equal:\n  __eq__ = __ge__ = lambda self, other: True\n  __len__ = lambda self: 5\n"
    "def f(x): return Equal()": False,
    "%matplotlib inline\n!ls\nnp.sum?\ndef f(x): return 2 * x": True,
    "def f(x) return 2 * x": False,
    "def f(x): return 2 * x\nraise ValueError": True,
}


@pytest.mark.filterwarnings("ignore:aviso")
@pytest.mark.parametrize("text", HONEST)
def test_same_marks_as_in_the_notebook(text):
    assert passes_locally(text) is HONEST[text]
    assert grade(text).points == 2 * HONEST[text]


FRAMES = """
import sys
def f(x):
    frame = sys._getframe()
    while frame and "expected" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["expected"]
"""


def test_reading_frames_only_works_in_the_own_process():
    assert passes_locally(FRAMES)
    assert "`f` falla con AttributeError" in grade(FRAMES).reason


HOSTILE = {
    "patches": "import numpy, builtins\n"
    "numpy.allclose = numpy.testing.assert_allclose = lambda *a, **k: True\n"
    "builtins.len = lambda x: 5\ndef f(x): return x",
    "equal": "class E(list):\n  def __eq__(self, o): return True\ndef f(x): return E('abcde')",
    "subclass": "class A(np.ndarray):\n  __array_ufunc__ = lambda *a, **k: True\n"
    "def f(x): return x.view(A)",
    "check": "import vinogpt.check as c\nc.check = c.Local.get = lambda *a: lambda *b: None\n"
    "c.same = lambda *a: True\ndef f(x): return x",
    "exit": "import os\ndef f(x): os._exit(0)",
    "exit at once": "import os\nos._exit(0)\ndef f(x): return 2 * x",
    "garbage": "import os\nfor fd in range(3, 10):\n  try: os.write(fd, b'x' * 64)\n"
    "  except OSError: pass\ndef f(x): return 2 * x",
    "closed": "import os\nos.closerange(0, 20)\ndef f(x): return 2 * x",
    "forged": "import os, vinogpt.grading.wire as w\n"
    "w.Peer.attend = lambda self, *a: self.send('value', True)\ndef f(x): return x",
    "huge": "import os, struct\nfor fd in range(3, 10):\n  try: os.write(fd, b'\\xff' * 16)\n"
    "  except OSError: pass\ndef f(x): return 2 * x",
    "calls": "import vinogpt.grading.wire as w\n"
    "w.Peer.attend = lambda self, *a: self.call(-1, '__import__')\ndef f(x): return x",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answers_gain_nothing(name):
    result = grade(HOSTILE[name], seconds=5)
    assert result.points == 0
    assert result.reason


def test_printing_to_fd_1_is_harmless():
    assert grade("import os\nos.write(1, b'x' * 10**6)\ndef f(x): return 2 * x").points == 2


def test_hang_is_stopped():
    result = grade("def f(x):\n  while True: pass", seconds=1)
    assert result == Result("f_check", 0, 2, "Se agota el tiempo, 1 s: ¿hay un bucle sin fin?")


def test_seed_changes_the_data():
    peeks = "@check\ndef peeks(f, rng):\n  assert False, str(f(rng.random()))"
    reasons = [grade("def f(x): return x", peeks, seed=seed).reason for seed in (1, 1, 2)]
    assert reasons[0] == reasons[1] != reasons[2]


def test_a_dead_process_costs_only_its_check():
    one = "@check\ndef one(f):\n  assert f(1) == 2"
    two = "@check\ndef two(f):\n  assert f(2) == 4"
    cells = [setup(), answered("import os\ndef f(x): return 2 * x if x > 1 else os._exit(3)")]
    source = notebook(*cells, graded(one, "one"), graded(two, "two"))
    first, second = grade_notebook(source, source)
    assert first.points == 0 and "(código 3)" in first.reason
    assert second.points == 2


def test_the_assignment_goes_to_marks(repo):
    source = read_notebook(repo / "solutions/01_embeddings/01_embeddings.ipynb")
    release = read_notebook(repo / "exercises/01_embeddings/01_embeddings.ipynb")
    full, blank = grade_notebook(source, source, seed=7), grade_notebook(release, source)
    assert [result.reason for result in full if result.reason] == []
    assert sum(result.points for result in full) == 20
    assert sum(result.points for result in blank) == 0
    assert all("Ejercicio sin hacer" in result.reason for result in blank)


def test_only_needed_cells_are_replayed():
    source = notebook(
        setup(),
        exercise("1.1"),
        answered("import os\nos._exit(0)\ndef g(x): return x", "g"),
        exercise("1.2"),
        answered("def helper(x): return 2 * x", "helper"),
        answered("def f(x): return helper(x)", "f"),
        graded(),
        answered("os._exit(0)", "later"),
    )
    [result] = grade_notebook(source, source)
    assert result.reason == ""


def test_a_cell_that_kills_the_process_is_named():
    source = notebook(setup(), answered("import os\nos._exit(1)\nf = len"), graded())
    assert "Celda `f`: El proceso" in grade_notebook(source, source)[0].reason


def test_error_in_the_cell_is_the_reason():
    assert "La celda `f` falla con NameError" in grade("nope\ndef f(x): return x").reason
    assert "Error de sintaxis en la línea 1" in grade("def f(x) return x").reason
    assert "(línea 2: `return 1 / 0`)" in grade("def f(x):\n  return 1 / 0").reason


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        ([("f", "def f(): 1")], "def f(): 1"),
        ([("f", "def f(): 1"), ("f", "def f(): 2")], "def f(): 2"),
        ([("f", "def f(): 1"), ("f", "")], "def f(): 1"),
        ([("f", "def f(): 1"), ("", "def f(): 2")], "def f(): 1"),
        ([("f", "# vacía"), ("", "def f(): 2")], "def f(): 2"),
        ([("", "import re\ndef f(x: int = 1) -> int:\n  ...")], "import re\ndef f(x: int = 1)"),
        ([("g", "def g(): 1")], ""),
    ],
)
def test_answers_are_found_by_id_or_by_name(cells, text):
    submitted = every_cell(notebook(*(answered(text, grade_id) for grade_id, text in cells)))
    source = every_cell(notebook(setup(), answered("def f(): ..."), graded()))
    _, found, _ = with_answers(source, submitted)
    assert found.text.startswith(text)


def test_parameters_name_the_answers():
    assert parameters("@check\ndef test(f, g, rng): ...") == {"f", "g"}
    assert parameters("# Comprobación oculta.") is None


@pytest.fixture(scope="module")
def child():
    child = Child()
    yield child
    child.close()


@pytest.mark.parametrize(
    "value",
    [
        {1: "a", "1": "b", (1, ("x", 2.5)): None, False: [True]},
        [0.1, float("inf"), -0.0, 10**30, "ñ🍷\ud800", "", [], {}],
        {"array": [1], "function": 0},
    ],
)
def test_values_survive_the_round_trip(child, value):
    child.run("echo", "def echo(x): return x")
    assert repr(child.get("echo")(value)) == repr(value)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "float16", "float64", "U3"])
def test_arrays_survive_the_round_trip(child, dtype):
    child.run("echo", "def echo(x): return x")
    for shape in [(), (0, 3), (2, 3)]:
        x = np.ones(shape, dtype)
        y = child.get("echo")(x)
        assert (y.dtype, y.shape, y.tolist()) == (x.dtype, x.shape, x.tolist())
        assert y.flags.writeable


def test_functions_travel_both_ways(child):
    child.run("twice", "def twice(g): return {'twice': lambda x: g(g(x))}")
    calls = []
    twice = child.get("twice")(lambda x: calls.append(x) or x + 1)["twice"]
    assert twice(5) == 7
    assert calls == [5, 6]


def test_error_in_a_function_of_the_check_crosses_twice(child):
    child.run("apply", "def apply(g): return g()")
    with pytest.raises(CheckFailed, match="ZeroDivisionError"):
        child.get("apply")(lambda: 1 / 0)
    assert child.dead is None


def test_unsendable_argument_is_the_fault_of_the_check(child):
    child.run("echo", "def echo(x): return x")
    with pytest.raises(TypeError, match="tipo Generator"):
        child.get("echo")(np.random.default_rng())
    assert child.dead is None


def test_output_is_kept_apart_and_bounded():
    child = Child()
    child.run("print", "print('hola', 'a' * 10**6)")
    child.close()
    assert child.output.startswith(b"hola aaa") and len(child.output) == 20_000


def test_input_is_closed(child):
    assert "EOFError" in child.run("input", "input()")


def test_main_is_the_notebook(child):
    child.run("main", "import __main__\nspam = 1\nname = __name__, __main__.spam")
    assert child.get("name") == ["__main__", 1]


STARTS_ANOTHER = """
import subprocess
p = subprocess.Popen(["sh", "-c", "echo; sleep 60; echo"], stdout=subprocess.PIPE)
p.stdout.readline()  # ya está en marcha
pid = p.pid
"""


@pytest.mark.skipif(not Path("/proc").exists(), reason="lee /proc, que solo hay en Linux")
def test_nothing_is_left_behind():
    child = Child()
    child.run("write", "open('x', 'w')")
    child.run("start", STARTS_ANOTHER)
    command = Path(f"/proc/{child.get('pid')}/cmdline")
    assert command.read_bytes().startswith(b"sh")
    child.close()
    time.sleep(0.1)
    assert not command.exists() or command.read_bytes() == b""  # muerto, quizá sin recoger
    assert not Path(child.process.folder.name).exists()


@pytest.mark.parametrize(
    "spec",
    [("O", [1]), ("f8,O", [1]), ("f8", [-1]), ("f8", [3]), ("f8", [2**70]), ("f8", [True])],
)
def test_forged_arrays_are_refused(spec):
    with pytest.raises(ValueError):
        decode_array(*spec, io.BytesIO(bytes(16)))


def test_one_block_of_bytes_cannot_become_many_arrays():
    text = b'["value", [%s]]' % b", ".join([b'{"array": ["f8", [2]]}'] * 2)
    message = HEADER.pack(len(text), 16) + text + bytes(16)
    with pytest.raises(ValueError, match="incompleto"):
        Peer(io.BytesIO(message), io.BytesIO()).listen()


def test_a_byte_that_is_not_a_boolean_becomes_one():
    assert decode_array("?", [3], io.BytesIO(b"\x00\x01\x07")).tobytes() == b"\x00\x01\x01"


@pytest.mark.parametrize(
    "message",
    [b"", b"abc", HEADER.pack(2**40, 0), HEADER.pack(2, 0) + b"{}", HEADER.pack(4, 0) + b"null"],
)
def test_broken_messages_are_errors(message):
    with pytest.raises((EOFError, ValueError, TypeError)):
        Peer(io.BytesIO(message), io.BytesIO()).listen()


def test_control_characters_do_not_reach_the_reason():
    assert "\x1b" not in grade("def f(x): raise ValueError('\\x1b[31mrojo')").reason


def test_check_does_not_need_tensorflow():
    command = "import sys, vinogpt.check; print({'tensorflow', 'IPython'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
    assert done.stdout == "set()\n"
