"""Cuánto le falta a un modelo para ser perfecto, en qué palabras falla y qué ha memorizado.

Un modelo es cualquier objeto con ``log_probs(ids)``, que da log q de cada ``ids[:, t]`` según los
anteriores, (B, T) -> (B, T, V), en nats. Cuentan los tokens reales: las palabras y el primer 0,
que es el fin. Los errores típicos tratan cada reseña como una sola observación.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np

from vinogpt.grammar import END, predictive
from vinogpt.limits import ratio
from vinogpt.ngrams import real_tokens

DISTANCES = (1, 5, 10, 20, 40)  # donde empieza cada tramo de ``excess_by_distance``


class Truth:
    """p* de una gramática con la interfaz de un modelo; el que la iguale no puede mejorar.

    vocabulary: la palabra de cada id, con el fin en el 0. ValueError si le falta alguna palabra.
    """

    def __init__(self, grammar, vocabulary):
        if missing := set(grammar.vocabulary) - set(vocabulary):
            raise ValueError(f"al vocabulario le faltan palabras de la gramática: {min(missing)}")
        self.grammar, self.vocabulary = grammar, vocabulary
        self.ids = {word: i for i, word in enumerate(vocabulary)}

    def log_probs(self, ids):
        """log p* de cada token. (B, T) -> (B, T, V); -inf en lo imposible, y tras el fin, el 0."""
        p = np.zeros((*ids.shape, len(self.vocabulary)))
        p[~real_tokens(ids), self.ids[END]] = 1
        for b, t, (state, belief, _, _) in self._walk(ids):
            following = predictive(state, belief)
            p[b, t, [self.ids[word] for word in following]] = list(following.values())
        return np.log(p, where=p > 0, out=np.full_like(p, -np.inf))

    def nodes(self, ids):
        """Nodo de la gramática que escribe cada token. (B, T) -> (B, T) de texto."""
        names = np.full(ids.shape, "", dtype=object)
        for b, t, (_, _, move, _) in self._walk(ids):
            names[b, t] = move.node
        return names

    def distances(self, ids):
        """Tokens entre cada palabra y la más lejana de las que la deciden. (B, T) -> (B, T).

        Una palabra depende de los registros que lee la gramática para escribirla («chilean», del
        país), y cada registro lo fijó una palabra anterior. Vale 0 si no depende de ninguno.
        """
        far = np.zeros(ids.shape, int)
        for b, t, (_, _, move, _) in self._walk(ids):
            if t == 0:
                fixed_at = {}
            far[b, t] = max((t - fixed_at[register] for register in move.reads), default=0)
            fixed_at |= {register: t for register, _ in move.sets}
        return far

    def _walk(self, ids):
        """(b, t, paso) de cada token real; ValueError ante un texto imposible."""
        for b, real in enumerate(real_tokens(ids)):
            words = [self.vocabulary[i] for i in ids[b, real]]
            for t, step in enumerate(self.grammar.walk(words)):
                if step[2] is None:
                    raise ValueError(f"reseña {b}: {self.grammar.validate(words).message}")
                yield b, t, step


class Scores(NamedTuple):
    """Lo que se mide en cada posición, todo (B, T). Sin gramática, ``floor`` y ``kl`` son nan."""

    real: np.ndarray  # si la posición cuenta
    nats: np.ndarray  # -log q(token)
    floor: np.ndarray  # -log p*(token)
    kl: np.ndarray  # KL(p* ‖ q), exacta: suma sobre todo el vocabulario
    confidence: np.ndarray  # q de la palabra más probable
    hit: np.ndarray  # si la palabra más probable es la que sigue


class Estimate(NamedTuple):
    """Una media, su error típico y cuántos tokens (o reseñas) promedia."""

    mean: float
    error: float
    count: int


def measure(model, ids, truth=None, batch_size=32):
    """``Scores`` de un modelo en unos textos. ids: (B, T) enteros; truth: ``Truth`` o None."""
    batches = [ids[i : i + batch_size] for i in range(0, len(ids), batch_size)]
    parts = [_measure(model.log_probs(batch), batch, truth) for batch in batches]
    return Scores(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _measure(q, ids, truth):
    """``Scores`` de un lote a partir de log q. q: (B, T, V), ids: (B, T)."""
    floor = kl = np.full(ids.shape, np.nan)
    if truth:
        p = truth.log_probs(ids)
        floor, kl = -_of_token(p, ids), _kl(p, q)
    confidence, hit = np.exp(q.max(axis=-1)), q.argmax(axis=-1) == ids
    return Scores(real_tokens(ids), -_of_token(q, ids), floor, kl, confidence, hit)


def _of_token(log_probs, ids):
    """(B, T, V), (B, T) -> (B, T): lo que corresponde al token de cada posición."""
    return np.take_along_axis(log_probs, ids[..., None], axis=-1)[..., 0]


def _kl(p, q):
    """Σ_v p (log p - log q), donde p > 0. log p y log q: (..., V) -> (...)."""
    possible = p > -np.inf
    difference = np.subtract(p, q, where=possible, out=np.zeros_like(p))
    return np.sum(np.exp(p) * difference, axis=-1)


def average(values, mask):
    """Media de ``values`` donde ``mask`` es cierta, ambas (B, T): un ``Estimate`` por token."""
    totals, lengths = np.where(mask, values, 0).sum(axis=1), mask.sum(axis=1)
    mean, error = ratio(totals, lengths)
    return Estimate(float(mean), float(error), int(lengths.sum()))


def nats_per_token(scores):
    """Pérdida media por token real."""
    return average(scores.nats, scores.real)


def nats_per_review(scores):
    """Pérdida media por reseña: compara modelos con distinto tokenizador."""
    totals = np.where(scores.real, scores.nats, 0).sum(axis=1)
    error = totals.std(ddof=1) / np.sqrt(len(totals))
    return Estimate(float(totals.mean()), float(error), len(totals))


def perplexity(nats):
    """Entre cuántas palabras igual de probables duda quien pierde ``nats`` por token."""
    return np.exp(nats)


def bits(nats):
    """Pasa de nats a bits."""
    return nats / np.log(2)


def gap(scores):
    """Brecha al límite, -log q + log p*, por token real: emparejada, en los mismos textos."""
    return average(scores.nats - scores.floor, scores.real)


def exact_gap(scores):
    """Brecha al límite como media de la KL exacta: solo los textos dependen del azar."""
    return average(scores.kl, scores.real)


def limit_alarm(gap, error):
    """Si una brecha está 3 errores típicos bajo cero: el modelo ve lo que no debe o cuenta mal."""
    return gap < -3 * error - 1e-6


def excess_by_node(scores, truth, ids):
    """Brecha por clase de palabra: el nodo que la escribe, hasta su primer punto."""
    kinds = np.vectorize(lambda node: node.split(".")[0], otypes=[object])(truth.nodes(ids))
    return _excess_by(scores, kinds)


def excess_by_distance(scores, truth, ids):
    """Brecha según cuántos tokens antes se decidió la palabra: {inicio del tramo: ``Estimate``}.

    Los tramos empiezan en ``DISTANCES``; el 0 reúne las palabras que ninguna anterior decide.
    """
    far = truth.distances(ids)
    return _excess_by(scores, np.array([0, *DISTANCES])[np.digitize(far, DISTANCES)])


def _excess_by(scores, labels):
    """Brecha en los tokens de cada etiqueta, (B, T)."""
    extra, found = scores.nats - scores.floor, np.unique(labels[scores.real]).tolist()
    masks = {label: scores.real & (labels == label) for label in found}
    return {label: average(extra, mask) for label, mask in masks.items()}


class Validity(NamedTuple):
    """Proporción de textos posibles y cuántos incumplen primero cada regla (nodo)."""

    share: float
    broken: Counter


def validity(grammar, texts):
    """Comprueba textos, cada uno una lista de palabras, con la gramática."""
    broken = Counter(v.node for v in map(grammar.validate, texts) if v)
    return Validity(1 - broken.total() / len(texts), broken)


class Calibration(NamedTuple):
    """Tramos de confianza, con su media, su acierto y sus tokens; y el error esperado (ECE)."""

    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray
    error: float


def calibration(scores, bins=10):
    """¿Acierta el 80 % de las veces que da un 80 % a una palabra? Por tramos iguales de q.

    Guo y otros (2017), https://arxiv.org/abs/1706.04599. Los tramos vacíos no aparecen.
    """
    confidence, hit = scores.confidence[scores.real], scores.hit[scores.real]
    _, place, count = np.unique(
        np.minimum((confidence * bins).astype(int), bins - 1),
        return_inverse=True, return_counts=True,
    )  # fmt: skip
    confidence = np.bincount(place, confidence) / count
    accuracy = np.bincount(place, hit) / count
    error = np.average(np.abs(confidence - accuracy), weights=count)
    return Calibration(confidence, accuracy, count, float(error))


class Nearest(NamedTuple):
    """La reseña de entrenamiento que más se parece a un texto."""

    run: int  # palabras seguidas que comparten, como mucho
    review: int  # su índice; -1 si no comparten ninguna
    seen: float  # proporción de series de n palabras del texto vistas al entrenar


def memorisation(texts, training, n=8):
    """Un ``Nearest`` por texto, que es una lista de palabras. Mira series de n palabras."""
    ids, owner = _joined([*training, *texts])
    run, review = _runs(ids, owner < len(training), owner)
    found = []
    for i, text in enumerate(texts, len(training)):
        here = np.flatnonzero(owner == i)
        best = here[run[here].argmax()]
        series = run[here[: max(len(text) - n + 1, 0)]] >= n
        share = float(series.mean()) if len(series) else 0.0
        found.append(Nearest(int(run[best]), int(review[best]), share))
    return found


def _runs(ids, trained, owner):
    """La serie más larga que empieza en cada posición y sale al entrenar, y en qué reseña.

    Alarga todas a la vez, palabra a palabra, y se queda con las que están en los dos lados.
    """
    run, review = np.zeros_like(ids), np.full_like(ids, -1)
    at = np.flatnonzero(ids >= 0)
    series, length = np.zeros_like(at), 0  # número de la serie que empieza en cada posición
    while len(at):
        longer = series * (ids.max() + 1) + ids[at + length]
        length, series = length + 1, np.unique(longer, return_inverse=True)[1]
        old = trained[at]
        seen_in, wanted = np.full(len(at), -1), np.zeros(len(at), bool)  # por serie
        seen_in[series[old]], wanted[series[~old]] = owner[at[old]], True
        shared = (seen_in[series] >= 0) & wanted[series]
        run[at[shared]], review[at[shared]] = length, seen_in[series[shared]]
        going_on = shared & (ids[at + length] >= 0)
        at, series = at[going_on], series[going_on]
    return run, review


def _joined(texts):
    """Todos los textos seguidos: id de cada palabra, -1 tras cada texto, y a cuál pertenece."""
    numbers = {}
    ids = [numbers.setdefault(word, len(numbers)) for text in texts for word in [*text, None]]
    owner = np.repeat(np.arange(len(texts)), [len(text) + 1 for text in texts])
    return np.where(np.array(ids) == numbers[None], -1, ids), owner
