"""Respuestas a la tarea 05: las correctas en estilos distintos y las de errores típicos.

El nombre dice a qué responde cada una: `prepare__loops` es una respuesta de `prepare`. Entre las
erróneas están las funciones del capítulo y del paquete, allí donde el ejercicio pide algo más.
"""

import math
import random
from collections import Counter
from itertools import pairwise

import numpy as np

from vinogpt.attention import attention, feed_forward, layer_norm, multi_head, rotate
from vinogpt.batches import pad_texts
from vinogpt.corpus import split_reviews
from vinogpt.ngrams import NGram, absolute_discount, kneser_ney, real_tokens
from vinogpt.tokenizer import TableTokenizer, by_frequency

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


# --- 5.1 prepare -----------------------------------------------------------------------------


def sides_of(texts, numbers, share):
    """Las reseñas de cada lado, como pide el ejercicio."""
    first = {}
    for text, number in zip(texts, numbers, strict=True):
        first.setdefault(tuple(text), number)
    train = [text for text in texts if not first[tuple(text)] < share]
    return train, [text for text in texts if first[tuple(text)] < share]


def counted(texts, size):
    """El vocabulario de unas reseñas."""
    return ["", "[UNK]", *by_frequency(word for text in texts for word in text)][:size]


def rows_of(texts, vocabulary, T):
    """Las filas de ids de unas reseñas, cada una con su fin."""
    ids = [[vocabulary.index(w) if w in vocabulary else 1 for w in t[: T - 1]] for t in texts]
    return pad_texts(ids, T) if ids else np.zeros((0, T), int)


def assembled(train, valid, vocabulary, T):
    return {
        "train": rows_of(train, vocabulary, T),
        "valid": rows_of(valid, vocabulary, T),
        "vocabulary": vocabulary,
    }


@right
def prepare__with_the_package(texts, numbers, share, size, T):
    train, valid = sides_of(texts, numbers, share)
    return assembled(train, valid, counted(train, size), T)


@right
def prepare__loops(texts, numbers, share, size, T):
    train, valid = [], []
    for i in range(len(texts)):
        j = 0
        while texts[j] != texts[i]:
            j += 1
        if numbers[j] < share:
            valid.append(texts[i])
        else:
            train.append(texts[i])
    counts = {}
    for text in train:
        for word in text:
            counts[word] = counts.get(word, 0) + 1
    vocabulary = ["", "[UNK]"]
    while counts and len(vocabulary) < size:
        best = None
        for word in counts:
            if best is None or (counts[word], word) > (counts[best], best):
                best = word
        vocabulary.append(best)
        del counts[best]
    result = {"vocabulary": vocabulary}
    for name, side in (("train", train), ("valid", valid)):
        rows = np.zeros((len(side), T), dtype=np.int32)
        for b in range(len(side)):
            for t in range(min(len(side[b]), T - 1)):
                rows[b, t] = vocabulary.index(side[b][t]) if side[b][t] in vocabulary else 1
        result[name] = rows
    return result


@right
def prepare__sorted_twice(texts, numbers, share, size, T):
    firsts = [numbers[texts.index(text)] for text in texts]
    held = np.array(firsts) < share
    train = [text for text, h in zip(texts, held, strict=True) if not h]
    counts = Counter(word for text in train for word in text)
    words = sorted(sorted(counts, reverse=True), key=lambda word: -counts[word])
    number = {word: n for n, word in enumerate(words[: size - 2], 2)}

    def row(text):
        ids = [number.get(word, 1) for word in text][: T - 1]
        return ids + [0] * (T - len(ids))

    every = np.array([row(text) for text in texts]).reshape(len(texts), T)
    return {"train": every[~held], "valid": every[held], "vocabulary": ["", "[UNK]", *number]}


@right
def prepare__grouped(texts, numbers, share, size, T):
    groups = {}
    for i, text in enumerate(texts):
        groups.setdefault(tuple(text), []).append(i)
    held = {i for places in groups.values() if numbers[places[0]] < share for i in places}
    weights = Counter()
    for key, places in groups.items():
        if places[0] not in held:
            for word in key:
                weights[word] += len(places)
    ranked = sorted(((n, word) for word, n in weights.items()), reverse=True)
    vocabulary = ["", "[UNK]", *(word for _, word in ranked[: max(size - 2, 0)])]
    sides = [[], []]
    for i, text in enumerate(texts):
        sides[i in held].append(text)
    return assembled(*sides, vocabulary, T)


@right
def prepare__uint16_and_lists(texts, numbers, share, size, T):
    train, valid = sides_of(texts, numbers, share)
    table = TableTokenizer(counted(train, size))
    table.split = list
    kept = {"train": train, "valid": valid}
    rows = {k: [table.encode(t)[: T - 1] for t in side] for k, side in kept.items()}
    rows = {k: [r + [0] * (T - len(r)) for r in side] for k, side in rows.items()}
    arrays = {k: np.array(side, np.uint16).reshape(-1, T) for k, side in rows.items()}
    return arrays | {"vocabulary": table.vocabulary}


@wrong("cada reseña, por su propio número: las repetidas caen en los dos lados")
def prepare__own_number(texts, numbers, share, size, T):
    pairs = list(zip(texts, numbers, strict=True))
    train = [text for text, u in pairs if u >= share]
    return assembled(train, [text for text, u in pairs if u < share], counted(train, size), T)


@wrong("manda el número de la última repetida")
def prepare__last_number(texts, numbers, share, size, T):
    last = {tuple(text): u for text, u in zip(texts, numbers, strict=True)}
    train = [text for text in texts if last[tuple(text)] >= share]
    valid = [text for text in texts if last[tuple(text)] < share]
    return assembled(train, valid, counted(train, size), T)


@wrong("manda el menor número de las repetidas")
def prepare__least_number(texts, numbers, share, size, T):
    least = {}
    for text, u in zip(texts, numbers, strict=True):
        least[tuple(text)] = min(u, least.get(tuple(text), 1))
    train = [text for text in texts if least[tuple(text)] >= share]
    valid = [text for text in texts if least[tuple(text)] < share]
    return assembled(train, valid, counted(train, size), T)


@wrong("quita las repetidas")
def prepare__distinct(texts, numbers, share, size, T):
    train, valid = sides_of(texts, numbers, share)
    train, valid = ([list(t) for t in dict.fromkeys(map(tuple, s))] for s in (train, valid))
    return assembled(train, valid, counted(train, size), T)


@wrong("compara las reseñas unidas con espacios")
def prepare__joined(texts, numbers, share, size, T):
    first = {}
    for text, u in zip(texts, numbers, strict=True):
        first.setdefault(" ".join(text), u)
    train = [text for text in texts if first[" ".join(text)] >= share]
    valid = [text for text in texts if first[" ".join(text)] < share]
    return assembled(train, valid, counted(train, size), T)


@wrong("compara las reseñas sin mirar el orden")
def prepare__bags(texts, numbers, share, size, T):
    first = {}
    for text, u in zip(texts, numbers, strict=True):
        first.setdefault(tuple(sorted(text)), u)
    train = [text for text in texts if first[tuple(sorted(text))] >= share]
    valid = [text for text in texts if first[tuple(sorted(text))] < share]
    return assembled(train, valid, counted(train, size), T)


@wrong("el vocabulario, de todas")
def prepare__leaky(texts, numbers, share, size, T):
    return assembled(*sides_of(texts, numbers, share), counted(texts, size), T)


@wrong("el vocabulario, de las de validación")
def prepare__other_vocabulary(texts, numbers, share, size, T):
    train, valid = sides_of(texts, numbers, share)
    return assembled(train, valid, counted(valid, size), T)


@wrong("los lados, al revés")
def prepare__swapped(texts, numbers, share, size, T):
    valid, train = sides_of(texts, numbers, share)
    return assembled(train, valid, counted(train, size), T)


@wrong("menor o igual que share")
def prepare__or_equal(texts, numbers, share, size, T):
    train, valid = sides_of(texts, numbers, np.nextafter(share, 2))
    return assembled(train, valid, counted(train, size), T)


@wrong("los empates, por orden alfabético")
def prepare__alphabetical(texts, numbers, share, size, T):
    train, valid = sides_of(texts, numbers, share)
    counts = Counter(word for text in train for word in text)
    words = sorted(counts, key=lambda word: (-counts[word], word))
    return assembled(train, valid, ["", "[UNK]", *words][:size], T)


@wrong("los empates, por orden de aparición")
def prepare__most_common(texts, numbers, share, size, T):
    train, valid = sides_of(texts, numbers, share)
    words = [w for w, _ in Counter(w for text in train for w in text).most_common()]
    return assembled(train, valid, ["", "[UNK]", *words][:size], T)


@wrong("los especiales no cuentan en el tope")
def prepare__bigger_vocabulary(texts, numbers, share, size, T):
    train, valid = sides_of(texts, numbers, share)
    return assembled(train, valid, counted(train, size + 2), T)


@wrong("pasa a minúsculas")
def prepare__lower(texts, numbers, share, size, T):
    texts = [[word.lower() for word in text] for text in texts]
    return prepare__with_the_package(texts, numbers, share, size, T)


@wrong("las largas ocupan toda la fila: se quedan sin fin")
def prepare__no_end(texts, numbers, share, size, T):
    train, valid = sides_of(texts, numbers, share)
    vocabulary = counted(train, size)
    found = assembled(train, valid, vocabulary, T + 1)
    return found | {side: found[side][:, :T] for side in ("train", "valid")}


@wrong("corta por el principio")
def prepare__last_words(texts, numbers, share, size, T):
    train, valid = sides_of(texts, numbers, share)
    vocabulary = counted(train, size)
    train, valid = ([t[max(len(t) - T + 1, 0) :] for t in s] for s in (train, valid))
    return assembled(train, valid, vocabulary, T)


@wrong("el relleno, a la izquierda")
def prepare__padded_left(texts, numbers, share, size, T):
    found = prepare__with_the_package(texts, numbers, share, size, T)
    for side in ("train", "valid"):
        found[side] = np.array([np.roll(r, (r == 0).sum()) for r in found[side]]).reshape(-1, T)
    return found


@wrong("quita las reseñas vacías")
def prepare__no_empty(texts, numbers, share, size, T):
    pairs = [(t, u) for t, u in zip(texts, numbers, strict=True) if t]
    return prepare__with_the_package(*map(list, zip(*pairs, strict=True)), share, size, T)


@wrong("la palabra desconocida es un 0, como el fin")
def prepare__unknown_is_end(texts, numbers, share, size, T):
    found = prepare__with_the_package(texts, numbers, share, size, T)
    return found | {side: np.where(found[side] == 1, 0, found[side]) for side in ("train", "valid")}


@wrong("quita las palabras desconocidas")
def prepare__drops_unknown(texts, numbers, share, size, T):
    train, valid = sides_of(texts, numbers, share)
    vocabulary = counted(train, size)
    train, valid = ([[w for w in t if w in vocabulary] for t in s] for s in (train, valid))
    return assembled(train, valid, vocabulary, T)


@wrong("sin reseñas, un array sin anchura")
def prepare__flat_when_empty(texts, numbers, share, size, T):
    found = prepare__with_the_package(texts, numbers, share, size, T)
    return {k: v if len(v) else np.array([], int) for k, v in found.items()}


@wrong("cuenta cada palabra una vez por reseña")
def prepare__document_frequency(texts, numbers, share, size, T):
    train, valid = sides_of(texts, numbers, share)
    return assembled(train, valid, counted([sorted(set(t)) for t in train], size), T)


@wrong("ordena las filas")
def prepare__sorted_rows(texts, numbers, share, size, T):
    pairs = sorted(zip(texts, numbers, strict=True))
    return prepare__with_the_package([t for t, _ in pairs], [u for _, u in pairs], share, size, T)


@wrong("reparte por posición: la primera parte, a validación")
def prepare__by_position(texts, numbers, share, size, T):
    n = int(share * len(texts))
    return assembled(texts[n:], texts[:n], counted(texts[n:], size), T)


@wrong("reparte con la función del paquete, que no usa los números")
def prepare__package_split(texts, numbers, share, size, T):
    joined = ["wine review : a : b : c : " + " ".join(text) for text in texts]
    train, valid, _ = split_reviews(joined, seed=1)
    train, valid = ([t.split()[9:] for t in side] for side in (train, valid))
    return assembled(train, valid, counted(train, size), T)


@wrong("devuelve el ejemplo del enunciado")
def prepare__example(texts, numbers, share, size, T):
    return {
        "train": np.array([[2, 3, 0, 0], [2, 3, 0, 0], [2, 2, 4, 0]]),
        "valid": np.array([[3, 1, 0, 0]]),
        "vocabulary": ["", "[UNK]", "dry", "oak", "lime"],
    }


@wrong("todo ceros")
def prepare__zeros(texts, numbers, share, size, T):
    empty = np.zeros((0, T), int)
    return {"train": np.zeros((len(texts), T), int), "valid": empty, "vocabulary": ["", "[UNK]"]}


# --- 5.2 masked_loss -------------------------------------------------------------------------


def log_softmax(z):
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def weighted(logits, ids, weight):
    """Pérdida y gradiente con un peso por posición. weight: (B, T)."""
    logs, wanted = log_softmax(logits), np.eye(logits.shape[2])[ids]
    loss = -(weight[..., None] * wanted * logs).sum()
    return [loss, weight[..., None] * (np.exp(logs) - wanted)]


def shares(mask):
    return mask / mask.sum()


@right
def masked_loss__package_mask(logits, ids):
    return weighted(logits, ids, shares(real_tokens(ids.astype(int))))


@right
def masked_loss__loops(logits, ids):
    B, T, V = logits.shape
    total, n, gradient = 0.0, 0, np.zeros((B, T, V))
    for b in range(B):
        for t in range(T):
            row = logits[b, t].tolist()
            top = max(row)
            norm = top + math.log(sum(math.exp(value - top) for value in row))
            token = int(ids[b, t])
            total, n = total + norm - row[token], n + 1
            for v in range(V):
                gradient[b, t, v] = math.exp(row[v] - norm) - (v == token)
            if token == 0:
                break
    return total / n, gradient / n


@right
def masked_loss__lengths(logits, ids):
    T = ids.shape[1]
    first = np.where((ids == 0).any(axis=1), (ids == 0).argmax(axis=1), T - 1)
    mask = np.arange(T) <= first[:, None]
    gradient = np.exp(log_softmax(logits))
    b, t = np.indices(ids.shape)
    gradient[b, t, ids] -= 1
    loss = -log_softmax(logits)[b, t, ids][mask].mean()
    return [loss, np.where(mask[..., None], gradient, 0) / mask.sum()]


@right
def masked_loss__previous_token(logits, ids):
    before = np.pad(ids[:, :-1], ((0, 0), (1, 0)), constant_values=1)
    return weighted(logits, ids, shares(before != 0))


@right
def masked_loss__only_real_rows(logits, ids):
    mask = np.cumprod(np.pad(ids[:, :-1], ((0, 0), (1, 0)), constant_values=1) != 0, axis=1) == 1
    rows, tokens = logits[mask], ids[mask]
    logs = log_softmax(rows)
    gradient = np.zeros(logits.shape)
    gradient[mask] = (np.exp(logs) - np.eye(rows.shape[1])[tokens]) / len(rows)
    return [-np.take_along_axis(logs, tokens[:, None].astype(int), 1).mean(), gradient]


@right
def masked_loss__float32(logits, ids):
    loss, gradient = weighted(logits.astype(np.float32), ids, shares(real_tokens(ids.astype(int))))
    return [np.float32(loss), gradient.astype(np.float32)]


@right
def masked_loss__recursive(logits, ids):
    def one(rows, text):
        """Coste, tokens y gradiente sin dividir de un texto."""
        logs = log_softmax(rows[0])
        step = np.exp(logs)
        step[text[0]] -= 1
        if text[0] == 0 or len(text) == 1:
            return -logs[text[0]], 1, np.vstack([step, np.zeros_like(rows[1:])])
        cost, n, rest = one(rows[1:], text[1:])
        return cost - logs[text[0]], n + 1, np.vstack([step, rest])

    parts = [one(rows, text) for rows, text in zip(logits, ids, strict=True)]
    n = sum(part[1] for part in parts)
    return [sum(part[0] for part in parts) / n, np.array([part[2] for part in parts]) / n]


@wrong("cuenta el relleno, como la receta de origen")
def masked_loss__everything(logits, ids):
    return weighted(logits, ids, shares(np.ones(ids.shape)))


@wrong("no cuenta el fin")
def masked_loss__no_end(logits, ids):
    return weighted(logits, ids, (ids != 0) / max((ids != 0).sum(), 1))


@wrong("cuenta el fin y el primer relleno")
def masked_loss__two_zeros(logits, ids):
    return weighted(logits, ids, shares(np.cumsum(ids == 0, axis=1) <= 2))


@wrong("una fila sin ceros no cuenta su último token")
def masked_loss__always_an_end(logits, ids):
    mask = real_tokens(ids.astype(int))
    mask[:, -1] &= ids[:, -1] == 0
    return weighted(logits, ids, mask / max(mask.sum(), 1))


@wrong("divide entre todas las posiciones")
def masked_loss__all_positions(logits, ids):
    return weighted(logits, ids, real_tokens(ids.astype(int)) / ids.size)


@wrong("media de las medias de las filas")
def masked_loss__mean_of_rows(logits, ids):
    mask = real_tokens(ids.astype(int))
    return weighted(logits, ids, mask / mask.sum(axis=1, keepdims=True) / len(ids))


@wrong("suma sin dividir")
def masked_loss__sum(logits, ids):
    return weighted(logits, ids, real_tokens(ids.astype(int)).astype(float))


@wrong("suma por texto, dividida entre los textos")
def masked_loss__per_review(logits, ids):
    return weighted(logits, ids, real_tokens(ids.astype(int)) / len(ids))


@wrong("la pérdida no divide y el gradiente sí")
def masked_loss__loss_not_divided(logits, ids):
    loss, gradient = masked_loss__package_mask(logits, ids)
    return [loss * real_tokens(ids.astype(int)).sum(), gradient]


@wrong("el gradiente no divide")
def masked_loss__gradient_not_divided(logits, ids):
    loss, gradient = masked_loss__package_mask(logits, ids)
    return [loss, gradient * real_tokens(ids.astype(int)).sum()]


@wrong("el gradiente, con el signo cambiado")
def masked_loss__sign(logits, ids):
    loss, gradient = masked_loss__package_mask(logits, ids)
    return [loss, -gradient]


@wrong("el gradiente es p: no resta el objetivo")
def masked_loss__no_target(logits, ids):
    mask = real_tokens(ids.astype(int))
    return [
        masked_loss__package_mask(logits, ids)[0],
        shares(mask)[..., None] * np.exp(log_softmax(logits)),
    ]


@wrong("el gradiente llega al relleno")
def masked_loss__gradient_everywhere(logits, ids):
    loss, _ = masked_loss__package_mask(logits, ids)
    n = real_tokens(ids.astype(int)).sum()
    return [loss, (np.exp(log_softmax(logits)) - np.eye(logits.shape[2])[ids]) / n]


@wrong("vuelve a desplazar")
def masked_loss__shifts_again(logits, ids):
    moved = np.pad(logits[:, :-1], ((0, 0), (1, 0), (0, 0)))
    loss, gradient = masked_loss__package_mask(moved, ids)
    return [loss, np.pad(gradient[:, 1:], ((0, 0), (0, 1), (0, 0)))]


@wrong("softmax sobre las posiciones")
def masked_loss__other_axis(logits, ids):
    logs = log_softmax(logits.transpose(0, 2, 1)).transpose(0, 2, 1)
    wanted, weight = np.eye(logits.shape[2])[ids], shares(real_tokens(ids.astype(int)))[..., None]
    return [-(weight * wanted * logs).sum(), weight * (np.exp(logs) - wanted)]


@wrong("softmax antes: toma los logits por log p")
def masked_loss__two_softmax(logits, ids):
    return masked_loss__package_mask(np.exp(log_softmax(logits)), ids)


@wrong("en bits")
def masked_loss__bits(logits, ids):
    loss, gradient = masked_loss__package_mask(logits, ids)
    return [loss / np.log(2), gradient]


@wrong("el logaritmo de la softmax, recortado como en Keras")
def masked_loss__clipped(logits, ids):
    _, gradient = masked_loss__package_mask(logits, ids)
    mask = real_tokens(ids.astype(int))
    p = np.exp(log_softmax(logits))[mask, ids[mask]]
    return [-np.log(np.clip(p, 1e-7, 1)).mean(), gradient]


@wrong("sin restar el máximo: se desborda")
def masked_loss__overflows(logits, ids):
    with np.errstate(all="ignore"):
        powers = np.exp(logits)
        p = powers / powers.sum(axis=2, keepdims=True)
        mask = real_tokens(ids.astype(int))
        wanted = np.eye(logits.shape[2])[ids]
        loss = -np.log(p[mask, ids[mask]]).mean()
        return [loss, shares(mask)[..., None] * (p - wanted)]


@wrong("resta el máximo de todo el lote: lo demás se anula")
def masked_loss__global_maximum(logits, ids):
    with np.errstate(all="ignore"):
        z = logits - logits.max()
        logs = z - np.log(np.exp(z).sum(axis=2, keepdims=True))
        mask = real_tokens(ids.astype(int))
        wanted = np.eye(logits.shape[2])[ids]
        return [-logs[mask, ids[mask]].mean(), shares(mask)[..., None] * (np.exp(logs) - wanted)]


@wrong("multiplica por cero lo que puede ser infinito")
def masked_loss__nan_in_padding(logits, ids):
    with np.errstate(all="ignore"):
        z = logits - logits.max(axis=2, keepdims=True)
        logs = np.log(np.exp(z) / np.exp(z).sum(axis=2, keepdims=True))
        weight = shares(real_tokens(ids.astype(int)))[..., None]
        wanted = np.eye(logits.shape[2])[ids]
        return [-(weight * wanted * logs).sum(), weight * (np.exp(logs) - wanted)]


@wrong("una constante")
def masked_loss__constant(logits, ids):
    return [np.log(10 / 3) / 2, np.zeros(logits.shape)]


@wrong("al azar")
def masked_loss__random(logits, ids):
    return [random.random(), np.random.default_rng().normal(size=logits.shape)]


# --- 5.3 diagnose ----------------------------------------------------------------------------

KINDS = [
    "bien",
    "sin desplazar",
    "sin máscara",
    "relleno en la pérdida",
    "tasa demasiado alta",
    "softmax en otro eje",
]


def end_of(run):
    return float(np.mean(run["losses"][-30:]))


def spent(run, log_probs):
    """Nats por token real en los textos nuevos."""
    ids = run["valid"]
    logs = np.take_along_axis(log_probs(ids), ids[..., None], axis=2)[..., 0]
    return -logs[real_tokens(ids)].mean()


def sums_to_one(run, log_probs):
    return np.allclose(np.exp(log_probs(run["valid"])).sum(axis=2), 1, atol=1e-3)


def looks_ahead(run, log_probs):
    """Si cambiar el último token mueve alguna predicción anterior."""
    ids = run["valid"]
    other = np.copy(ids)
    other[:, -2] = (other[:, -2] + 1) % run["V"]
    moved = np.abs(np.exp(log_probs(other)) - np.exp(log_probs(ids)))[:, :-2]
    return moved.max() > 1e-6


def by_curve(run):
    """Lo que se puede decir solo con la curva."""
    end, middle = end_of(run), (run["limit"] + math.log(run["V"])) / 2
    if end < 0.1:
        return "sin desplazar"
    if end < run["limit"]:
        return "relleno en la pérdida"
    return "bien" if end < middle else "tasa demasiado alta"


@wrong("distingue los dos que bajan del límite solo por la curva")
def diagnose__questions(run, log_probs):
    if not sums_to_one(run, log_probs):
        return "softmax en otro eje"
    if looks_ahead(run, log_probs):
        return "sin máscara"
    return by_curve(run)


@right
def diagnose__without_intervening(run, log_probs):
    """Quien ve el futuro gasta menos que el límite también en textos nuevos."""
    if not sums_to_one(run, log_probs):
        return "softmax en otro eje"
    cost, end = spent(run, log_probs), end_of(run)
    if end > run["limit"]:
        return by_curve(run)
    if cost > math.log(run["V"]):
        return "sin desplazar"
    return "sin máscara" if cost < 0.93 * run["limit"] else "relleno en la pérdida"


@right
def diagnose__copies(run, log_probs):
    """El que no se desplazó da casi toda la probabilidad al token anterior."""
    probe = np.tile(np.arange(1, run["V"]), (2, 1))
    q = np.exp(log_probs(probe))  # (2, V - 1, V)
    if abs(q.sum(axis=2) - 1).max() > 1e-3:
        return KINDS[5]
    other = probe.copy()
    other[:, 3:] = 1
    if not np.allclose(np.exp(log_probs(other))[:, :4], q[:, :4]):
        return KINDS[2]
    copied = np.mean([q[0, t + 1, probe[0, t]] for t in range(run["V"] - 2)])
    if copied > 0.8 and end_of(run) < run["limit"]:
        return KINDS[1]
    if end_of(run) < run["limit"]:
        return KINDS[3]
    return KINDS[0 if end_of(run) < (run["limit"] + np.log(run["V"])) / 2 else 4]


@right
def diagnose__one_token_at_a_time(run, log_probs):
    ids, V = np.array(run["valid"][:7]), run["V"]
    base = log_probs(ids)
    for rows in base:
        for row in rows:
            if abs(sum(map(math.exp, row)) - 1) > 1e-4:
                return "softmax en otro eje"
    for t in range(ids.shape[1] - 1):
        other = ids.copy()
        other[:, t] = V - 1 - other[:, t]
        if np.abs(log_probs(other)[:, : t + 1] - base[:, : t + 1]).max() > 1e-9:
            return "sin máscara"
    end = sum(run["losses"][90:]) / 30
    verdicts = {
        "sin desplazar": end < run["limit"] and spent(run, log_probs) > math.log(V),
        "relleno en la pérdida": end < run["limit"] and spent(run, log_probs) < math.log(V),
        "bien": run["limit"] < end < (run["limit"] + math.log(V)) / 2,
    }
    return next((name for name, true in verdicts.items() if true), "tasa demasiado alta")


@right
def diagnose__table(run, log_probs):
    questions = [
        ("softmax en otro eje", lambda: not sums_to_one(run, log_probs)),
        ("sin máscara", lambda: looks_ahead(run, log_probs)),
        ("tasa demasiado alta", lambda: end_of(run) > (run["limit"] + math.log(run["V"])) / 2),
        ("bien", lambda: end_of(run) > run["limit"]),
        ("sin desplazar", lambda: spent(run, log_probs) > math.log(run["V"])),
    ]
    return next((name for name, ask in questions if ask()), "relleno en la pérdida")


@wrong("solo mira la curva")
def diagnose__only_curve(run, log_probs):
    return by_curve(run)


@wrong("solo mira la curva, y llama sin máscara a lo que baja del límite")
def diagnose__only_curve_mask(run, log_probs):
    found = by_curve(run)
    return "sin máscara" if found == "relleno en la pérdida" else found


@wrong("la curva, con un umbral entre el relleno y la máscara")
def diagnose__curve_thresholds(run, log_probs):
    ratio = end_of(run) / run["limit"]
    bounds = [(0.1, 1), (0.6, 5), (0.7, 3), (1, 2), (1.4, 0)]
    return KINDS[next((kind for bound, kind in bounds if ratio < bound), 4)]


@wrong("solo mira el modelo, sin la curva")
def diagnose__only_model(run, log_probs):
    if not sums_to_one(run, log_probs):
        return "softmax en otro eje"
    if looks_ahead(run, log_probs):
        return "sin máscara"
    cost = spent(run, log_probs)
    if cost > 1.7 * math.log(run["V"]):
        return "sin desplazar"
    return "bien" if cost < 1.3 * run["limit"] else "tasa demasiado alta"


@wrong("solo mira las muestras")
def diagnose__only_samples(run, log_probs):
    rows = run["samples"]
    if not rows.any():
        return "sin desplazar"
    full = (rows > 0).mean()
    return "tasa demasiado alta" if full > 0.6 else "bien" if full > 0.3 else "sin máscara"


@wrong("pregunta por el futuro antes de comprobar que q suma 1")
def diagnose__wrong_order(run, log_probs):
    if looks_ahead(run, log_probs):
        return "sin máscara"
    return "softmax en otro eje" if not sums_to_one(run, log_probs) else by_curve(run)


@wrong("no comprueba que q suma 1")
def diagnose__no_sum(run, log_probs):
    return "sin máscara" if looks_ahead(run, log_probs) else by_curve(run)


@wrong("suma q sobre las posiciones")
def diagnose__sums_positions(run, log_probs):
    if not np.allclose(np.exp(log_probs(run["valid"])).sum(axis=1), 1):
        return "softmax en otro eje"
    return diagnose__questions(run, log_probs)


@wrong("interviene en el pasado: todo modelo le parece sin máscara")
def diagnose__changes_the_past(run, log_probs):
    if not sums_to_one(run, log_probs):
        return "softmax en otro eje"
    other = run["valid"].copy()
    other[:, 0] = (other[:, 0] + 1) % run["V"]
    if not np.allclose(log_probs(other), log_probs(run["valid"])):
        return "sin máscara"
    return by_curve(run)


@wrong("una posición de más: la siguiente sí debe moverse")
def diagnose__off_by_one(run, log_probs):
    if not sums_to_one(run, log_probs):
        return "softmax en otro eje"
    other = run["valid"].copy()
    other[:, 2:] = (other[:, 2:] + 1) % run["V"]
    if not np.allclose(log_probs(other)[:, :4], log_probs(run["valid"])[:, :4]):
        return "sin máscara"
    return by_curve(run)


@wrong("la media de toda la curva, también el principio")
def diagnose__whole_curve(run, log_probs):
    return diagnose__questions(run | {"losses": [np.mean(run["losses"])] * 120}, log_probs)


@wrong("el comienzo de la curva")
def diagnose__start_of_curve(run, log_probs):
    return diagnose__questions(run | {"losses": run["losses"][:30]}, log_probs)


@wrong("un límite fijo, el de la gramática de reseñas")
def diagnose__fixed_limit(run, log_probs):
    return diagnose__questions(run | {"limit": 0.77}, log_probs)


@wrong("la tasa, por los saltos de la curva")
def diagnose__noise(run, log_probs):
    if not sums_to_one(run, log_probs):
        return "softmax en otro eje"
    if looks_ahead(run, log_probs):
        return "sin máscara"
    if any(b > a for a, b in pairwise(run["losses"][20:])):
        return "tasa demasiado alta"
    return by_curve(run)


@wrong("mide con el relleno dentro, y el desplazado se le escapa")
def diagnose__measures_padding(run, log_probs):
    found = diagnose__questions(run, log_probs)
    ids = run["valid"]
    cost = -np.take_along_axis(log_probs(ids), ids[..., None], axis=2).mean()
    cheats = ("sin desplazar", "relleno en la pérdida")
    bound = 0.6 * run["limit"]
    return cheats[cost < bound] if found in cheats else found


@wrong("siempre bien")
def diagnose__always_fine(run, log_probs):
    return "bien"


@wrong("siempre relleno")
def diagnose__always_padding(run, log_probs):
    return "relleno en la pérdida"


@wrong("al azar")
def diagnose__random(run, log_probs):
    return random.choice(KINDS)


@wrong("aprende de memoria las seis curvas a la vista")
def diagnose__remembers(run, log_probs):
    limits = [1.45, 1.20, 1.29, 1.25, 1.49, 1.42]
    return KINDS[int(np.argmin([abs(run["limit"] - limit) for limit in limits]))]


@wrong("no distingue el relleno del desplazamiento")
def diagnose__merges_cheats(run, log_probs):
    found = diagnose__questions(run, log_probs)
    return "relleno en la pérdida" if found == "sin desplazar" else found


@wrong("llama bien al relleno, porque el modelo mide bien")
def diagnose__trusts_the_model(run, log_probs):
    found = diagnose__questions(run, log_probs)
    return "bien" if found == "relleno en la pérdida" else found


# --- 5.4 inventions --------------------------------------------------------------------------


def fields_of(text):
    """País, provincia, uva, índice de la provincia y del cuerpo; None sin cabecera completa."""
    colons = [i for i, word in enumerate(text) if word == ":"]
    if len(colons) < 4:
        return None
    parts = [" ".join(text[a + 1 : b]) for a, b in pairwise(colons[:4])]
    return *parts, colons[1] + 1, colons[3] + 1


def spans_of(text, start, facts):
    """Los nombres del cuerpo, de izquierda a derecha y el más largo primero: (índice, nombre)."""
    tables = [*facts["demonyms"], *facts["grapes"], *facts["notes"], *facts["ignored"]]
    tables = {tuple(name.split(" ")) for name in tables}
    i = start
    while i < len(text):
        sizes = [len(words) for words in tables if tuple(text[i : i + len(words)]) == words]
        if sizes:
            yield i, " ".join(text[i : i + max(sizes)])
        i += max(sizes, default=1)


def judged(name, facts, country, grape):
    """La clase de un nombre del cuerpo, o None si no contradice nada."""
    if name in facts["demonyms"]:
        return "gentilicio de otro país" if facts["demonyms"][name] != country else None
    if name in facts["grapes"]:
        return "otra uva" if name != grape else None
    if name in facts["notes"] and grape in facts["grapes"]:
        fits = facts["grapes"][grape] in facts["notes"][name]
        return None if fits else "nota de otro color"
    return None


def audited(text, facts, spans=spans_of, verdict=judged):
    fields = fields_of(text)
    if fields is None:
        return []
    country, province, grape, place, start = fields
    found = []
    if province in facts["provinces"] and facts["provinces"][province] != country:
        found.append([place, province, "provincia de otro país"])
    named = [
        (i, name, verdict(name, facts, country, grape)) for i, name in spans(text, start, facts)
    ]
    return found + [[i, name, kind] for i, name, kind in named if kind]


@right
def inventions__two_steps(text, facts):
    return audited(text, facts)


@right
def inventions__recursive(text, facts):
    fields = fields_of(text)
    if not fields:
        return []
    country, province, grape, place, start = fields
    names = {*facts["demonyms"], *facts["grapes"], *facts["notes"], *facts["ignored"]}

    def rest(i):
        if i >= len(text):
            return []
        for n in range(len(text) - i, 0, -1):
            name = " ".join(text[i : i + n])
            if name in names:
                kind = judged(name, facts, country, grape)
                return [(i, name, kind)] * bool(kind) + rest(i + n)
        return rest(i + 1)

    wrong_place = facts["provinces"].get(province, country) != country
    return [(place, province, "provincia de otro país")] * wrong_place + rest(start)


@right
def inventions__joined_text(text, facts):
    fields = fields_of(text)
    if not fields:
        return []
    country, province, grape, place, start = fields
    known = {}
    for part in ("demonyms", "grapes", "notes", "ignored"):
        known |= dict.fromkeys(facts[part], part)
    line, found, i = " ".join(text) + " ", [], start
    if facts["provinces"].get(province) not in (None, country):
        found.append([place, province, "provincia de otro país"])
    while i < len(text):
        here = line[len(" ".join(text[:i])) + 1 :]
        best = max((n for n in known if here.startswith(n + " ")), key=len, default="")
        kind = judged(best, facts, country, grape)
        if kind:
            found.append([i, best, kind])
        i += best.count(" ") + 1
    return found


@right
def inventions__trie(text, facts):
    fields = fields_of(text)
    if not fields:
        return []
    country, province, grape, place, i = fields
    trie = {}
    for part in ("demonyms", "grapes", "notes", "ignored"):
        for name in facts[part]:
            node = trie
            for word in name.split(" "):
                node = node.setdefault(word, {})
            node[None] = name
    found = []
    if country != facts["provinces"].get(province, country):
        found.append([place, province, "provincia de otro país"])
    while i < len(text):
        node, j, best = trie, i, None
        while j < len(text) and text[j] in node:
            node, j = node[text[j]], j + 1
            best = node.get(None, best)
        if best and (kind := judged(best, facts, country, grape)):
            found.append([i, best, kind])
        i += len(best.split(" ")) if best else 1
    return found


@right
def inventions__all_spans(text, facts):
    """Todos los tramos que son nombres; después, de izquierda a derecha sin solaparse."""
    fields = fields_of(text)
    if not fields:
        return []
    names = {*facts["demonyms"], *facts["grapes"], *facts["notes"], *facts["ignored"]}
    n = len(text)
    tramos = [(i, j) for i in range(fields[4], n) for j in range(i + 1, n + 1)]
    tramos = [(i, -j) for i, j in tramos if " ".join(text[i:j]) in names]
    chosen, end = [], 0
    for i, j in sorted(tramos):
        if i >= end:
            chosen.append((i, " ".join(text[i:-j])))
            end = -j
    return audited(text, facts, spans=lambda *_: chosen)


@wrong("no busca en el cuerpo")
def inventions__only_header(text, facts):
    return audited(text, facts, spans=lambda *_: [])


@wrong("no mira la provincia")
def inventions__no_province(text, facts):
    return [item for item in audited(text, facts) if item[2] != "provincia de otro país"]


@wrong("nombres de una palabra")
def inventions__single_words(text, facts):
    return audited(text, facts, spans=lambda text, start, _: list(enumerate(text))[start:])


@wrong("en cada posición, el nombre más corto")
def inventions__shortest(text, facts):
    def spans(text, start, facts):
        tables = [*facts["demonyms"], *facts["grapes"], *facts["notes"], *facts["ignored"]]
        i = start
        while i < len(text):
            sizes = [n for n in range(1, 9) if " ".join(text[i : i + n]) in tables]
            if sizes:
                yield i, " ".join(text[i : i + sizes[0]])
            i += sizes[0] if sizes else 1

    return audited(text, facts, spans=spans)


@wrong("tras un nombre largo avanza una sola palabra")
def inventions__overlapping(text, facts):
    def spans(text, start, facts):
        for i in range(start, len(text)):
            yield from list(spans_of(text, i, facts))[:1]

    found = audited(text, facts, spans=spans)
    return [item for n, item in enumerate(found) if item not in found[:n]]


@wrong("todos los nombres, también los que van dentro de otro")
def inventions__every_span(text, facts):
    def spans(text, start, facts):
        for i in range(start, len(text)):
            for n in range(1, min(8, len(text) - i) + 1):
                yield i, " ".join(text[i : i + n])

    return audited(text, facts, spans=spans)


@wrong("no aparta los ignorados")
def inventions__ignores_ignored(text, facts):
    return audited(text, facts | {"ignored": []}) if fields_of(text) else []


@wrong("busca los nombres de más a menos palabras, sin mirar la posición")
def inventions__longest_anywhere(text, facts):
    def spans(text, start, facts):
        tables = [*facts["demonyms"], *facts["grapes"], *facts["notes"], *facts["ignored"]]
        free, found = [i >= start for i in range(len(text))], []
        for name in sorted(tables, key=lambda name: -len(name.split())):
            n = len(name.split())
            for i in range(start, len(text) - n + 1):
                if " ".join(text[i : i + n]) == name and all(free[i : i + n]):
                    free[i : i + n] = [False] * n
                    found.append((i, name))
        return sorted(found)

    return audited(text, facts, spans=spans)


@wrong("cada invento, una sola vez")
def inventions__distinct(text, facts):
    seen = {}
    for item in audited(text, facts):
        seen.setdefault(item[1], item)
    return list(seen.values())


@wrong("posiciones contadas desde el cuerpo")
def inventions__positions_of_body(text, facts):
    fields = fields_of(text)
    start = fields[4] if fields else 0
    return [[i - start if i >= start else i, *rest] for i, *rest in audited(text, facts)]


@wrong("la posición de la última palabra")
def inventions__last_word(text, facts):
    return [[i + name.count(" "), name, kind] for i, name, kind in audited(text, facts)]


@wrong("la posición con index: siempre la primera vez que sale")
def inventions__index(text, facts):
    return [[text.index(name.split()[0]), name, kind] for _, name, kind in audited(text, facts)]


@wrong("denuncia la provincia desconocida")
def inventions__unknown_province(text, facts):
    fields = fields_of(text)
    if fields and fields[1] not in facts["provinces"]:
        return [[fields[3], fields[1], "provincia de otro país"], *audited(text, facts)]
    return audited(text, facts)


@wrong("con una uva desconocida, denuncia todas las notas")
def inventions__unknown_grape(text, facts):
    def verdict(name, facts, country, grape):
        if name in facts["notes"] and facts["grapes"].get(grape) not in facts["notes"][name]:
            return "nota de otro color"
        return judged(name, facts, country, grape)

    return audited(text, facts, verdict=verdict)


@wrong("con una uva desconocida, no mira las demás uvas")
def inventions__needs_a_known_grape(text, facts):
    fields = fields_of(text)
    found = audited(text, facts)
    if fields and fields[2] not in facts["grapes"]:
        return [item for item in found if item[2] != "otra uva"]
    return found


@wrong("sin cabecera completa, revisa lo que puede")
def inventions__incomplete_header(text, facts):
    return audited([*text, *[":"] * max(0, 4 - text.count(":"))], facts)


@wrong("la cabecera termina en los últimos dos puntos")
def inventions__last_colon(text, facts):
    colons = [i for i, word in enumerate(text) if word == ":"]
    keep = {*colons[:3], *colons[-1:]}
    return audited([w if w != ":" or i in keep else "," for i, w in enumerate(text)], facts)


@wrong("compara el gentilicio con la provincia")
def inventions__demonym_of_province(text, facts):
    fields = fields_of(text)

    def verdict(name, facts, country, grape):
        return judged(name, facts, facts["provinces"].get(fields[1], country), grape)

    return audited(text, facts, verdict=verdict)


@wrong("otra uva, solo si es de otro color")
def inventions__grape_of_other_colour(text, facts):
    def verdict(name, facts, country, grape):
        same = facts["grapes"].get(name) == facts["grapes"].get(grape)
        kind = judged(name, facts, country, grape)
        return None if kind == "otra uva" and same else kind

    return audited(text, facts, verdict=verdict)


@wrong("la nota admite un solo color, el primero")
def inventions__first_colour(text, facts):
    notes = {name: colors[:1] for name, colors in facts["notes"].items()}
    return audited(text, facts | {"notes": notes})


@wrong("las clases en lugar de las entradas")
def inventions__kinds(text, facts):
    return [kind for _, _, kind in audited(text, facts)]


@wrong("nunca hay inventos")
def inventions__never(text, facts):
    return []


@wrong("el ejemplo del enunciado")
def inventions__example(text, facts):
    return [
        [5, "new york", "provincia de otro país"],
        [11, "lime", "nota de otro color"],
        [14, "french", "gentilicio de otro país"],
        [17, "riesling", "otra uva"],
    ]


# --- 5.5 my_gpt ------------------------------------------------------------------------------

COURSE = {"attention": attention, "norm": layer_norm, "rotate": rotate}
COURSE["feed_forward"] = feed_forward


def dense(x, layer):
    return x @ layer[0] + layer[1]


def attended(n, w, H, pieces, turns="QK", mask=None, bias=True):
    """La atención de un bloque: n (T, d) -> (T, d)."""
    T = len(n)
    mask = np.tri(T, dtype=int) if mask is None else mask(T)
    layers = [[W, b if bias else 0 * b] for W, b in (w[k] for k in ("query", "key", "value"))]
    parts = [np.split(dense(n, layer), H, axis=1) for layer in layers]  # tres listas de H (T, k)
    for letter, heads in zip("QKV", parts, strict=True):
        if letter in turns:
            heads[:] = [pieces["rotate"](part, np.arange(T)) for part in heads]
    mixed = [pieces["attention"](*heads, mask)[0] for heads in zip(*parts, strict=True)]
    return dense(np.hstack(mixed), w["merge"])


def plain_block(h, w, H, pieces, **options):
    h = h + attended(pieces["norm"](h, *w["norm_1"]), w, H, pieces, **options)
    return h + pieces["feed_forward"](pieces["norm"](h, *w["norm_2"]), *w["expand"], *w["reduce"])


def assembled_gpt(weights, pieces, block=plain_block, before=None, final=True, log=log_softmax):
    """Un GPT con partes que se pueden cambiar por otras erróneas."""

    def one(row):
        h = weights["tokens"][row]
        for w in weights["blocks"]:
            h = block(h, w, weights["heads"], pieces)
        return dense(pieces["norm"](h, *weights["norm"]) if final else h, weights["head"])

    def log_probs(ids):
        shift = before or (lambda ids: np.pad(ids[:, :-1], ((0, 0), (1, 0))))
        return log(np.array([one(row) for row in shift(ids)]))

    return log_probs


@right
def my_gpt__parts(weights, pieces):
    return assembled_gpt(weights, pieces)


@right
def my_gpt__one_loop(weights, pieces):
    def log_probs(ids):
        B, T = ids.shape
        out = []
        for b in range(B):
            h = weights["tokens"][[0, *ids[b, : T - 1].tolist()]]
            for w in weights["blocks"]:
                n = pieces["norm"](h, w["norm_1"][0], w["norm_1"][1])
                k = w["query"][0].shape[1] // weights["heads"]
                total = np.tile(w["merge"][1], (T, 1))
                for i in range(weights["heads"]):
                    a, z = i * k, (i + 1) * k
                    q = pieces["rotate"](
                        n @ w["query"][0][:, a:z] + w["query"][1][a:z], np.arange(T)
                    )
                    key = pieces["rotate"](n @ w["key"][0][:, a:z] + w["key"][1][a:z], np.arange(T))
                    v = n @ w["value"][0][:, a:z] + w["value"][1][a:z]
                    seen = pieces["attention"](q, key, v, np.tri(T).astype(int))[0]
                    total = total + seen @ w["merge"][0][a:z]
                h = h + total
                n = pieces["norm"](h, *w["norm_2"])
                h = h + pieces["feed_forward"](n, *w["expand"], *w["reduce"])
            z = pieces["norm"](h, *weights["norm"]) @ weights["head"][0] + weights["head"][1]
            out.append(z - np.logaddexp.reduce(z, axis=1, keepdims=True))
        return np.array(out)

    return log_probs


@right
def my_gpt__other_positions(weights, pieces):
    """Con RoPE solo cuenta la distancia: empezar en 5 da lo mismo."""
    late = pieces | {"rotate": lambda x, places: pieces["rotate"](x, np.asarray(places) + 5)}
    return assembled_gpt(weights, late)


@right
def my_gpt__float32(weights, pieces):
    def small(x):
        if isinstance(x, dict):
            return {name: small(value) for name, value in x.items()}
        if isinstance(x, list):
            return [small(value) for value in x]
        return x.astype(np.float32) if isinstance(x, np.ndarray) else x

    return assembled_gpt(small(weights), pieces)


@right
def my_gpt__recursive(weights, pieces):
    def through(h, blocks):
        if not blocks:
            return pieces["norm"](h, *weights["norm"])
        return through(plain_block(h, blocks[0], weights["heads"], pieces), blocks[1:])

    def log_probs(ids):
        read = np.hstack([np.zeros((len(ids), 1), int), ids])[:, :-1]
        found = [through(weights["tokens"][row], weights["blocks"]) for row in read]
        return np.stack([log_softmax(dense(h, weights["head"])) for h in found])

    return log_probs


@right
def my_gpt__batched_norms(weights, pieces):
    """Las normas y la red, con todo el lote a la vez; la atención, texto a texto."""

    def log_probs(ids):
        h = weights["tokens"][np.pad(ids[:, :-1], ((0, 0), (1, 0)))]  # (B, T, d)
        for w in weights["blocks"]:
            n = pieces["norm"](h, *w["norm_1"])
            h = h + np.array([attended(row, w, weights["heads"], pieces) for row in n])
            inner = pieces["norm"](h, *w["norm_2"])
            h = h + pieces["feed_forward"](inner, *w["expand"], *w["reduce"])
        return log_softmax(dense(pieces["norm"](h, *weights["norm"]), weights["head"]))

    return log_probs


@wrong("no desplaza: lee el token que predice")
def my_gpt__no_shift(weights, pieces):
    return assembled_gpt(weights, pieces, before=lambda ids: ids)


@wrong("desplaza con el último token del texto delante")
def my_gpt__rolls(weights, pieces):
    return assembled_gpt(weights, pieces, before=lambda ids: np.roll(ids, 1, axis=1))


@wrong("predice el token siguiente al que toca")
def my_gpt__shifts_twice(weights, pieces):
    return assembled_gpt(
        weights, pieces, before=lambda ids: np.pad(ids, ((0, 0), (2, 0)))[:, : ids.shape[1]]
    )


@wrong("sin máscara")
def my_gpt__no_mask(weights, pieces):
    def block(*arguments):
        return plain_block(*arguments, mask=lambda T: np.ones((T, T), int))

    return assembled_gpt(weights, pieces, block)


@wrong("la máscara, sin la diagonal")
def my_gpt__strict_mask(weights, pieces):
    def block(*arguments):
        return plain_block(*arguments, mask=lambda T: np.tri(T, k=-1, dtype=int))

    return assembled_gpt(weights, pieces, block)


@wrong("la máscara, al revés")
def my_gpt__future(weights, pieces):
    def block(*arguments):
        return plain_block(*arguments, mask=lambda T: np.triu(np.ones((T, T), int)))

    return assembled_gpt(weights, pieces, block)


@wrong("no gira nada")
def my_gpt__no_rotation(weights, pieces):
    return assembled_gpt(weights, pieces, lambda *a: plain_block(*a, turns=""))


@wrong("gira solo las consultas")
def my_gpt__rotates_queries(weights, pieces):
    return assembled_gpt(weights, pieces, lambda *a: plain_block(*a, turns="Q"))


@wrong("gira también los valores")
def my_gpt__rotates_values(weights, pieces):
    return assembled_gpt(weights, pieces, lambda *a: plain_block(*a, turns="QKV"))


@wrong("gira todas las cabezas juntas, antes de partir")
def my_gpt__rotates_before_splitting(weights, pieces):
    def block(h, w, H, pieces):
        n, T = pieces["norm"](h, *w["norm_1"]), len(h)
        Q, K, V = (dense(n, w[name]) for name in ("query", "key", "value"))
        Q, K = pieces["rotate"](Q, np.arange(T)), pieces["rotate"](K, np.arange(T))
        parts = zip(*(np.split(x, H, axis=1) for x in (Q, K, V)), strict=True)
        mask = np.tri(T, dtype=int)
        h = h + dense(np.hstack([pieces["attention"](*p, mask)[0] for p in parts]), w["merge"])
        n = pieces["norm"](h, *w["norm_2"])
        return h + pieces["feed_forward"](n, *w["expand"], *w["reduce"])

    return assembled_gpt(weights, pieces, block)


@wrong("una sola cabeza con toda la anchura")
def my_gpt__one_head(weights, pieces):
    return assembled_gpt(weights | {"heads": 1}, pieces)


@wrong("las columnas de las cabezas, intercaladas")
def my_gpt__interleaved(weights, pieces):
    def block(h, w, H, pieces):
        width = w["query"][0].shape[1]
        order = np.arange(width).reshape(-1, H).T.ravel()
        mixed = {n: [w[n][0][:, order], w[n][1][order]] for n in ("query", "key", "value")}
        return plain_block(h, w | mixed, H, pieces)

    return assembled_gpt(weights, pieces, block)


@wrong("la multi_head del capítulo: ni gira ni suma sesgos")
def my_gpt__chapter(weights, pieces):
    def block(h, w, H, pieces):
        matrices = [w[name][0] for name in ("query", "key", "value", "merge")]
        n = pieces["norm"](h, *w["norm_1"])
        h = h + multi_head(n, *matrices, H, np.tri(len(h), dtype=int))[0]
        n = pieces["norm"](h, *w["norm_2"])
        return h + pieces["feed_forward"](n, *w["expand"], *w["reduce"])

    return assembled_gpt(weights, pieces, block)


@wrong("sin los sesgos de las proyecciones")
def my_gpt__no_biases(weights, pieces):
    return assembled_gpt(weights, pieces, lambda *a: plain_block(*a, bias=False))


@wrong("sin el sesgo de la salida de la atención")
def my_gpt__no_merge_bias(weights, pieces):
    def block(h, w, H, pieces):
        return plain_block(h, w | {"merge": [w["merge"][0], 0 * w["merge"][1]]}, H, pieces)

    return assembled_gpt(weights, pieces, block)


@wrong("divide otra vez entre la raíz")
def my_gpt__scales_twice(weights, pieces):
    def block(h, w, H, pieces):
        k = w["query"][0].shape[1] // H
        scaled = {"query": [w["query"][0] / k**0.5, w["query"][1] / k**0.5]}
        return plain_block(h, w | scaled, H, pieces)

    return assembled_gpt(weights, pieces, block)


@wrong("normaliza después de sumar, como la receta de origen")
def my_gpt__post_norm(weights, pieces):
    def block(h, w, H, pieces):
        h = pieces["norm"](h + attended(h, w, H, pieces), *w["norm_1"])
        inner = pieces["feed_forward"](h, *w["expand"], *w["reduce"])
        return pieces["norm"](h + inner, *w["norm_2"])

    return assembled_gpt(weights, pieces, block)


@wrong("sin el primer residuo")
def my_gpt__no_first_residual(weights, pieces):
    def block(h, w, H, pieces):
        h = attended(pieces["norm"](h, *w["norm_1"]), w, H, pieces)
        n = pieces["norm"](h, *w["norm_2"])
        return h + pieces["feed_forward"](n, *w["expand"], *w["reduce"])

    return assembled_gpt(weights, pieces, block)


@wrong("sin el segundo residuo")
def my_gpt__no_second_residual(weights, pieces):
    def block(h, w, H, pieces):
        h = h + attended(pieces["norm"](h, *w["norm_1"]), w, H, pieces)
        n = pieces["norm"](h, *w["norm_2"])
        return pieces["feed_forward"](n, *w["expand"], *w["reduce"])

    return assembled_gpt(weights, pieces, block)


@wrong("la red lee lo que entró en el bloque")
def my_gpt__parallel(weights, pieces):
    def block(h, w, H, pieces):
        n = pieces["norm"](h, *w["norm_2"])
        inner = pieces["feed_forward"](n, *w["expand"], *w["reduce"])
        return h + attended(pieces["norm"](h, *w["norm_1"]), w, H, pieces) + inner

    return assembled_gpt(weights, pieces, block)


@wrong("las dos normas, cambiadas")
def my_gpt__swapped_norms(weights, pieces):
    def block(h, w, H, pieces):
        return plain_block(h, w | {"norm_1": w["norm_2"], "norm_2": w["norm_1"]}, H, pieces)

    return assembled_gpt(weights, pieces, block)


@wrong("sin la norma final")
def my_gpt__no_final_norm(weights, pieces):
    return assembled_gpt(weights, pieces, final=False)


@wrong("solo el primer bloque")
def my_gpt__one_block(weights, pieces):
    return assembled_gpt(weights | {"blocks": weights["blocks"][:1]}, pieces)


@wrong("los bloques, del último al primero")
def my_gpt__reversed_blocks(weights, pieces):
    return assembled_gpt(weights | {"blocks": weights["blocks"][::-1]}, pieces)


@wrong("la cabeza es la tabla de embeddings")
def my_gpt__tied(weights, pieces):
    return assembled_gpt(weights | {"head": [weights["tokens"].T, weights["head"][1]]}, pieces)


@wrong("devuelve los logits")
def my_gpt__logits(weights, pieces):
    return assembled_gpt(weights, pieces, log=lambda z: z)


@wrong("devuelve probabilidades")
def my_gpt__probabilities(weights, pieces):
    return assembled_gpt(weights, pieces, log=lambda z: np.exp(log_softmax(z)))


@wrong("softmax sobre las posiciones")
def my_gpt__other_axis(weights, pieces):
    return assembled_gpt(
        weights, pieces, log=lambda z: log_softmax(z.swapaxes(1, 2)).swapaxes(1, 2)
    )


@wrong("el logaritmo de la softmax, que se hunde")
def my_gpt__log_of_softmax(weights, pieces):
    def log(z):
        with np.errstate(divide="ignore"):
            return np.log(np.exp(log_softmax(z)))

    return assembled_gpt(weights, pieces, log=log)


@wrong("no usa las piezas que recibe")
def my_gpt__own_pieces(weights, pieces):
    return assembled_gpt(weights, COURSE)


@wrong("no usa la atención que recibe")
def my_gpt__own_attention(weights, pieces):
    return assembled_gpt(weights, pieces | {"attention": attention})


@wrong("no usa la norma que recibe en la salida")
def my_gpt__own_final_norm(weights, pieces):
    def log_probs(ids):
        h = assembled_gpt(
            weights | {"head": [np.eye(weights["tokens"].shape[1]), 0]}, pieces, final=False,
            log=lambda z: z,
        )(ids)  # fmt: skip
        return log_softmax(dense(layer_norm(h, *weights["norm"]), weights["head"]))

    return log_probs


@wrong("todos los textos en fila, como si fueran uno")
def my_gpt__one_long_text(weights, pieces):
    inner = assembled_gpt(weights, pieces)
    return lambda ids: np.reshape(inner(np.reshape(ids, (1, -1))), (*ids.shape, -1))


@wrong("reparte por igual")
def my_gpt__uniform(weights, pieces):
    V = len(weights["tokens"])
    return lambda ids: np.full((*np.shape(ids), V), -np.log(V))


@wrong("ceros")
def my_gpt__zeros(weights, pieces):
    return lambda ids: np.zeros((*np.shape(ids), len(weights["tokens"])))


@wrong("al azar")
def my_gpt__random(weights, pieces):
    V = len(weights["tokens"])
    return lambda ids: log_softmax(np.random.default_rng().normal(size=(*np.shape(ids), V)))


# --- 5.6 train -------------------------------------------------------------------------------


def texts_within(batches, cost):
    """Lee lotes mientras cost(tokens) lo permita: los textos, cada uno con su fin, en una lista."""
    texts, tokens = [], 0
    while cost(tokens) and (ids := batches()) is not None:
        texts += [row[: row.index(0) + 1] for row in ids.tolist()]
        tokens = sum(map(len, texts))
    return texts


def as_rows(texts):
    return pad_texts([text[:-1] for text in texts], max(map(len, texts)))


def grams(texts, window):
    """{(ventana, palabra): veces} con ventanas de 0 a `window` tokens."""
    found = Counter()
    for text in texts:
        row = [0] * window + text
        for t in range(window, len(row)):
            found.update((tuple(row[t - k : t]), row[t]) for k in range(window + 1))
    return found


def read_grams(batches, budget, window):
    """Los recuentos de los lotes que caben en el presupuesto."""
    found, tokens = Counter(), 0
    while (tokens + 1_300) * (len(found) + 1_300) < budget and (ids := batches()) is not None:
        texts = [row[: row.index(0) + 1] for row in ids.tolist()]
        found.update(grams(texts, window))
        tokens += sum(map(len, texts))
    return found


def packaged(parameters, ids, V, window=2, smooth=absolute_discount):
    """log q del n-grama del paquete. parameters: los textos seguidos, cada uno con su fin."""
    ends = np.flatnonzero(parameters == 0) + 1
    texts = [part.tolist() for part in np.split(parameters, ends)[:-1]]
    return NGram(as_rows(texts), V, window, smooth).log_probs(ids)


def text_model(batches, V, budget, **about):
    """El texto leído como parámetros: con n tokens son n números, y cuestan n²."""
    texts = texts_within(batches, lambda tokens: (tokens + 2_000) ** 2 < budget)
    return [
        np.concatenate([np.array(text, int) for text in texts]),
        lambda parameters, ids: packaged(parameters, ids, V, **about),
    ]


@right
def train__keeps_the_text(batches, V, budget):
    return text_model(batches, V, budget)


@right
def train__keeps_the_text_and_mixes(batches, V, budget):
    parameters, _ = text_model(batches, V, budget)

    def log_probs(parameters, ids):
        models = packaged(parameters, ids, V, 3, kneser_ney), packaged(parameters, ids, V, 2)
        return np.logaddexp(*models) - np.log(2)

    return [parameters, log_probs]


def mixed(V, window):
    """log_probs con pesos fijos: cada ventana cede según lo poco que se ha visto."""

    def log_probs(counts, ids):
        totals, after = Counter(), {}
        for (past, word), times in counts.items():
            totals[past] += times
            after.setdefault(past, []).append((word, times))
        q = np.full((*ids.shape, V), 0.01 / V)
        for b, row in enumerate(np.pad(ids, ((0, 0), (window, 0))).tolist()):
            for t in range(ids.shape[1]):
                left = 0.99
                for k in range(window, -1, -1):
                    past = tuple(row[t + window - k : t + window])
                    if past in totals:
                        share = left * totals[past] / (totals[past] + 2) if k else left
                        for word, times in after[past]:
                            q[b, t, word] += share * times / totals[past]
                        left -= share
        return np.log(q)

    return log_probs


@right
def train__fixed_weights(batches, V, budget):
    return [dict(read_grams(batches, budget, 2)), mixed(V, 2)]


@right
def train__three_tokens(batches, V, budget):
    return [dict(read_grams(batches, budget, 3)), mixed(V, 3)]


@right
def train__sorted_arrays(batches, V, budget):
    """Claves y recuentos en arrays de enteros: dos números por recuento."""
    found = read_grams(batches, budget / 2, 2)
    keys = sorted((len(past), *past, *[0] * (2 - len(past)), word) for past, word in found)
    packed = np.array([((k * V + a) * V + b) * V + word for k, a, b, word in keys])
    times = np.array([found[key[1 : 1 + key[0]], key[3]] for key in keys], dtype="float32")

    def log_probs(parameters, ids):
        packed, times = parameters
        keys = [(k // V**3, k // V**2 % V, k // V % V, k % V) for k in packed.tolist()]
        counts = {
            (key[1 : 1 + key[0]], key[3]): n for key, n in zip(keys, times.tolist(), strict=True)
        }
        return mixed(V, 2)(counts, ids)

    return [[packed, times], log_probs]


@right
def train__rare_windows_dropped(batches, V, budget):
    """Lee más y olvida las ventanas de dos tokens que solo se han visto una vez."""
    found, kept, tokens = Counter(), {}, 0
    while (tokens + 1_300) * (len(kept) + 1_300) < budget and (ids := batches()) is not None:
        texts = [row[: row.index(0) + 1] for row in ids.tolist()]
        found.update(grams(texts, 2))
        tokens += sum(map(len, texts))
        kept = {key: n for key, n in found.items() if n > 1 or len(key[0]) < 2}
    return [kept, mixed(V, 2)]


@wrong("un bigrama, aunque sea el mejor suavizado")
def train__bigram(batches, V, budget):
    return text_model(batches, V, budget, window=1, smooth=kneser_ney)


@wrong("un bigrama que lee todo")
def train__sparse_bigram(batches, V, budget):
    return [dict(read_grams(batches, budget, 1)), mixed(V, 1)]


@wrong("un unigrama")
def train__unigram(batches, V, budget):
    return [dict(read_grams(batches, budget, 0)), mixed(V, 0)]


@wrong("reparte por igual")
def train__uniform(batches, V, budget):
    return [[], lambda parameters, ids: np.full((*ids.shape, V), -np.log(V))]


@wrong("lee casi nada")
def train__few_batches(batches, V, budget):
    texts = texts_within(batches, lambda tokens: tokens < 5_000)
    return [dict(grams(texts, 2)), mixed(V, 2)]


@wrong("lee todos los lotes y lo guarda todo")
def train__everything(batches, V, budget):
    return [dict(grams(texts_within(batches, lambda tokens: True), 2)), mixed(V, 2)]


@wrong("guarda además una tabla (V, V) de ceros")
def train__dense(batches, V, budget):
    counts = grams(texts_within(batches, lambda tokens: tokens < 40_000), 2)
    return [[dict(counts), np.zeros((V, V))], lambda own, ids: mixed(V, 2)(own[0], ids)]


@wrong("gasta siempre lo mismo, sin mirar el presupuesto")
def train__fixed_spending(batches, V, budget):
    return [dict(read_grams(batches, 1e9, 2)), mixed(V, 2)]


@wrong("guarda lo aprendido fuera de los parámetros")
def train__hidden_state(batches, V, budget):
    counts = dict(grams(texts_within(batches, lambda tokens: True), 3))
    return [[1.0], lambda parameters, ids: mixed(V, 3)(counts, ids)]


LEARNT = {}


@wrong("guarda lo aprendido en una variable global")
def train__global_state(batches, V, budget):
    LEARNT.clear()
    LEARNT.update(read_grams(batches, 10 * budget, 2))
    return [[1.0], lambda parameters, ids: mixed(V, 2)(LEARNT, ids)]


@wrong("lee el token que predice")
def train__reads_the_answer(batches, V, budget):
    def log_probs(parameters, ids):
        own = np.log(np.where(np.eye(V)[ids] > 0, 0.9, 0.1 / (V - 1)))
        return np.logaddexp(own, mixed(V, 2)(parameters, ids)) - np.log(2)

    return [dict(read_grams(batches, budget, 2)), log_probs]


@wrong("mira el token siguiente")
def train__reads_the_next(batches, V, budget):
    def log_probs(parameters, ids):
        back = np.ones((V, V))
        for (past, word), times in parameters.items():
            if len(past) == 1:
                back[word, past[0]] += times
        back = np.log(back / back.sum(axis=1, keepdims=True))
        after = np.pad(ids[:, 1:], ((0, 0), (0, 1)))
        return log_softmax(mixed(V, 2)(parameters, ids) + back[after])

    return [dict(read_grams(batches, budget, 2)), log_probs]


@wrong("probabilidades que suman más de 1")
def train__not_normalised(batches, V, budget):
    counts = dict(read_grams(batches, budget, 2))
    return [counts, lambda own, ids: np.minimum(mixed(V, 2)(own, ids) + 1, 0)]


@wrong("probabilidad 0 en lo que no ha visto")
def train__no_smoothing(batches, V, budget):
    def log_probs(parameters, ids):
        pairs = np.zeros((V, V))
        for (past, word), times in parameters.items():
            if len(past) == 1:
                pairs[past[0], word] = times
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(pairs / pairs.sum(axis=1, keepdims=True))
        return logs[np.pad(ids[:, :-1], ((0, 0), (1, 0)))]

    return [dict(read_grams(batches, budget, 1)), log_probs]


@wrong("no desplaza: predice con el token que toca predecir")
def train__no_shift(batches, V, budget):
    def log_probs(parameters, ids):
        return mixed(V, 2)(parameters, np.pad(ids[:, 1:], ((0, 0), (0, 1))))

    return [dict(read_grams(batches, budget, 2)), log_probs]


@wrong("devuelve los recuentos")
def train__counts(batches, V, budget):
    return dict(read_grams(batches, budget, 2))


# --- 5.7 fine_tune ---------------------------------------------------------------------------


def pairs_of(ids, V, mask=None):
    """Parte de los tokens reales que es cada pareja. ids: (n, T) -> (V, V)."""
    before = np.pad(ids[:, :-1], ((0, 0), (1, 0)))
    mask = real_tokens(ids) if mask is None else mask
    counts = np.zeros((V, V))
    np.add.at(counts, (before[mask], ids[mask]), 1)
    return counts / counts.sum()


def descended(W, old, new, share, rate, steps, slope=None, losses=None):
    """El ajuste, a partir de las dos tablas de parejas, con partes que se pueden cambiar."""
    mixed, curve = share * old + (1 - share) * new, []
    for step in range(steps + 1):
        logs = log_softmax(W)
        curve.append([-(C * logs).sum() for C in losses or (old, new)])
        if step < steps:
            gradient = mixed.sum(axis=1, keepdims=True) * np.exp(logs) - mixed
            W = W - rate * (slope(logs, mixed) if slope else gradient)
    return [W, np.array(curve)]


@right
def fine_tune__add_at(W, old, new, share, rate, steps):
    V = len(W)
    return descended(W, pairs_of(old, V), pairs_of(new, V), share, rate, steps)


@right
def fine_tune__two_gradients(W, old, new, share, rate, steps):
    tables = [pairs_of(ids, len(W)) for ids in (old, new)]
    curve = []
    for step in range(steps + 1):
        p = np.exp(W - W.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        curve.append([-np.sum(C[C > 0] * log_softmax(W)[C > 0]) for C in tables])
        if step < steps:
            slopes = [C.sum(axis=1)[:, None] * p - C for C in tables]
            W = W - rate * (share * slopes[0] + (1 - share) * slopes[1])
    return W, curve


@right
def fine_tune__token_by_token(W, old, new, share, rate, steps):
    """Suma el gradiente de cada token, sin contar parejas."""
    groups = []
    for ids in (old, new):
        tokens = []
        for row in ids.tolist():
            for t, word in enumerate(row):
                tokens.append((row[t - 1] if t else 0, word))
                if word == 0:
                    break
        groups.append(tokens)
    curve, weights = [], (share, 1 - share)
    for step in range(steps + 1):
        logs, gradient = log_softmax(W), np.zeros(W.shape)
        curve.append([-np.mean([logs[u, v] for u, v in tokens]) for tokens in groups])
        for weight, tokens in zip(weights, groups, strict=True):
            for u, v in tokens:
                gradient[u] += weight * np.exp(logs[u]) / len(tokens)
                gradient[u, v] -= weight / len(tokens)
        if step < steps:
            W = W - rate * gradient
    return [W, np.array(curve)]


@right
def fine_tune__recursive(W, old, new, share, rate, steps):
    tables = [pairs_of(ids, len(W)) for ids in (old, new)]
    logs = log_softmax(W)
    here = [[-(C * logs).sum() for C in tables]]
    if steps == 0:
        return [W.copy(), np.array(here)]
    mixed = share * tables[0] + (1 - share) * tables[1]
    W = W - rate * (mixed.sum(axis=1, keepdims=True) * np.exp(logs) - mixed)
    W, rest = fine_tune__recursive(W, old, new, share, rate, steps - 1)
    return [W, np.vstack([here, rest])]


@wrong("mezcla al revés")
def fine_tune__swapped_share(W, old, new, share, rate, steps):
    return fine_tune__add_at(W, old, new, 1 - share, rate, steps)


@wrong("no mezcla")
def fine_tune__no_mixture(W, old, new, share, rate, steps):
    return fine_tune__add_at(W, old, new, 0, rate, steps)


@wrong("mezcla por número de textos: junta los dos montones")
def fine_tune__pooled(W, old, new, share, rate, steps):
    V = len(W)
    sizes = real_tokens(old).sum(), real_tokens(new).sum()
    a, b = pairs_of(old, V) * sizes[0] * share, pairs_of(new, V) * sizes[1] * (1 - share)
    mixed = (a + b) / (a.sum() + b.sum())
    both = (pairs_of(old, V), pairs_of(new, V))
    return descended(W, mixed, mixed, 0.5, rate, steps, losses=both)


@wrong("sube en lugar de bajar")
def fine_tune__ascends(W, old, new, share, rate, steps):
    return fine_tune__add_at(W, old, new, share, -rate, steps)


@wrong("cuenta el relleno")
def fine_tune__counts_padding(W, old, new, share, rate, steps):
    tables = [pairs_of(ids, len(W), np.ones(ids.shape, bool)) for ids in (old, new)]
    return descended(W, *tables, share, rate, steps)


@wrong("no cuenta el fin")
def fine_tune__no_end(W, old, new, share, rate, steps):
    with np.errstate(invalid="ignore"):
        tables = [pairs_of(ids, len(W), ids > 0) for ids in (old, new)]
        return descended(W, *tables, share, rate, steps)


@wrong("no cuenta el comienzo")
def fine_tune__no_start(W, old, new, share, rate, steps):
    with np.errstate(invalid="ignore"):
        masks = [real_tokens(ids) & (np.arange(ids.shape[1]) > 0) for ids in (old, new)]
        both = zip((old, new), masks, strict=True)
        return descended(W, *(pairs_of(ids, len(W), m) for ids, m in both), share, rate, steps)


@wrong("pierde las parejas repetidas")
def fine_tune__repeated(W, old, new, share, rate, steps):
    tables = [(pairs_of(ids, len(W)) > 0).astype(float) for ids in (old, new)]
    return descended(W, *(C / C.sum() for C in tables), share, rate, steps)


@wrong("la tabla, traspuesta")
def fine_tune__transposed(W, old, new, share, rate, steps):
    tables = [pairs_of(ids, len(W)).T for ids in (old, new)]
    return descended(W, *tables, share, rate, steps)


@wrong("el gradiente no pesa cada fila por lo que sale")
def fine_tune__unweighted(W, old, new, share, rate, steps):
    V = len(W)
    tables = pairs_of(old, V), pairs_of(new, V)
    return descended(W, *tables, share, rate, steps, lambda logs, C: np.exp(logs) / V - C)


@wrong("no divide entre los tokens")
def fine_tune__not_divided(W, old, new, share, rate, steps):
    V = len(W)
    tables = pairs_of(old, V), pairs_of(new, V)
    sums = tables[0] * real_tokens(old).sum(), tables[1] * real_tokens(new).sum()
    return descended(W, *sums, share, rate, steps, losses=tables)


@wrong("la curva, con los nuevos delante")
def fine_tune__swapped_curve(W, old, new, share, rate, steps):
    W, curve = fine_tune__add_at(W, old, new, share, rate, steps)
    return [W, curve[:, ::-1]]


@wrong("la curva empieza tras el primer paso")
def fine_tune__late_curve(W, old, new, share, rate, steps):
    W, curve = fine_tune__add_at(W, old, new, share, rate, steps + 1)
    return [W, curve[1:]]


@wrong("un paso de menos")
def fine_tune__one_step_less(W, old, new, share, rate, steps):
    W, curve = fine_tune__add_at(W, old, new, share, rate, max(steps - 1, 0))
    return [W, np.vstack([curve, curve[-1:]])[: steps + 1]]


@wrong("sin restar el máximo")
def fine_tune__overflows(W, old, new, share, rate, steps):
    V, curve = len(W), []
    tables = pairs_of(old, V), pairs_of(new, V)
    mixed = share * tables[0] + (1 - share) * tables[1]
    with np.errstate(all="ignore"):
        for step in range(steps + 1):
            p = np.exp(W) / np.exp(W).sum(axis=1, keepdims=True)
            curve.append([-(C * np.log(p)).sum() for C in tables])
            if step < steps:
                W = W - rate * (mixed.sum(axis=1, keepdims=True) * p - mixed)
    return [W, np.array(curve)]


@wrong("parte de una tabla de ceros")
def fine_tune__from_scratch(W, old, new, share, rate, steps):
    return fine_tune__add_at(np.zeros(W.shape), old, new, share, rate, steps)


@wrong("cuenta en lugar de ajustar")
def fine_tune__counts(W, old, new, share, rate, steps):
    C = share * pairs_of(old, len(W)) + (1 - share) * pairs_of(new, len(W))
    return [np.log(C + 1e-9), fine_tune__add_at(W, old, new, share, rate, steps)[1]]


@wrong("devuelve lo que recibe")
def fine_tune__same(W, old, new, share, rate, steps):
    return [W, np.zeros((steps + 1, 2))]
