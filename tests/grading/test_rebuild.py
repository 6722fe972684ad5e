"""vinogpt.grading.rebuild: qué texto del alumno cuenta como su respuesta."""

import pytest
from traitlets.config.loader import PyFileConfigLoader

from vinogpt.grading.notebook import every_cell, normalise
from vinogpt.grading.rebuild import MAX_TEXT, STUB, UNDONE, names_in, readable, rebuild


def cell(kind, text, grade_id="", **data):
    metadata = {"nbgrader": {"grade_id": grade_id, **data}} if grade_id else {}
    return {"cell_type": kind, "source": text, "metadata": metadata}


def code(text, grade_id=""):
    return cell("code", text, grade_id, solution=True)


def text(source, grade_id=""):
    return cell("markdown", source, grade_id, solution=True)


def check(name, answer):
    return cell("code", f"@check\ndef t({answer}): ...", name, grade=True, locked=True)


ONE, TWO = text("### Ejercicio 1"), text("### Ejercicio 2")
SETUP = cell("code", "import numpy as np", "imports", locked=True)
BLANK = f"def f(x):\n    {UNDONE}"
SOURCE = [SETUP, ONE, code("def f(x): ...", "f"), check("f_check", "f")]
SOURCE += [TWO, code("def g(x): ...", "g"), check("g_check", "g"), text("Modelo", "essay")]


def cells(*parts):
    return every_cell(normalise({"cells": list(parts)}))


def answers(*parts):
    """Respuestas de una entrega y sus avisos."""
    rebuilt, found, notes = rebuild(cells(*SOURCE), cells(*parts))
    fixed = {c.id: c.text for c in rebuilt if c.kind != "answer"}
    assert fixed == {c.id: c.text for c in cells(*SOURCE) if c.id in fixed}
    return found, notes


A, B = "def f(x): return 1", "def f(x): return 2"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([code(A, "f")], A),
        ([code(A)], A),
        ([code(A, "otro")], A),
        ([code(A, "f"), code(B, "f")], B),
        ([code(A, "f"), code("", "f")], A),
        ([code(A, "f"), code(B)], A),
        ([code("# vacía", "f"), code(B)], B),
        ([code(BLANK, "f"), code(B)], B),
        ([code(B), code(BLANK, "f")], B),
        ([code(BLANK, "f"), code(BLANK)], BLANK),
        ([ONE, code(A, "f"), code(B), check("f_check", "f")], B),
        ([ONE, code(A, "f"), check("f_check", "f"), code(B)], A),
        ([ONE, code(A, "f"), check("f_check", "f"), TWO, code(B)], A),
        ([ONE, code(BLANK, "f"), check("f_check", "f"), TWO, code(B)], B),
        ([code(f"{A}\n\n{check('', 'f')['source']}", "f")], f"{A}\n\n@check\ndef t(f): ..."),
        ([text(A, "f")], A),
        ([cell("raw", A)], A),
        ([text(A), code(B)], B),
        ([code("f = lambda x: 1")], "f = lambda x: 1"),
        ([code("g = 1", "f")], "g = 1"),
        ([], ""),
    ],
)
def test_where_an_answer_is(parts, expected):
    assert answers(*parts)[0]["f"] == expected


@pytest.mark.parametrize(
    ("others", "uses", "expected"),
    [
        (["import math"], "math.pi", "import math"),
        (["import math, re\nprint(1)"], "math.pi", "import math, re"),
        (["from math import *"], "pi", "from math import *"),
        (["k = 1; j = 2"], "k + j", "k = 1; j = 2"),
        (["def h(): return k", "k = 1", "print(h())"], "h()", "def h(): return k\nk = 1"),
        (
            ["t = {}\nfor i in 'ab':\n    t[i] = 1\nt.update(c=2)\nt"],
            "t",
            "t = {}\nfor i in 'ab':\n    t[i] = 1\nt.update(c=2)",
        ),
        (
            ["t = []\nfor i in 'ab':\n    t += [i]", "for i in [f(1)]:\n    print(i)"],
            "t",
            "t = []\nfor i in 'ab':\n    t += [i]",
        ),
        (
            ["@dec\ndef h(): pass\ndef dec(f): return f"],
            "h()",
            "@dec\ndef h(): pass\ndef dec(f): return f",
        ),
        (["%pip install y\nimport y"], "y", "import y"),
        (["np = None"], "np.pi", ""),
        (["k = f(3)"], "[k for k in 'ab']", ""),
        (["len = 1", "esto no es Python"], "len(x)", ""),
        (["h = 1" + " " * MAX_TEXT], "h", ""),
    ],
)
def test_what_an_answer_takes_from_other_cells(others, uses, expected):
    answer = f"def f(x):\n    return {uses}"
    found, _ = answers(*map(code, others), code(answer, "f"))
    assert found["f"] == "\n".join(filter(None, [expected, answer]))


def test_the_definition_of_the_own_exercise_comes_first():
    parts = [ONE, code("h = 1"), code("def f(x): return h", "f"), TWO, code("h = 2")]
    found, _ = answers(*parts, code("def g(x): return h + f(1)", "g"))
    assert found["f"] == "h = 1\ndef f(x): return h"
    assert found["g"] == "h = 1\ndef f(x): return h\nh = 2\ndef g(x): return h + f(1)"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([text("Mi texto", "essay")], "Mi texto"),
        ([cell("raw", "Mi texto", "essay")], "Mi texto"),
        ([TWO, text("Mi texto")], "Mi texto"),
        (
            [TWO, text("Escribe aquí tu respuesta.", "essay"), text("Mi texto"), text("Y más")],
            "Mi texto\n\nY más",
        ),
        ([ONE, text("Mi texto")], ""),
        ([TWO], ""),
    ],
)
def test_where_a_written_answer_is(parts, expected):
    assert answers(*parts)[0]["essay"] == expected


def test_stubs_are_those_that_nbgrader_writes(repo):
    config = PyFileConfigLoader("nbgrader_config.py", path=str(repo)).load_config()
    assert config.ClearSolutions.text_stub == STUB
    assert UNDONE in config.ClearSolutions.code_stub["python"]


def test_repairs_are_told():
    parts = [code(A), code("def h(): 1"), code("def g(x): return h()", "g"), code("", "g")]
    assert answers(*parts)[1] == (
        "Respuestas f: no están en su celda original y se han encontrado en otra.",
        "Respuestas g: su celda está repetida y cuenta la última que la define.",
        "Respuestas g: usan lo que defines en otras celdas, que también se ejecuta.",
        "Respuestas essay: no aparecen en el cuaderno.",
    )


def test_the_own_notebook_as_original_finds_the_same():
    notebook = cells(ONE, code(A, "f"), code("def h(x): return 3"), check("c", "f, h"))
    _, found, _ = rebuild(notebook, notebook)
    assert found == {"f": f"{A}\n\ndef h(x): return 3"}


NASTY = {
    "paréntesis": "(" * 19_000,
    "signos": "-" * 19_000 + "1",
    "not": "not " * 4_000 + "1",
    "atributos": "a" + ".b" * 9_000,
    "llamadas": "a" + "()" * 9_000,
    "índices": "a" + "[0]" * 6_000,
    "sumas": "+".join("1" * 9_000),
    "potencias": "**".join("1" * 6_000),
    "lambda": "lambda:" * 2_500 + "1",
    "condicionales": "1 if 1 else " * 1_500 + "1",
    "elif": "if 1: 1\n" + "elif 1: 1\n" * 1_900,
    "sangrías": "\n".join(" " * i + "if 1:" for i in range(150)),
    "funciones": "\n".join(" " * i + "def f():" for i in range(95)) + "\n" + " " * 95 + "x",
    "plantillas": "f'" + "{" * 5_000 + "}" * 5_000 + "'",
    "import": "import " + "a." * 9_000 + "b",
    "await": "await " * 3_000 + "x",
    "nulo": "a\0b",
    "medio emoji": "a = '\ud800'",
    "entero": "9" * 19_000,
    "walrus": "(" * 100 + "a := 1" + ")" * 100,
}


@pytest.mark.parametrize("name", NASTY)
def test_nasty_code_is_analysed_or_ignored(name):
    assert readable(NASTY[name]) in ("", NASTY[name])
    assert all(isinstance(names, frozenset) for names in names_in(NASTY[name]))
