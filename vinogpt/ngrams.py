"""Modelos de n-gramas: qué palabra sigue a cada ventana de tokens, según los recuentos.

Todos los modelos del curso responden a ``log_probs(ids)``: log q de cada ``ids[:, t]`` según los
anteriores, (B, T) -> (B, T, V), en nats. El 0 es comienzo, fin y relleno (``vinogpt.model``).
"""

from typing import NamedTuple

import numpy as np


def real_tokens(ids):
    """Qué posiciones cuentan: las palabras y el primer 0, que es el fin. (B, T) -> (B, T) bool."""
    return np.cumsum(ids == 0, axis=1) - (ids == 0) == 0


def left_tokens(ids, k):
    """El token que está k posiciones antes de cada una, (B, T) -> (B, T), con k ≥ 1.

    Justo antes de la primera posición está el comienzo, 0; más atrás no hay nada, -1.
    """
    shifted = np.pad(ids, ((0, 0), (k, 0)), constant_values=-1)
    shifted[:, k - 1] = 0
    return shifted[:, : ids.shape[1]]


class Uniform:
    """Da la misma probabilidad, 1 / V, a cada token."""

    def __init__(self, V):
        self.V = V

    def log_probs(self, ids):
        """log q de cada token. (B, T) -> (B, T, V)."""
        return np.full((*np.shape(ids), self.V), -np.log(self.V))


class Level(NamedTuple):
    """Recuentos con ventanas de k tokens. C ventanas distintas, G gramas (ventana y palabra).

    Una ventana es la que le quita su token más antiguo, y ese token: así cabe en un entero.
    """

    windows: np.ndarray  # (C,) claves en orden: número de la ventana corta * V + token antiguo
    grams: np.ndarray  # (G,) claves en orden: número de la ventana * V + palabra
    counts: np.ndarray  # (G,) veces que sale cada grama
    shorter: np.ndarray  # (G,) número del mismo grama sin su token más antiguo
    at_start: np.ndarray  # (G,) si la ventana empieza en el comienzo del texto


def count_ngrams(ids, V, window):
    """Un ``Level`` por cada tamaño de ventana, de 0 a ``window``. ids: (B, T)."""
    positions = np.flatnonzero(real_tokens(ids))
    number = gram = np.zeros(len(positions), int)  # ventana y grama de cada posición
    levels = []
    for k in range(window + 1):
        left = left_tokens(ids, k).ravel()[positions] if k else number
        inside = left >= 0
        positions, left, shorter = positions[inside], left[inside], gram[inside]
        windows, number = np.unique(number[inside] * V + left, return_inverse=True)
        grams, first, gram, counts = np.unique(
            number * V + ids.ravel()[positions],
            return_index=True, return_inverse=True, return_counts=True,
        )  # fmt: skip
        at_start = (left[first] == 0) & (k > 0)
        levels.append(Level(windows, grams, counts, shorter[first], at_start))
    return levels


def add_k(levels, V, k=1.0):
    """Suma k a cada recuento de las ventanas más largas: (recuento + k) / (total + k V).

    Por nivel, (parte propia (G,), peso del resto (C,)); las ventanas cortas no intervienen.
    """
    for level in levels[:-1]:
        yield np.zeros(len(level.grams)), np.ones(len(level.windows))
    number = levels[-1].grams // V
    total = np.bincount(number, levels[-1].counts) + k * V
    yield levels[-1].counts / total[number], k * V / total


def absolute_discount(levels, V, discount=0.75):
    """Resta ``discount`` a cada recuento y lo reparte según la ventana un token más corta.

    Ney, Essen y Kneser (1994), https://doi.org/10.1006/csla.1994.1001. Por nivel, (parte propia
    (G,), peso del resto (C,)).
    """
    for level in levels:
        number = level.grams // V
        total = np.bincount(number, level.counts)
        yield (level.counts - discount) / total[number], discount * np.bincount(number) / total


def discounts(counts):
    """Cuánto se resta a un recuento de 1, de 2 y de 3 o más. (G,) -> (3,).

    Chen y Goodman (1999), https://doi.org/10.1006/csla.1999.0128. Con pocos datos la fórmula se
    sale de rango: se recorta.
    """
    n = np.bincount(np.minimum(counts, 5), minlength=6)[1:5]  # cuántos recuentos valen 1, 2, 3, 4
    n = np.maximum(n, 1)
    i = np.arange(1, 4)
    Y = n[0] / (n[0] + 2 * n[1])
    return np.clip(i - (i + 1) * Y * n[1:] / n[:-1], 0.1, i)


def kneser_ney(levels, V):
    """Kneser-Ney interpolado y modificado: por nivel, (parte propia (G,), peso del resto (C,)).

    A cada recuento se le resta un descuento, que se reparte según la ventana un token más corta.
    En las ventanas cortas no cuenta cuántas veces sale una palabra, sino tras cuántos tokens.
    """
    for level, longer in zip(levels, [*levels[1:], None], strict=True):
        counts = level.counts
        if longer:
            preceding = np.bincount(longer.shorter, minlength=len(counts))
            counts = np.where(level.at_start, counts, preceding)
        removed = discounts(counts)[np.minimum(counts, 3) - 1]
        number = level.grams // V
        total = np.bincount(number, counts)
        yield (counts - removed) / total[number], np.bincount(number, removed) / total


class NGram:
    """Predice cada palabra según los ``window`` tokens anteriores: con 0, unigrama; con 1, bigrama.

    q(w | ventana) = parte propia(ventana, w) + peso(ventana) · q(w | ventana más corta), y al
    final de la cadena, 1 / V. ids: (B, T), los textos de los que aprende. ``smooth`` reparte la
    probabilidad: ``kneser_ney``, ``absolute_discount``, ``add_k`` o ``partial(add_k, k=0.1)``.
    """

    def __init__(self, ids, V, window, smooth=kneser_ney):
        self.V = V
        [short, *self.levels] = count_ngrams(np.asarray(ids), V, window)
        [(own, rest), *self.weights] = smooth([short, *self.levels], V)
        self.unigram = np.full(V, rest[0] / V)
        self.unigram[short.grams] += own

    def log_probs(self, ids):
        """log q de cada token según la ventana que lo precede. (B, T) -> (B, T, V)."""
        ids = np.asarray(ids)
        q = np.tile(self.unigram, (ids.size, 1))
        number = np.zeros(ids.size, int)  # ventana de cada posición, o -1 si nunca se ha visto
        for k, (level, (own, rest)) in enumerate(zip(self.levels, self.weights, strict=True), 1):
            left = left_tokens(ids, k).ravel()
            number = find(level.windows, number * self.V + left, (number >= 0) & (left >= 0))
            seen = np.flatnonzero(number >= 0)
            q[seen] *= rest[number[seen], None]
            rows, grams = following(level.grams // self.V, number[seen])
            q[seen[rows], level.grams[grams] % self.V] += own[grams]
        return np.log(q).reshape(*ids.shape, self.V)


def find(keys, wanted, valid):
    """Posición de cada clave en ``keys``, que está en orden; -1 si falta o no es válida."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(valid & (keys[place] == wanted), place, -1)


def following(number_of_gram, numbers):
    """Los gramas de cada ventana de ``numbers``: parejas (índice en ``numbers``, grama)."""
    first = np.searchsorted(number_of_gram, numbers)
    many = np.searchsorted(number_of_gram, numbers, side="right") - first
    rows = np.repeat(np.arange(len(numbers)), many)
    return rows, np.arange(len(rows)) + np.repeat(first - np.cumsum(many) + many, many)
