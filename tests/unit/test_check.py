"""El corrector en el cuaderno: datos simples, funciones, mensajes y semilla."""

import sys
from collections import Counter

import numpy as np
import pytest

from vinogpt.check import CheckFailed, Local, check, crossing, plain, same
from vinogpt.grading.notebook import compile_cell


class Ndarray(np.ndarray):
    """Subclase que dice ser igual a todo."""

    def __eq__(self, other):
        return True


class Tensor:
    """Como un tensor de TensorFlow: solo sabe convertirse en array."""

    def __array__(self, dtype=None, copy=None):
        return np.array([1.0, 2.0], np.float32)


class Equal:
    def __eq__(self, other):
        return True


def failure(test, **answers):
    """Mensaje con el que falla una comprobación."""
    with pytest.raises(AssertionError) as caught:
        check(test, Local(answers))
    return str(caught.value)


@pytest.mark.parametrize("value", [None, True, 3, 2.5, "vino", [1, [2, "a"]], {"a": [None]}])
def test_plain_keeps_simple_values(value):
    assert plain(value) == value
    assert type(plain(value)) is type(value)


def test_plain_simplifies_types():
    assert plain((1, (2, 3))) == [1, [2, 3]]
    assert type(plain(np.float32(0.5))) is float
    assert type(plain(np.bool_(True))) is bool
    assert type(plain(np.str_("a"))) is str
    assert type(plain(Counter("aab"))) is dict
    assert plain({(1, "a"): np.int64(2)}) == {(1, "a"): 2}


def test_plain_makes_plain_arrays():
    assert type(plain(np.ones(2).view(Ndarray))) is np.ndarray
    assert plain(Tensor()).dtype == np.float32
    assert plain(np.array(3)).shape == ()
    assert plain(np.ones((2, 3)).T).flags.c_contiguous
    assert plain(np.arange(2, dtype=">i4")).dtype == np.dtype("int32")


def test_plain_copies():
    rows = [[1], np.ones(1)]
    copy = plain(rows)
    copy[0][0] = copy[1][0] = 9
    assert rows == [[1], np.ones(1)]


@pytest.mark.parametrize(
    ("value", "instead"),
    [
        ({1, 2}, "sorted"),
        ((i for i in "ab"), "list"),
        (range(3), "list"),
        (1j, "parte real"),
        (b"a", "decode"),
        (Equal(), "números"),
        (len, "números"),
        (np.ndarray, "números"),
        (np.array([None]), "array de object"),
        (np.array([1j]), "array de complex"),
        (np.datetime64("2020-01-01"), "números"),
        ({frozenset(): 1}, "sorted"),
    ],
)
def test_plain_says_what_to_return_instead(value, instead):
    with pytest.raises(TypeError, match=instead):
        plain(value)


def test_same_is_exact():
    assert same([np.nan, {"a": np.ones(2)}], [np.nan, {"a": np.ones(2)}])
    assert not same([1], [1.0])
    assert not same([np.ones(2)], [np.ones(2, np.float32)])
    assert not same({"a": 1}, {"a": 1, "b": 2})


def test_functions_cross_both_ways():
    def twice(g):
        return {"twice": lambda x: g(g(x))}

    assert crossing(twice)(lambda x: x + 1)["twice"](5) == 7


def test_arguments_are_copies():
    kept = []
    handle = crossing(kept.append)
    x = np.ones(2)
    handle(x)
    assert kept[0] is not x


@pytest.mark.parametrize("change", ["x.sort()", "x.append(1)", "x[0] = 9", "x[1].fill(9)"])
def test_mutated_arguments_are_refused(change):
    answers = {}
    exec(f"def f(x):\n    {change}", answers)
    with pytest.raises(CheckFailed, match="`f` modifica sus argumentos"):
        crossing(answers["f"])([[3.0], np.ones(2)] if "fill" in change else [3, 2])


def test_success_prints_one_line(capsys):
    def doubles(f):
        """Dobla cada número.

        Más detalles.
        """
        assert f(2) == 4

    check(doubles, Local({"f": lambda x: 2 * x}))
    assert capsys.readouterr() == ("✔ doubles: Dobla cada número.\n", "")


def cell(text):
    """Comprobación `test` escrita en una celda: pytest reescribe los assert de este archivo."""
    namespace = {}
    exec(compile_cell(text, "celda"), namespace)
    return namespace["test"]


def test_failure_says_title_and_message():
    test = cell("def test(f):\n  'Dobla.'\n  assert f(2) == 4, 'No dobla'")
    assert failure(test, f=lambda x: x) == "test: Dobla.\nNo dobla"


def test_failure_without_message_quotes_the_assert():
    test = cell("def test(f):\n  assert f(2) == 4")
    assert failure(test, f=lambda x: x) == "test\nNo se cumple `assert f(2) == 4`"


def test_missing_and_undone_answers():
    def stub(x):
        raise NotImplementedError

    def test(f):
        f(1)

    assert "Ejercicio sin hacer: define `f`" in failure(test)
    assert "Ejercicio sin hacer: sustituye" in failure(test, f=stub)


def test_error_names_function_and_line():
    def ratio(x):
        return x / 0

    def test(f):
        f(1)

    message = failure(test, f=ratio)
    assert "`f` falla con ZeroDivisionError: division by zero (línea " in message
    assert "`return x / 0`" in message


@pytest.mark.parametrize("error", [SystemExit, KeyError, AssertionError, RecursionError])
def test_any_error_is_a_failure(error):
    def f():
        raise error

    assert f"`f` falla con {error.__name__}" in failure(lambda f: f(), f=f)


def test_unusable_results_are_explained():
    def test(f):
        return f(1).shape

    assert "no se puede comprobar: no se admite" in failure(test, f=lambda x: {x})
    message = failure(test, f=lambda x: x)
    assert "¿forma o tipo distintos?" in message and "`return f(1).shape`" in message


def test_likely_causes_are_named():
    no_return = failure(lambda f: f(1).shape, f=lambda x: None)
    assert "¿falta `return`?" in no_return
    no_imports = failure(cell("def test(f):\n  np.allclose(f(1), 1)"), f=lambda x: x)
    assert "le falta `np`: ¿has borrado la celda de los import?" in no_imports


def test_circular_result_is_a_failure():
    circular = []
    circular.append(circular)
    assert "no se puede comprobar" in failure(lambda f: f(), f=lambda: circular)


def test_rng_depends_on_name_and_seed():
    drawn = []

    def one(rng):
        drawn.append(rng.random())

    def other(rng):
        drawn.append(rng.random())

    for test, seed in [(one, 0), (one, 0), (other, 0), (one, 1)]:
        check(test, Local({}, seed))
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 3


def test_nothing_reaches_stderr(capsys):
    check(lambda f: f("aviso"), Local({"f": lambda text: print(text, file=sys.stderr)}))
    assert capsys.readouterr() == ("aviso\n✔ <lambda>\n", "")


def test_answers_are_found_in_main(monkeypatch):
    monkeypatch.setattr("__main__.answer_of_this_test", 5, raising=False)

    @check
    def is_five(answer_of_this_test):
        assert answer_of_this_test == 5


def test_notebook_shows_only_the_message():
    assert CheckFailed("No dobla", "f: Dobla.")._render_traceback_() == ["✘ f: Dobla.\nNo dobla"]
