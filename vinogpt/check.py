"""El único corrector del curso: la misma celda puntúa en tu cuaderno y fuera de él.

Una comprobación es una función decorada. Sus parámetros nombran las respuestas que necesita;
`rng` es un generador de NumPy con semilla fija para cada comprobación::

    @check
    def rows_sum_to_one(attention, rng):
        '''Cada fila de pesos suma 1.'''
        weights = attention(rng.normal(size=(3, 4)))
        assert np.allclose(weights.sum(axis=-1), 1), "¿Aplicas softmax en el último eje?"

Entre la comprobación y la respuesta solo viajan datos simples, siempre copiados, y funciones, que
al otro lado solo se pueden llamar. Así da igual en qué proceso vive la respuesta: `Local` la busca
en el cuaderno y `Remote` la pide a otro proceso.
"""

import inspect
import sys
import traceback
from contextlib import redirect_stderr

import numpy as np

INSTEAD = {
    "set": "devuelve una lista ordenada, `sorted(…)`",
    "frozenset": "devuelve una lista ordenada, `sorted(…)`",
    "generator": "devuelve una lista, `list(…)`",
    "range": "devuelve una lista, `list(…)`",
    "complex": "devuelve por separado la parte real y la imaginaria",
    "bytes": "devuelve texto, `….decode()`",
}


class CheckFailed(AssertionError):
    """Una comprobación que no se cumple; el mensaje dice el síntoma y la causa probable.

    Argumentos: la razón y, si ya se sabe, el título de la comprobación.
    """

    def __str__(self):
        return "\n".join(reversed(self.args))

    def _render_traceback_(self):
        """IPython muestra esto en lugar de la traza: lo demás es interior del corrector."""
        return [f"✘ {self}"]


def plain(value, leaf=None):
    """Copia `value` hecha solo de bool, int, float, str, None, list, dict y arrays de NumPy.

    Las tuplas pasan a listas (salvo como claves), los escalares de NumPy a escalares de Python y
    los tensores a arrays. `leaf` convierte lo que se puede llamar; sin él no se admite.
    Lanza TypeError con todo lo demás y dice qué devolver en su lugar.
    """
    if value is None:
        return None
    if isinstance(value, np.generic) and not isinstance(value, np.void):
        value = value.item()
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, list | tuple):
        return [plain(item, leaf) for item in value]
    if isinstance(value, dict):
        return {plain_key(key): plain(item, leaf) for key, item in value.items()}
    if hasattr(value, "__array__") and not isinstance(value, type):
        return plain_array(value)
    if leaf is not None and callable(value):
        return leaf(value)
    kind = type(value).__name__
    instead = INSTEAD.get(kind, "usa números, textos, listas, diccionarios o arrays de NumPy")
    raise TypeError(f"no se admite un valor de tipo {kind}: {instead}")


def plain_key(key):
    """Clave de diccionario: un escalar o una tupla de claves."""
    if isinstance(key, tuple):
        return tuple(map(plain_key, key))
    key = plain(key)
    if isinstance(key, list | dict | np.ndarray):
        raise TypeError("las claves de un diccionario son números, textos o tuplas de ellos")
    return key


def plain_array(value):
    """Array nuevo, contiguo y de la clase base, con números, booleanos o textos."""
    try:
        array = np.array(value, order="C", subok=False)
    except Exception as error:
        raise TypeError(f"{type(value).__name__} no se convierte en un array: {error}") from error
    if array.dtype.kind not in "biufU":
        raise TypeError(
            f"no se admite un array de {array.dtype}: usa números, booleanos o textos, "
            "con todas las filas de la misma longitud"
        )
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def same(a, b):
    """Igualdad exacta de datos simples; NaN es igual a NaN y dos funciones cuentan como iguales."""
    if isinstance(a, np.ndarray):
        return (
            isinstance(b, np.ndarray)
            and (a.dtype, a.shape) == (b.dtype, b.shape)
            and a.tobytes() == b.tobytes()
        )
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and same([*a.values()], [*b.values()])
    if callable(a):
        return callable(b)
    return type(a) is type(b) and (a == b or (a != a and b != b))


def crossing(x, name=None):
    """Lo que pasa al otro lado: copia de los datos y, en lugar de cada función, su llamada."""
    if not callable(x):
        return plain(x, crossing)
    name = f"`{name or getattr(x, '__name__', type(x).__name__)}`"
    return lambda *args, **kwargs: called(x, name, args, kwargs)


def called(x, name, args, kwargs):
    """Copia del resultado de `x`, llamada con copias de sus argumentos.

    Lanza CheckFailed, con el nombre de la función, si esta falla, modifica sus argumentos o
    devuelve algo que no es dato simple.
    """
    sent, kept = (crossing([args, kwargs]) for _ in range(2))
    try:
        result = x(*sent[0], **sent[1])
    except CheckFailed:
        raise
    except (Exception, SystemExit) as error:
        raise CheckFailed(explain(error, name)) from None
    if not same(sent, kept):
        raise CheckFailed(f"{name} modifica sus argumentos: trabaja sobre una copia, `x.copy()`")
    try:
        return crossing(result)
    except (TypeError, RecursionError) as error:
        raise CheckFailed(f"Lo que devuelve {name} no se puede comprobar: {error}") from None


def explain(error, name):
    """Frase para el alumno: qué falló en `name`, con qué error y en qué línea suya."""
    frame = own_frame(error)
    if isinstance(error, NotImplementedError):
        name = f"`{frame.name}`" if frame and frame.name.isidentifier() else name
        return f"Ejercicio sin hacer: sustituye `raise NotImplementedError` en {name}"
    where = f" (línea {frame.lineno}: `{frame.line}`)" if frame else ""
    return f"{name} falla con {type(error).__name__}: {str(error)[:500]}{where}"


def own_frame(error):
    """Último punto de la traza en el mismo archivo que la función llamada; None si no lo hay."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    own = [frame for frame in frames if frame.filename == frames[0].filename]
    return own[-1] if own else None


class Local:
    """Las respuestas viven en este proceso: en `__main__`, que es el cuaderno, o en `answers`."""

    def __init__(self, answers=None, seed=0):
        self.answers, self.seed = answers, seed

    def get(self, name):
        """Respuesta llamada `name`, lista para usarse; CheckFailed si no está definida."""
        answers = vars(sys.modules["__main__"]) if self.answers is None else self.answers
        if name not in answers:
            raise CheckFailed(f"Ejercicio sin hacer: define `{name}` y ejecuta su celda")
        try:
            return crossing(answers[name], name)
        except TypeError as error:
            raise CheckFailed(f"`{name}` no se puede comprobar: {error}") from None


class Remote:
    """Las respuestas viven en otro proceso, al que `child.get(name)` se las pide."""

    def __init__(self, child, seed=0):
        self.get, self.seed = child.get, seed


def check(test, home=Local()):  # noqa: B008 (sin estado propio: vale una para todas)
    """Ejecuta la comprobación `test` con las respuestas que nombra; `rng` depende de su nombre.

    Si se cumple imprime una línea; si no, lanza CheckFailed. Devuelve `test`.
    """
    title = ": ".join([test.__name__, *(test.__doc__ or "").strip().splitlines()[:1]])
    try:
        # Un aviso no es un fallo: nbgrader pone un 0 a lo que llega a stderr.
        with redirect_stderr(sys.stdout):
            test(**{name: ask(home, name, test) for name in inspect.signature(test).parameters})
    except Exception as error:
        raise CheckFailed(reason(error), title) from None
    print(f"✔ {title}")
    return test


def ask(home, name, test):
    """La respuesta `name`, o el generador propio de la comprobación."""
    if name == "rng":
        return np.random.default_rng([home.seed, *test.__name__.encode()])
    return home.get(name)


def reason(error):
    """Por qué no se cumple una comprobación, dicho al alumno."""
    if isinstance(error, AssertionError) and str(error):
        return str(error)
    frame = own_frame(error)
    line = frame.line if frame else type(error).__name__
    if isinstance(error, AssertionError):
        return f"No se cumple `{line}`"
    if isinstance(error, NameError):
        return f"A la comprobación le falta `{error.name}`: ¿has borrado la celda de los import?"
    likely = "falta `return`" if "NoneType" in str(error) else "forma o tipo distintos"
    return (
        f"La comprobación no puede usar lo que devuelve tu código (¿{likely}?): "
        f"{type(error).__name__}: {error}, en `{line}`"
    )
