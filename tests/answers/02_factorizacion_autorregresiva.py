"""Respuestas a la tarea 02: las correctas en estilos distintos y las de errores típicos.

El nombre dice a qué responde cada una: `min_p_sample__by_loop` es una respuesta de `min_p_sample`.
Las demás respuestas de su ejercicio son las del original. Entre las erróneas están las funciones
del capítulo y del paquete, allí donde el ejercicio pide algo más.
"""

import ast
import math
from bisect import bisect_right
from collections import Counter, defaultdict
from functools import cache
from importlib.util import find_spec
from itertools import accumulate, pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from vinogpt.ngrams import NGram, left_tokens, real_tokens

RIGHT, WRONG = [], []


def right(function):
    """Anota una respuesta correcta."""
    RIGHT.append(function)
    return function


def wrong(reason):
    """Anota una respuesta errónea y su error."""

    def note(function):
        function.reason = reason
        WRONG.append(function)
        return function

    return note


# --- 2.1 conditionals ------------------------------------------------------------------------


@right
def conditionals__loops(texts, text):
    pairs = []
    for t in range(len(text) + 1):
        times = out_of = 0
        for other in texts:
            if len(other) < t or any(other[i] != text[i] for i in range(t)):
                continue
            out_of += 1
            if t == len(text):
                times += len(other) == t
            else:
                times += len(other) > t and other[t] == text[t]
        pairs.append([int(times), out_of])
    return pairs


@right
def conditionals__narrowing(texts, text):
    pairs, begun = [], texts
    for t, word in enumerate([*text, None]):  # None no es igual a ninguna palabra
        following = [other for other in begun if [*other, None][t] == word]
        pairs.append((len(following), len(begun)))  # las tuplas valen como listas
        begun = following
    return pairs


@right
def conditionals__recursive(texts, text):
    if not text:
        return [[texts.count([]), len(texts)]]
    rest = [other[1:] for other in texts if other[:1] == text[:1]]
    return [[len(rest), len(texts)], *conditionals__recursive(rest, text[1:])]


@right
def conditionals__all_prefixes(texts, text):
    begins = Counter(tuple(other[:t]) for other in texts for t in range(len(other) + 1))
    counts = [begins[tuple(text[:t])] for t in range(len(text) + 1)]
    return [list(pair) for pair in zip([*counts[1:], texts.count(text)], counts, strict=True)]


@right
def conditionals__sorted_search(texts, text):
    lists = sorted(texts)

    def begin(prefix):
        low = sum(other < prefix for other in lists)
        high = bisect_right([other[: len(prefix)] for other in lists], prefix)
        return high - low

    counts = [begin(text[:t]) for t in range(len(text) + 1)]
    return [[*pair] for pair in zip([*counts[1:], lists.count(text)], counts, strict=True)]


@right
def conditionals__numpy(texts, text):
    T = len(text)
    equal = np.zeros((len(texts), T + 1), dtype=int)  # cuántos comienzos comparte cada texto
    for n, other in enumerate(texts):
        for t in range(T + 1):
            equal[n, t] = other[:t] == text[:t]
    whole = np.int64(sum(other == text for other in texts))
    begun = equal.sum(axis=0)
    return np.stack([np.append(begun[1:], whole), begun], axis=1).tolist()


@wrong("la función del capítulo: toma la palabra «fin» por el fin")
def conditionals__chapter(texts, text):
    def after(prefix):
        n = len(prefix)
        return Counter([*s, "fin"][n] for s in texts if s[:n] == prefix)

    counts = [after(text[:t]) for t in range(len(text) + 1)]
    return [[c[word], c.total()] for c, word in zip(counts, [*text, "fin"], strict=True)]


@wrong("un bigrama: solo recuerda la palabra anterior")
def conditionals__bigram(texts, text):
    pairs = Counter()
    for other in texts:
        row = [None, *other, None]
        pairs.update(pairwise(row))
    totals = Counter()
    for (before, _), n in pairs.items():
        totals[before] += n
    row = [None, *text, None]
    return [[pairs[a, b], totals[a]] for a, b in pairwise(row)]


@wrong("sin la pareja del fin")
def conditionals__no_end(texts, text):
    return conditionals__loops(texts, text)[:-1]


@wrong("el fin cuenta también los textos que siguen")
def conditionals__end_is_prefix(texts, text):
    *pairs, (_, out_of) = conditionals__loops(texts, text)
    return [*pairs, [out_of, out_of]]


@wrong("divide siempre entre todos los textos")
def conditionals__same_total(texts, text):
    return [[times, len(texts)] for times, _ in conditionals__loops(texts, text)]


@wrong("quita los textos repetidos")
def conditionals__distinct(texts, text):
    return conditionals__loops([list(other) for other in set(map(tuple, texts))], text)


@wrong("compara textos unidos: «sol» es comienzo de «solar»")
def conditionals__joined(texts, text):
    lines = [" ".join(other) for other in texts]
    begins = [" ".join(text[:t]) for t in range(len(text) + 1)]
    counts = [sum(line.startswith(begin) for line in lines) for begin in begins]
    whole = sum(line == begins[-1] for line in lines)
    return [list(pair) for pair in zip([*counts[1:], whole], counts, strict=True)]


@wrong("simplifica las fracciones")
def conditionals__simplified(texts, text):
    pairs = conditionals__loops(texts, text)
    return [[a // (math.gcd(a, b) or 1), b // (math.gcd(a, b) or 1)] for a, b in pairs]


@wrong("probabilidades en lugar de recuentos")
def conditionals__floats(texts, text):
    return [times / max(out_of, 1) for times, out_of in conditionals__loops(texts, text)]


@wrong("recuentos como decimales")
def conditionals__float_counts(texts, text):
    return [[float(a), float(b)] for a, b in conditionals__loops(texts, text)]


@wrong("tras un comienzo sin ver, [0, 1] para poder dividir")
def conditionals__safe_division(texts, text):
    return [[times, max(out_of, 1)] for times, out_of in conditionals__loops(texts, text)]


@wrong("se detiene en la primera palabra sin ver")
def conditionals__stops(texts, text):
    pairs = conditionals__loops(texts, text)
    return [pair for pair in pairs if pair[1]]


@wrong("cuenta la palabra en esa posición, sin mirar lo anterior")
def conditionals__position(texts, text):
    pairs = [
        [sum(s[t : t + 1] == [word] for s in texts), sum(len(s) >= t for s in texts)]
        for t, word in enumerate(text)
    ]
    longer = sum(len(other) >= len(text) for other in texts)
    return [*pairs, [sum(len(other) == len(text) for other in texts), longer]]


@wrong("el comienzo, sin orden")
def conditionals__unordered(texts, text):
    pairs = []
    for t in range(len(text) + 1):
        begun = [s for s in texts if len(s) >= t and sorted(s[:t]) == sorted(text[:t])]
        pairs.append([sum(s[t : t + 1] == text[t : t + 1] for s in begun), len(begun)])
    return pairs


@wrong("las parejas, al revés")
def conditionals__swapped(texts, text):
    return [pair[::-1] for pair in conditionals__loops(texts, text)]


@wrong("los textos vacíos no cuentan")
def conditionals__drops_empty(texts, text):
    return conditionals__loops([other for other in texts if other], text)


@wrong("añade el fin a los textos que recibe")
def conditionals__mutates(texts, text):
    pairs = conditionals__loops(texts, text)
    for other in texts:
        other.append(None)
    return pairs


@wrong("busca el comienzo en cualquier parte del texto")
def conditionals__anywhere(texts, text):
    def times(words):
        n = len(words)
        return sum(s[i : i + n] == words for s in texts for i in range(len(s) - n + 1))

    counts = [times(text[:t]) for t in range(len(text) + 1)]
    counts[0] = len(texts)
    whole = sum(other[-len(text) :] == text for other in texts)
    return [list(pair) for pair in zip([*counts[1:], whole], counts, strict=True)]


@wrong("ceros")
def conditionals__zeros(texts, text):
    return [[0, 0] for _ in range(len(text) + 1)]


@wrong("siempre el primer ejemplo del enunciado")
def conditionals__constant(texts, text):
    return [[4, 5], [3, 4], [2, 3], [2, 2]]


@wrong("devuelve los textos")
def conditionals__returns_input(texts, text):
    return texts


# --- 2.2 text_log_probs ----------------------------------------------------------------------


def log(p):
    """Logaritmo que da -inf en 0, sin aviso."""
    with np.errstate(divide="ignore"):
        return np.log(p)


def remembering(next_probs):
    """El mismo modelo, preguntado una vez por cada comienzo."""
    known = {}

    def ask(prefix):
        key = tuple(prefix)
        if key not in known:
            known[key] = next_probs(list(prefix))
        return known[key]

    return ask


@right
def text_log_probs__remembering(texts, next_probs, end):
    ask = remembering(next_probs)
    return np.array(
        [sum(log(ask(text[:t])[token]) for t, token in enumerate([*text, end])) for text in texts]
    )


@right
def text_log_probs__cached_function(texts, next_probs, end):
    @cache
    def row(prefix):
        return [math.log(p) if p > 0 else -math.inf for p in next_probs(prefix)]

    totals = []
    for text in map(tuple, texts):
        steps = [row(text[:t])[token] for t, token in enumerate(text)]
        totals.append(math.fsum(steps) + row(text)[end] if -math.inf not in steps else -math.inf)
    return totals


@right
def text_log_probs__prefixes_first(texts, next_probs, end):
    prefixes = sorted({tuple(text[:t]) for text in texts for t in range(len(text) + 1)})
    place = {prefix: i for i, prefix in enumerate(prefixes)}
    if not prefixes:
        return np.zeros(0)
    table = log(np.array([next_probs(list(prefix)) for prefix in prefixes]))  # (P, V)
    totals = np.zeros(len(texts))
    for n, text in enumerate(texts):
        rows = [place[tuple(text[:t])] for t in range(len(text) + 1)]
        totals[n] = table[rows, [*text, end]].sum()
    return totals


@right
def text_log_probs__tree(texts, next_probs, end):
    totals = np.zeros(len(texts))
    pending = [([], list(range(len(texts))))] if texts else []
    while pending:  # textos que comparten un comienzo, juntos
        prefix, members = pending.pop()
        row = log(next_probs(prefix))
        branches = defaultdict(list)
        for n in members:
            token = texts[n][len(prefix)] if len(texts[n]) > len(prefix) else end
            totals[n] += row[token]
            if token != end and totals[n] > -np.inf:  # ya imposible: no hace falta seguir
                branches[token].append(n)
        pending += [([*prefix, token], group) for token, group in branches.items()]
    return totals


@right
def text_log_probs__accumulated(texts, next_probs, end):
    ask, best = remembering(next_probs), {(): 0.0}
    for text in sorted(texts, key=len):
        for t, token in enumerate(text):
            step = best[tuple(text[:t])] + float(log(ask(text[:t])[token]))
            best.setdefault(tuple(text[: t + 1]), step)
    return [best[tuple(text)] + float(log(ask(text)[end])) for text in texts]


@right
def text_log_probs__float32(texts, next_probs, end):
    ask = remembering(next_probs)
    totals = [
        log(np.array([ask(x[:t])[w] for t, w in enumerate([*x, end])], dtype=np.float32)).sum()
        for x in texts
    ]
    return np.array(totals, dtype=np.float32)


@wrong("la conjunta del capítulo: multiplica y no paga el fin")
def text_log_probs__chapter_joint(texts, next_probs, end):
    totals = []
    for text in texts:
        p = 1.0
        for t, token in enumerate(text):
            p *= next_probs(text[:t])[token]
        totals.append(log(p))
    return np.array(totals)


@wrong("la log_prob del capítulo: el modelo recibe el texto entero, y lo llama en cada posición")
def text_log_probs__chapter_log_prob(texts, next_probs, end):
    totals = []
    for text in texts:
        ids = np.array([*text, end])
        q = log(np.array([next_probs(ids[: t + 1]) for t in range(len(ids))]))
        totals.append(np.take_along_axis(q, ids[:, None], axis=1).sum())
    return np.array(totals)


@wrong("un bigrama del paquete, aprendido de los mismos textos")
def text_log_probs__package_bigram(texts, next_probs, end):
    if not texts:
        return np.zeros(0)
    V = len(next_probs([]))
    ids = np.zeros((len(texts), 1 + max(map(len, texts))), int)
    for row, text in zip(ids, texts, strict=True):
        row[: len(text)] = text
    q = NGram(ids, V, window=1).log_probs(ids)
    nats = np.take_along_axis(q, ids[..., None], axis=-1)[..., 0]
    return np.where(real_tokens(ids), nats, 0).sum(axis=1)


@wrong("no paga el fin")
def text_log_probs__no_end(texts, next_probs, end):
    ask = remembering(next_probs)
    return np.array([sum(log(ask(x[:t])[w]) for t, w in enumerate(x)) for x in texts], dtype=float)


@wrong("paga el fin en cada token")
def text_log_probs__end_everywhere(texts, next_probs, end):
    ask = remembering(next_probs)
    steps = text_log_probs__no_end(texts, ask, end)
    ends = [sum(log(ask(x[:t])[end]) for t in range(len(x) + 1)) for x in texts]
    return steps + np.array(ends)


@wrong("paga el fin dos veces")
def text_log_probs__end_twice(texts, next_probs, end):
    ask = remembering(next_probs)
    last = np.array([log(ask(text)[end]) for text in texts], dtype=float)
    return text_log_probs__no_end(texts, ask, end) + 2 * last


@wrong("el logaritmo del producto: un texto largo se pierde")
def text_log_probs__product(texts, next_probs, end):
    ask = remembering(next_probs)
    return log(np.array([math.prod(ask(x[:t])[w] for t, w in enumerate([*x, end])) for x in texts]))


@wrong("vuelve a preguntar por los comienzos que comparten los textos")
def text_log_probs__asks_again(texts, next_probs, end):
    return np.array(
        [sum(log(next_probs(x[:t])[w]) for t, w in enumerate([*x, end])) for x in texts]
    )


@wrong("guarda las respuestas dentro de cada texto, no entre textos")
def text_log_probs__remembers_each_text(texts, next_probs, end):
    return [float(text_log_probs__remembering([x], next_probs, end)[0]) for x in texts]


@wrong("guarda las respuestas por el último token")
def text_log_probs__key_is_last(texts, next_probs, end):
    known, totals = {}, []
    for text in texts:
        total = 0.0
        for t, token in enumerate([*text, end]):
            key = text[t - 1] if t else None
            if key not in known:
                known[key] = next_probs(text[:t])
            total += log(known[key][token])
        totals.append(total)
    return np.array(totals)


@wrong("guarda las respuestas por la longitud del comienzo")
def text_log_probs__key_is_length(texts, next_probs, end):
    known, totals = {}, []
    for text in texts:
        for t in range(len(text) + 1):
            if t not in known:
                known[t] = next_probs(text[:t])
        totals.append(sum(log(known[t][w]) for t, w in enumerate([*text, end])))
    return np.array(totals)


@wrong("guarda las respuestas sin el orden del comienzo")
def text_log_probs__key_is_sorted(texts, next_probs, end):
    known, totals = {}, []
    for text in texts:
        for t in range(len(text) + 1):
            known.setdefault(tuple(sorted(text[:t])), text[:t])
        totals.append(0.0)
    rows = {key: next_probs(prefix) for key, prefix in known.items()}
    for n, text in enumerate(texts):
        for t, token in enumerate([*text, end]):
            totals[n] += log(rows[tuple(sorted(text[:t]))][token])
    return np.array(totals)


@wrong("recuerda las respuestas de otra llamada, con otro modelo")
def text_log_probs__stale(texts, next_probs, end, known={}):  # noqa: B006 (es el error)
    totals = np.zeros(len(texts))
    for n, text in enumerate(texts):
        for t, token in enumerate([*text, end]):
            key = tuple(text[:t])
            if key not in known:
                known[key] = next_probs(text[:t])
            totals[n] += log(known[key][token])
    return totals


@wrong("el modelo recibe también el token que hay que predecir")
def text_log_probs__sees_the_token(texts, next_probs, end):
    ask = remembering(next_probs)
    return np.array(
        [sum(log(ask([*x, end][: t + 1])[w]) for t, w in enumerate([*x, end])) for x in texts]
    )


@wrong("solo pasa los dos últimos tokens")
def text_log_probs__trigram(texts, next_probs, end):
    ask = remembering(next_probs)
    return np.array(
        [sum(log(ask(x[max(t - 2, 0) : t])[w]) for t, w in enumerate([*x, end])) for x in texts]
    )


@wrong("lee hacia atrás: cada token según los que le siguen")
def text_log_probs__backward(texts, next_probs, end):
    return text_log_probs__remembering([text[::-1] for text in texts], next_probs, end)


@wrong("recorta las probabilidades: un texto imposible deja de serlo")
def text_log_probs__clipped(texts, next_probs, end):
    ask = remembering(next_probs)
    return np.array(
        [sum(np.log(max(ask(x[:t])[w], 1e-12)) for t, w in enumerate([*x, end])) for x in texts]
    )


@wrong("suma una constante pequeña a las probabilidades")
def text_log_probs__epsilon(texts, next_probs, end):
    ask = remembering(next_probs)
    return np.array(
        [sum(np.log(ask(x[:t])[w] + 1e-3) for t, w in enumerate([*x, end])) for x in texts]
    )


@wrong("nan: multiplica 0 por -inf al elegir el token con un producto")
def text_log_probs__one_hot(texts, next_probs, end):
    ask, totals = remembering(next_probs), []
    for text in texts:
        total = 0.0
        for t, token in enumerate([*text, end]):
            q = log(ask(text[:t]))
            with np.errstate(invalid="ignore"):
                total += (q * (np.arange(len(q)) == token)).sum()
        totals.append(total)
    return np.array(totals)


@wrong("media por token en lugar de suma")
def text_log_probs__mean(texts, next_probs, end):
    sizes = np.array([len(text) + 1 for text in texts])
    return text_log_probs__remembering(texts, next_probs, end) / sizes


@wrong("el fin es siempre el 0")
def text_log_probs__end_is_zero(texts, next_probs, end):
    return text_log_probs__remembering(texts, next_probs, 0)


@wrong("logaritmo en base 2")
def text_log_probs__bits(texts, next_probs, end):
    return text_log_probs__remembering(texts, next_probs, end) / np.log(2)


@wrong("probabilidades, sin logaritmo")
def text_log_probs__probabilities(texts, next_probs, end):
    return np.exp(text_log_probs__remembering(texts, next_probs, end))


@wrong("la pérdida: con el signo cambiado")
def text_log_probs__loss(texts, next_probs, end):
    return -text_log_probs__remembering(texts, next_probs, end)


@wrong("descarta los textos vacíos")
def text_log_probs__drops_empty(texts, next_probs, end):
    return text_log_probs__remembering([text for text in texts if text], next_probs, end)


@wrong("añade el fin a los textos que recibe")
def text_log_probs__mutates(texts, next_probs, end):
    totals = text_log_probs__remembering(texts, next_probs, end)
    for text in texts:
        text.append(end)
    return totals


@wrong("normaliza entre los textos que recibe")
def text_log_probs__normalised(texts, next_probs, end):
    totals = text_log_probs__remembering(texts, next_probs, end)
    return totals - np.log(np.exp(totals).sum())


@wrong("ceros")
def text_log_probs__zeros(texts, next_probs, end):
    return np.zeros(len(texts))


@wrong("al azar")
def text_log_probs__random(texts, next_probs, end):
    return -np.random.default_rng().random(len(texts))


@wrong("siempre el ejemplo del enunciado")
def text_log_probs__constant(texts, next_probs, end):
    return np.array([np.log(0.2), np.log(0.25), np.log(0.2), -np.inf])


# --- 2.3 two_table_gradient ------------------------------------------------------------------


def softmax(z):
    powers = np.exp(z - z.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def contexts(ids, real):
    """Token de dos posiciones antes, token anterior y token, en las posiciones reales."""
    padded = np.pad(ids, ((0, 0), (2, 0)))
    return padded[:, :-2][real], padded[:, 1:-1][real], ids[real]


def from_contexts(older, newer, token, A, B, M=None):
    """El resultado a partir de las tres listas; M, entre cuánto se divide."""
    q = softmax(A[older] + B[newer])
    M = len(token) if M is None else M
    at = np.arange(len(token)), token
    loss = -log(q[at]).sum() / M
    q[at] -= 1
    grads = [np.zeros(A.shape), np.zeros(B.shape)]
    np.add.at(grads[0], older, q / M)
    np.add.at(grads[1], newer, q / M)
    return [loss, *grads]


@right
def two_table_gradient__loops(ids, real, A, B):
    V, M = len(A), int(real.sum())
    loss, grad_A, grad_B = 0.0, np.zeros((V, V)), np.zeros((V, V))
    for row, counts in zip(ids, real, strict=True):
        older = newer = 0
        for token, cost in zip(row, counts, strict=True):
            if not cost:
                break
            z = A[older] + B[newer]
            z = z - z.max()
            log_q = z - np.log(np.exp(z).sum())
            error = np.exp(log_q)
            error[token] -= 1
            loss -= log_q[token] / M
            grad_A[older] += error / M
            grad_B[newer] += error / M
            older, newer = newer, token
    return [loss, grad_A, grad_B]


@right
def two_table_gradient__one_hot(ids, real, A, B):
    eye = np.eye(len(A))
    before = np.pad(ids, ((0, 0), (2, 0)))
    older, newer, target = eye[before[:, :-2]], eye[before[:, 1:-1]], eye[ids]  # (N, T, V)
    z = older @ A + newer @ B
    z = z - z.max(axis=-1, keepdims=True)
    log_q = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    error = (np.exp(log_q) - target) * real[..., None] / real.sum()
    loss = -(log_q * target).sum(axis=-1)[real].mean()
    return [
        loss,
        np.einsum("nti,ntj->ij", older, error),
        np.einsum("nti,ntj->ij", newer, error),
    ]


@right
def two_table_gradient__triples(ids, real, A, B):
    times = Counter(zip(*(part.tolist() for part in contexts(ids, real)), strict=True))
    M = sum(times.values())
    loss, grad_A, grad_B = 0.0, np.zeros_like(A), np.zeros_like(B)
    for (older, newer, token), n in times.items():
        z = A[older] + B[newer]
        top = float(z.max())
        total = top + math.log(sum(math.exp(value - top) for value in z))
        error = np.exp(z - total)
        error[token] -= 1
        loss += n * (total - z[token]) / M
        grad_A[older] += n * error / M
        grad_B[newer] += n * error / M
    return (loss, grad_A, grad_B)  # las tuplas valen como listas


@right
def two_table_gradient__float32(ids, real, A, B):
    older, newer, token = contexts(ids.astype(int), real)
    z = A.astype(np.float32)[older] + B.astype(np.float32)[newer]
    log_q = z - np.logaddexp.reduce(z, axis=1, keepdims=True)
    error = np.exp(log_q) - np.eye(len(A), dtype=np.float32)[token]
    error /= len(token)
    grads = []
    for rows in (older, newer):
        grad = np.zeros((len(A), len(A)), dtype=np.float32)
        np.add.at(grad, rows, error)
        grads.append(grad)
    return [-log_q[np.arange(len(token)), token].mean(), *grads]


@right
def two_table_gradient__matrices(ids, real, A, B):
    older, newer, token = contexts(ids, real)
    M, V = len(token), len(A)
    choose = np.zeros((2, V, M))
    choose[0, older, np.arange(M)] = choose[1, newer, np.arange(M)] = 1
    z = choose[0].T @ A + choose[1].T @ B
    z -= z.max(axis=1, keepdims=True)
    powers = np.exp(z)
    totals = powers.sum(axis=1)
    error = powers / totals[:, None]
    error[np.arange(M), token] -= 1
    loss = (np.log(totals) - z[np.arange(M), token]).mean()
    return [float(loss), *(choose @ error / M)]


@right
def two_table_gradient__columns(ids, real, A, B):
    N, V, M = len(ids), len(A), real.sum()
    older, newer, loss = np.zeros(N, int), np.zeros(N, int), 0.0
    grad_A, grad_B = np.zeros((V, V)), np.zeros((V, V))
    for t in range(ids.shape[1]):
        keep, token = real[:, t], ids[:, t].astype(int)
        z = A[older] + B[newer]
        log_q = z - np.logaddexp.reduce(z, axis=1, keepdims=True)
        error = np.exp(log_q) - np.eye(V)[token]
        loss -= log_q[np.arange(N), token][keep].sum() / M
        np.add.at(grad_A, older[keep], error[keep] / M)
        np.add.at(grad_B, newer[keep], error[keep] / M)
        older, newer = newer, token
    return [loss, grad_A.tolist(), grad_B.tolist()]


@wrong("el bigrama del capítulo: la tabla A no participa")
def two_table_gradient__chapter(ids, real, A, B):
    _, newer, token = contexts(ids, real)
    counts = np.zeros(B.shape)
    np.add.at(counts, (newer, token), 1)
    q = softmax(B)
    gradient = (counts.sum(axis=1, keepdims=True) * q - counts) / counts.sum()
    return [-(counts * log(q)).sum() / counts.sum(), np.zeros(A.shape), gradient]


@wrong("un trigrama del paquete, contado")
def two_table_gradient__package(ids, real, A, B):
    text = np.where(real, ids, 0)
    q = NGram(text, len(A), window=2).log_probs(text)
    nats = -np.take_along_axis(q, text[..., None].astype(int), axis=-1)[..., 0]
    return [nats[real].mean(), np.zeros(A.shape), np.zeros(B.shape)]


@wrong("left_tokens del paquete: delante del comienzo pone -1, que es la última fila")
def two_table_gradient__left_tokens(ids, real, A, B):
    ids = ids.astype(int)
    return from_contexts(left_tokens(ids, 2)[real], left_tokens(ids, 1)[real], ids[real], A, B)


@wrong("real_tokens del paquete: deduce lo real de los ceros")
def two_table_gradient__real_tokens(ids, real, A, B):
    return from_contexts(*contexts(ids, real_tokens(ids)), A, B)


@wrong("cuenta el relleno")
def two_table_gradient__no_mask(ids, real, A, B):
    return from_contexts(*contexts(ids, np.ones_like(real)), A, B)


@wrong("divide entre todas las posiciones, relleno incluido")
def two_table_gradient__divides_by_size(ids, real, A, B):
    return from_contexts(*contexts(ids, real), A, B, M=ids.size)


@wrong("suma en lugar de media")
def two_table_gradient__sum(ids, real, A, B):
    return from_contexts(*contexts(ids, real), A, B, M=1)


@wrong("la pérdida es una media y el gradiente, una suma")
def two_table_gradient__gradient_sum(ids, real, A, B):
    loss, *_ = from_contexts(*contexts(ids, real), A, B)
    return [loss, *from_contexts(*contexts(ids, real), A, B, M=1)[1:]]


@wrong("media de las medias de cada texto")
def two_table_gradient__mean_of_means(ids, real, A, B):
    parts = [
        from_contexts(*contexts(x[None], r[None]), A, B)
        for x, r in zip(ids, real, strict=True)
        if r.any()
    ]
    return [sum(column) / len(parts) for column in zip(*parts, strict=True)]


@wrong("A y B cambiadas: A mira el token anterior")
def two_table_gradient__swapped(ids, real, A, B):
    older, newer, token = contexts(ids, real)
    return from_contexts(newer, older, token, A, B)


@wrong("los gradientes, en el orden contrario")
def two_table_gradient__swapped_gradients(ids, real, A, B):
    loss, grad_A, grad_B = two_table_gradient__loops(ids, real, A, B)
    return [loss, grad_B, grad_A]


@wrong("el mismo gradiente para las dos tablas")
def two_table_gradient__same_gradient(ids, real, A, B):
    loss, _, grad_B = two_table_gradient__loops(ids, real, A, B)
    return [loss, grad_B, grad_B]


@wrong("un paso de más: A mira tres posiciones antes y B, dos")
def two_table_gradient__too_far(ids, real, A, B):
    padded = np.pad(ids, ((0, 0), (3, 0)))
    older, newer = padded[:, :-3][real], padded[:, 1:-2][real]
    return from_contexts(older, newer, ids[real], A, B)


@wrong("un paso de menos: B ve el token que hay que predecir")
def two_table_gradient__sees_the_token(ids, real, A, B):
    _, newer, token = contexts(ids, real)
    return from_contexts(newer, token, token, A, B)


@wrong("np.roll: el comienzo de un texto ve su final")
def two_table_gradient__rolls(ids, real, A, B):
    older, newer = np.roll(ids, 2, axis=1)[real], np.roll(ids, 1, axis=1)[real]
    return from_contexts(older, newer, ids[real], A, B)


@wrong("pone los textos en fila: uno ve el final del anterior")
def two_table_gradient__crosses_texts(ids, real, A, B):
    text = np.append([0, 0], ids[real]).astype(int)
    return from_contexts(text[:-2], text[1:-1], text[2:], A, B)


@wrong("solo predice desde la tercera posición")
def two_table_gradient__skips_the_start(ids, real, A, B):
    late = real & (np.arange(ids.shape[1]) > 1)
    if not late.any():
        return two_table_gradient__loops(ids, real, A, B)
    return from_contexts(*contexts(ids, late), A, B)


@wrong("las filas repetidas se pisan")
def two_table_gradient__no_accumulation(ids, real, A, B):
    older, newer, token = contexts(ids, real)
    loss, grad_A, grad_B = from_contexts(older, newer, token, A, B)
    error = (softmax(A[older] + B[newer]) - np.eye(len(A))[token]) / len(token)
    grad_A, grad_B = np.zeros(A.shape), np.zeros(B.shape)
    grad_A[older] += error
    grad_B[newer] += error
    return [loss, grad_A, grad_B]


@wrong("el signo cambiado: objetivo menos probabilidad")
def two_table_gradient__sign(ids, real, A, B):
    loss, grad_A, grad_B = two_table_gradient__loops(ids, real, A, B)
    return [loss, -grad_A, -grad_B]


@wrong("np.exp sin restar el máximo: se desborda")
def two_table_gradient__overflow(ids, real, A, B):
    older, newer, token = contexts(ids, real)
    with np.errstate(all="ignore"):
        powers = np.exp(A[older] + B[newer])
        q = powers / powers.sum(axis=1, keepdims=True)
    loss = -log(q[np.arange(len(token)), token]).mean()
    error = (q - np.eye(len(A))[token]) / len(token)
    grads = [np.zeros(A.shape), np.zeros(B.shape)]
    np.add.at(grads[0], older, error)
    np.add.at(grads[1], newer, error)
    return [loss, *grads]


@wrong("log de la softmax: infinito donde la probabilidad no cabe")
def two_table_gradient__log_of_softmax(ids, real, A, B):
    return from_contexts(*contexts(ids, real), A, B)


@wrong("recorta los logits enormes")
def two_table_gradient__clips(ids, real, A, B):
    return two_table_gradient__loops(ids, real, A.clip(-100, 100), B.clip(-100, 100))


@wrong("softmax de cada tabla por separado, y su media")
def two_table_gradient__two_softmaxes(ids, real, A, B):
    older, newer, token = contexts(ids, real)
    q = (softmax(A)[older] + softmax(B)[newer]) / 2
    error = (q - np.eye(len(A))[token]) / len(token)
    grads = [np.zeros(A.shape), np.zeros(B.shape)]
    np.add.at(grads[0], older, error)
    np.add.at(grads[1], newer, error)
    return [-log(q[np.arange(len(token)), token]).mean(), *grads]


@wrong("media de los logits en lugar de suma")
def two_table_gradient__mean_of_logits(ids, real, A, B):
    return two_table_gradient__loops(ids, real, A / 2, B / 2)


@wrong("usa las columnas de las tablas")
def two_table_gradient__columns_of_tables(ids, real, A, B):
    loss, grad_A, grad_B = two_table_gradient__loops(ids, real, A.T, B.T)
    return [loss, grad_A.T, grad_B.T]


@wrong("olvida restar el objetivo")
def two_table_gradient__no_target(ids, real, A, B):
    older, newer, token = contexts(ids, real)
    loss, grad_A, grad_B = from_contexts(older, newer, token, A, B)
    np.add.at(grad_A, (older, token), 1 / len(token))
    np.add.at(grad_B, (newer, token), 1 / len(token))
    return [loss, grad_A, grad_B]


@wrong("un gradiente por posición, sin repartir")
def two_table_gradient__per_position(ids, real, A, B):
    older, newer, token = contexts(ids, real)
    loss, *_ = from_contexts(older, newer, token, A, B)
    error = (softmax(A[older] + B[newer]) - np.eye(len(A))[token]) / len(token)
    return [loss, error, error]


@wrong("en bits")
def two_table_gradient__bits(ids, real, A, B):
    loss, *grads = two_table_gradient__loops(ids, real, A, B)
    return [loss / np.log(2), *grads]


@wrong("filas que no se usan, casi 0")
def two_table_gradient__epsilon(ids, real, A, B):
    loss, grad_A, grad_B = two_table_gradient__loops(ids, real, A, B)
    return [loss, grad_A + 1e-9, grad_B + 1e-9]


@wrong("baja por el gradiente dentro de las tablas que recibe")
def two_table_gradient__mutates(ids, real, A, B):
    found = two_table_gradient__loops(ids, real, A, B)
    A -= found[1]
    B -= found[2]
    return found


@wrong("modifica el relleno que recibe")
def two_table_gradient__mutates_ids(ids, real, A, B):
    ids[~real] = 0
    return two_table_gradient__loops(ids, real, A, B)


@wrong("acumula en la tabla de otra llamada")
def two_table_gradient__keeps_tables(ids, real, A, B, tables={}):  # noqa: B006 (es el error)
    loss, *grads = two_table_gradient__loops(ids, real, A, B)
    kept = tables.setdefault(A.shape, [np.zeros(A.shape), np.zeros(B.shape)])
    kept[0] += grads[0]
    kept[1] += grads[1]
    return [loss, *kept]


@wrong("solo la pérdida")
def two_table_gradient__loss_only(ids, real, A, B):
    return two_table_gradient__loops(ids, real, A, B)[0]


@wrong("ceros y log V")
def two_table_gradient__zeros(ids, real, A, B):
    return [np.log(len(A)), np.zeros(A.shape), np.zeros(B.shape)]


@wrong("al azar")
def two_table_gradient__random(ids, real, A, B):
    rng = np.random.default_rng()
    return [rng.random(), rng.normal(size=A.shape), rng.normal(size=B.shape)]


@wrong("devuelve las tablas")
def two_table_gradient__returns_input(ids, real, A, B):
    return [0.0, A, B]


# --- 2.4 min_p_sample ------------------------------------------------------------------------


def drawn(weights, u):
    """La palabra de cada dardo: la regla del capítulo, con pesos sin normalizar."""
    marks = np.cumsum(weights, axis=1)
    return np.argmax(marks > u[:, None] * marks[:, -1:], axis=1)


def cut(q, share):
    return np.where(q >= share * q.max(axis=1, keepdims=True), q, 0)


def halves(start, stop, body, state):
    """`ops.fori_loop`, que es como `sampling.top_p` busca su umbral."""
    for i in range(start, stop):
        state = body(i, state)
    return state


def samplers_of_package():
    """`vinogpt.sampling` sin cargar Keras: sus muestreadores, con NumPy en lugar de `keras.ops`."""
    kept = ("argmax", "cumsum", "logical_and", "max", "minimum", "pad", "reshape", "sum")
    ops = {name: getattr(np, name) for name in (*kept, "take_along_axis", "where", "zeros_like")}
    ops |= {"softmax": softmax, "fori_loop": halves, "cast": np.asarray}
    ops["top_k"] = lambda x, k: (np.sort(x, axis=-1)[..., ::-1][..., :k], None)
    found = {"ops": SimpleNamespace(**ops), "math": math}
    source = Path(find_spec("vinogpt.sampling").origin).read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if getattr(node, "name", "") in ("draw", "land", "greedy", "temperature", "top_k", "top_p"):
            exec(ast.unparse(node), found)
    return SimpleNamespace(**found)


package = samplers_of_package()


@right
def min_p_sample__by_loop(logits, u, temperature, share):
    ids = []
    for row, dart in zip(logits.tolist(), u.tolist(), strict=True):
        top = max(row)
        weights = [math.exp((value - top) / temperature) for value in row]
        weights = [w if w >= share else 0.0 for w in weights]
        target, mark = dart * sum(weights), 0.0
        last = max(i for i, w in enumerate(weights) if w > 0)
        for i, w in enumerate(weights):
            mark += w
            if w > 0 and (mark > target or i == last):
                ids.append(i)
                break
    return ids


@right
def min_p_sample__softmax_first(logits, u, temperature, share):
    return drawn(cut(softmax(logits / temperature), share), u).astype(np.int32)


@right
def min_p_sample__searchsorted(logits, u, temperature, share):
    ids = np.zeros(len(u), dtype=int)
    for b, row in enumerate(softmax(logits / temperature)):
        kept = np.flatnonzero((row >= share * row.max()) & (row > 0))
        marks = np.cumsum(row[kept])
        place = np.searchsorted(marks, u[b] * marks[-1], side="right")
        ids[b] = kept[min(place, len(kept) - 1)]
    return ids


@right
def min_p_sample__log_threshold(logits, u, temperature, share):
    z = logits / temperature
    z = z - z.max(axis=1, keepdims=True)
    z = np.where(z >= log(float(share)), z, -np.inf)
    return drawn(softmax(z), u)


@right
def min_p_sample__bisect(logits, u, temperature, share):
    q = cut(softmax(logits / temperature), share)
    marks = [list(accumulate(row)) for row in q.tolist()]
    return [bisect_right(m, dart * m[-1]) for m, dart in zip(marks, u.tolist(), strict=True)]


@right
def min_p_sample__counts_marks(logits, u, temperature, share):
    q = cut(softmax(logits / temperature), share)
    q = q / q.sum(axis=1, keepdims=True)
    beyond = (np.cumsum(q, axis=1) <= u[:, None]).sum(axis=1)
    last = q.shape[1] - 1 - np.argmax(q[:, ::-1] > 0, axis=1)
    return np.minimum(beyond, last)


@right
def min_p_sample__package_draw(logits, u, temperature, share):
    return package.draw(cut(softmax(logits / temperature), share), u)


@wrong("temperature del paquete: sin corte")
def min_p_sample__package_temperature(logits, u, temperature, share):
    return package.temperature(temperature)(logits, u)


@wrong("top_k del paquete, con un k elegido a partir de la fracción")
def min_p_sample__package_top_k(logits, u, temperature, share):
    k = max(1, round((1 - share) * logits.shape[1]))
    return package.top_k(k, temperature)(logits, u)


@wrong("top_p del paquete, con la fracción que falta")
def min_p_sample__package_top_p(logits, u, temperature, share):
    return package.top_p(1 - share, temperature)(logits, u)


@wrong("greedy del capítulo: siempre la mayor")
def min_p_sample__greedy(logits, u, temperature, share):
    return package.greedy(logits, u)


@wrong("la temperatura, sin corte")
def min_p_sample__no_cut(logits, u, temperature, share):
    return drawn(softmax(logits / temperature), u)


@wrong("el núcleo del capítulo, con p = 1 - share")
def min_p_sample__nucleus(logits, u, temperature, share):
    q = softmax(logits / temperature)
    kept = np.zeros_like(q)
    for row, out in zip(q, kept, strict=True):
        order = np.argsort(-row)
        size = np.searchsorted(np.cumsum(row[order]), 1 - share) + 1
        out[order[:size]] = row[order[:size]]
    return drawn(kept, u)


@wrong("el umbral es absoluto: no mira la mayor")
def min_p_sample__absolute(logits, u, temperature, share):
    q = softmax(logits / temperature)
    return drawn(np.where(q >= min(share, 0.999 * q.max()), q, 0), u)


@wrong("el corte va antes que la temperatura")
def min_p_sample__cut_before_temperature(logits, u, temperature, share):
    kept = cut(softmax(logits), share) > 0
    return drawn(np.where(kept, softmax(logits / temperature), 0), u)


@wrong("la temperatura divide las probabilidades, tras la softmax")
def min_p_sample__late_temperature(logits, u, temperature, share):
    return drawn(cut(softmax(logits) / temperature, share), u)


@wrong("multiplica por la temperatura")
def min_p_sample__multiplies(logits, u, temperature, share):
    return drawn(cut(softmax(logits * temperature), share), u)


@wrong("sin temperatura")
def min_p_sample__no_temperature(logits, u, temperature, share):
    return drawn(cut(softmax(logits), share), u)


@wrong("no renormaliza lo que queda")
def min_p_sample__not_renormalised(logits, u, temperature, share):
    marks = np.cumsum(cut(softmax(logits / temperature), share), axis=1)
    return np.argmax(marks > u[:, None], axis=1)


@wrong("no renormaliza: lo que falta va a la última que cabe")
def min_p_sample__rest_to_the_last(logits, u, temperature, share):
    q = cut(softmax(logits / temperature), share)
    beyond = (np.cumsum(q, axis=1) <= u[:, None]).sum(axis=1)
    return np.minimum(beyond, q.shape[1] - 1 - np.argmax(q[:, ::-1] > 0, axis=1))


@wrong("la marca puede ser igual que u: con u = 0 sale la primera, aunque no quepa")
def min_p_sample__left_side(logits, u, temperature, share):
    q = cut(softmax(logits / temperature), share)
    marks = np.cumsum(q, axis=1)
    return np.argmax(marks >= u[:, None] * marks[:, -1:], axis=1)


@wrong("un id de más")
def min_p_sample__one_more(logits, u, temperature, share):
    return np.minimum(min_p_sample__softmax_first(logits, u, temperature, share) + 1, 4)


@wrong("un id de menos: la marca por debajo del dardo")
def min_p_sample__one_less(logits, u, temperature, share):
    return np.maximum(min_p_sample__softmax_first(logits, u, temperature, share) - 1, 0)


@wrong("el redondeo saca el dardo de la regla cuando u es casi 1")
def min_p_sample__rounding(logits, u, temperature, share):
    q = cut(softmax(logits / temperature), share)
    marks = np.cumsum(q / q.sum(axis=1, keepdims=True), axis=1)
    return [int(np.searchsorted(m, dart, side="right")) for m, dart in zip(marks, u, strict=True)]


@wrong("el corte es estricto: los empates con el umbral se quitan")
def min_p_sample__strict(logits, u, temperature, share):
    q = softmax(logits / temperature)
    best = q.max(axis=1, keepdims=True)
    kept = np.where(q > share * best, q, 0)
    kept[np.arange(len(q)), q.argmax(axis=1)] = best[:, 0]
    return drawn(kept, u)


@wrong("la regla, de la más probable a la menos")
def min_p_sample__sorted_ruler(logits, u, temperature, share):
    q = cut(softmax(logits / temperature), share)
    order = np.argsort(-q, axis=1, kind="stable")
    place = drawn(np.take_along_axis(q, order, axis=1), u)
    return np.take_along_axis(order, place[:, None], axis=1)[:, 0]


@wrong("la regla, desde el final del vocabulario")
def min_p_sample__backward_ruler(logits, u, temperature, share):
    q = cut(softmax(logits / temperature), share)
    return q.shape[1] - 1 - drawn(q[:, ::-1], u)


@wrong("el mismo dardo para todas las filas")
def min_p_sample__one_dart(logits, u, temperature, share):
    q = cut(softmax(logits / temperature), share)
    return drawn(q, np.full(len(q), u[0]))


@wrong("la mayor de todo el lote, no la de cada fila")
def min_p_sample__whole_batch(logits, u, temperature, share):
    q = softmax(logits / temperature)
    kept = np.where(q >= share * q.max(), q, 0)
    kept[np.arange(len(q)), q.argmax(axis=1)] = q.max(axis=1)
    return drawn(kept, u)


@wrong("todas las que caben, por igual")
def min_p_sample__uniform(logits, u, temperature, share):
    return drawn((cut(softmax(logits / temperature), share) > 0).astype(float), u)


@wrong("su propio azar: no usa u")
def min_p_sample__own_random(logits, u, temperature, share):
    q = cut(softmax(logits / temperature), share)
    return drawn(q, np.random.default_rng().random(len(u)))


@wrong("np.exp sin restar el máximo: se desborda")
def min_p_sample__overflow(logits, u, temperature, share):
    with np.errstate(all="ignore"):
        powers = np.exp(logits / temperature)
        return drawn(cut(powers / powers.sum(axis=1, keepdims=True), share), u)


@wrong("float32: el dardo casi 1 se redondea a 1")
def min_p_sample__float32(logits, u, temperature, share):
    q = cut(softmax(logits.astype(np.float32) / np.float32(temperature)), np.float32(share))
    return drawn(q, u.astype(np.float32))


@wrong("una palabra imposible con logit -inf da nan")
def min_p_sample__nan(logits, u, temperature, share):
    with np.errstate(all="ignore"):
        z = logits - logits.min(axis=1, keepdims=True)
        return drawn(cut(softmax(z / temperature), share), u)


@wrong("el umbral compara logits: share veces el mayor")
def min_p_sample__logit_threshold(logits, u, temperature, share):
    z = logits / temperature
    kept = z >= share * z.max(axis=1, keepdims=True)
    return drawn(np.where(kept, softmax(z), 0), u)


@wrong("probabilidades en lugar de ids")
def min_p_sample__probabilities(logits, u, temperature, share):
    q = cut(softmax(logits / temperature), share)
    return q / q.sum(axis=1, keepdims=True)


@wrong("ids decimales")
def min_p_sample__floats(logits, u, temperature, share):
    return min_p_sample__softmax_first(logits, u, temperature, share).astype(float)


@wrong("modifica los logits que recibe")
def min_p_sample__mutates(logits, u, temperature, share):
    logits -= logits.max(axis=1, keepdims=True)
    return min_p_sample__softmax_first(logits, u, temperature, share)


@wrong("ceros")
def min_p_sample__zeros(logits, u, temperature, share):
    return np.zeros(len(u), dtype=int)


@wrong("al azar")
def min_p_sample__random(logits, u, temperature, share):
    return np.random.default_rng().integers(0, logits.shape[1], len(u))


# --- 2.5 em_step -----------------------------------------------------------------------------


@right
def em_step__loops(probs, weights):
    N, K = probs.shape
    new = [0.0] * K
    for n in range(N):
        total = sum(weights[k] * probs[n, k] for k in range(K))
        for k in range(K):
            new[k] += weights[k] * probs[n, k] / total / N
    return new


@right
def em_step__matrix(probs, weights):
    return weights * (probs.T @ (1 / (probs @ weights))) / len(probs)


@right
def em_step__einsum(probs, weights):
    mixture = np.einsum("nk,k->n", probs, weights)
    return np.einsum("nk,k,n->k", probs, weights, 1 / mixture) / probs.shape[0]


@right
def em_step__float32(probs, weights):
    joint = (probs * weights).astype(np.float32)
    return (joint.T / joint.sum(axis=1)).mean(axis=1)


@right
def em_step__logarithms(probs, weights):
    return softmax(log(probs) + log(weights)).mean(axis=0)


@wrong("los mismos pesos")
def em_step__same(probs, weights):
    return weights


@wrong("por igual")
def em_step__uniform(probs, weights):
    return np.full(len(weights), 1 / len(weights))


@wrong("no usa los pesos al repartir")
def em_step__ignores_weights(probs, weights):
    return (probs / probs.sum(axis=1, keepdims=True)).mean(axis=0)


@wrong("normaliza la media ponderada de las probabilidades")
def em_step__mean_first(probs, weights):
    joint = (probs * weights).mean(axis=0)
    return joint / joint.sum()


@wrong("cada token, entero para el mejor modelo")
def em_step__hard(probs, weights):
    best = (probs * weights).argmax(axis=1)
    return np.bincount(best, minlength=len(weights)) / len(probs)


@wrong("no divide entre los tokens")
def em_step__no_mean(probs, weights):
    joint = probs * weights
    return (joint / joint.sum(axis=1, keepdims=True)).sum(axis=0)


@wrong("normaliza cada modelo, no cada token")
def em_step__columns(probs, weights):
    joint = probs * weights
    with np.errstate(all="ignore"):
        share = joint / joint.sum(axis=0)
    return share.mean(axis=0) / share.mean(axis=0).sum()


@wrong("media geométrica de las probabilidades")
def em_step__geometric(probs, weights):
    scores = weights * np.exp(log(probs).mean(axis=0))
    return scores / scores.sum()


@wrong("olvida multiplicar por el peso al repartir")
def em_step__no_weight_above(probs, weights):
    return (probs / (probs @ weights)[:, None]).mean(axis=0)


@wrong("se queda a medio camino entre los pesos viejos y los nuevos")
def em_step__half(probs, weights):
    return (weights + em_step__matrix(probs, weights)) / 2


@wrong("modifica los pesos que recibe")
def em_step__mutates(probs, weights):
    weights[:] = em_step__matrix(probs, weights)
    return weights


# --- 2.6 entropy_rate ------------------------------------------------------------------------


def row_entropies(P):
    return -(P * np.log(P, out=np.zeros_like(P), where=P > 0)).sum(axis=1)


@right
def entropy_rate__replaced_equation(P):
    V = len(P)
    equations = P.T - np.eye(V)
    equations[-1] = 1
    pi = np.linalg.solve(equations, np.eye(V)[-1])
    return pi @ row_entropies(P)


@right
def entropy_rate__eigenvector(P):
    values, vectors = np.linalg.eig(P.T)
    pi = np.real(vectors[:, np.argmin(np.abs(values - 1))])
    return float((pi / pi.sum()) @ row_entropies(P))


@right
def entropy_rate__lazy_powers(P):
    lazy = (P + np.eye(len(P))) / 2
    for _ in range(50):
        lazy = lazy @ lazy
        lazy = lazy / lazy.sum(axis=1, keepdims=True)
    return (lazy @ row_entropies(P)).mean()


@right
def entropy_rate__elimination(P):
    P_rest, V = P.tolist(), len(P)
    for n in range(V - 1, 0, -1):  # quita una palabra cada vez y reparte sus pasos
        out = sum(P_rest[n][:n])
        for i in range(n):
            P_rest[i][n] /= out
            for j in range(n):
                P_rest[i][j] += P_rest[i][n] * P_rest[n][j]
    pi = [1.0]
    for n in range(1, V):
        pi.append(sum(pi[i] * P_rest[i][n] for i in range(n)))
    terms = [pi[i] * p * math.log(p) for i, row in enumerate(P.tolist()) for p in row if p > 0]
    return -sum(terms) / sum(pi)


@right
def entropy_rate__null_space(P):
    pi = np.abs(np.linalg.svd(P - np.eye(len(P)))[0][:, -1])
    return pi @ row_entropies(P) / pi.sum()


@wrong("potencias de P: no se estabilizan si es periódica")
def entropy_rate__powers(P):
    pi = np.linalg.matrix_power(P, 1000)[0]
    return pi @ row_entropies(P)


@wrong("todas las palabras pesan lo mismo")
def entropy_rate__uniform(P):
    return row_entropies(P).mean()


@wrong("resuelve P π = π, que da todas por igual")
def entropy_rate__right_vector(P):
    values, vectors = np.linalg.eig(P)
    pi = np.real(vectors[:, np.argmin(np.abs(values - 1))])
    return float((pi / pi.sum()) @ row_entropies(P))


@wrong("la entropía de las proporciones, sin mirar la palabra anterior")
def entropy_rate__unigram(P):
    V = len(P)
    equations = np.vstack([P.T - np.eye(V), np.ones(V)])
    pi = np.linalg.lstsq(equations, np.append(np.zeros(V), 1), rcond=None)[0]
    pi = np.abs(pi[np.abs(pi) > 1e-12])
    return float(-(pi * np.log(pi)).sum())


@wrong("en bits")
def entropy_rate__bits(P):
    return entropy_rate__replaced_equation(P) / np.log(2)


@wrong("nan si hay ceros")
def entropy_rate__nan(P):
    with np.errstate(all="ignore"):
        rows = -(P * np.log(P)).sum(axis=1)
    return entropy_rate__replaced_equation(P) + 0 * rows.sum()


@wrong("un texto simulado: solo se aproxima")
def entropy_rate__simulated(P):
    rng, word, nats = np.random.default_rng(1), 0, 0.0
    for _ in range(2000):
        following = rng.choice(len(P), p=P[word])
        nats -= math.log(P[word, following])
        word = following
    return nats / 2000


@wrong("media de muchas potencias: a una cadena lenta no le bastan")
def entropy_rate__averaged_powers(P):
    pi, total = np.eye(len(P))[0], np.zeros(len(P))
    for _ in range(2000):
        total += pi
        pi = pi @ P
    return total @ row_entropies(P) / 2000


@wrong("la de la conjunta de dos palabras")
def entropy_rate__pair(P):
    return entropy_rate__unigram(P) + entropy_rate__replaced_equation(P)


@wrong("evita log 0 con una constante que se nota")
def entropy_rate__epsilon(P):
    V = len(P)
    return entropy_rate__replaced_equation((P + 1e-3) / (1 + 1e-3 * V))


@wrong("log V")
def entropy_rate__constant(P):
    return np.log(len(P))
