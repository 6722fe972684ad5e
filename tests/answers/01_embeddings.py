"""Respuestas a la tarea 01: las correctas en estilos distintos y las de errores típicos.

El nombre dice a qué responde cada una: `bpe_encode__by_cuts` es una respuesta de `bpe_encode`.
Las demás respuestas de su ejercicio son las del original. Entre las erróneas están las funciones
del capítulo y del paquete, allí donde el ejercicio pide algo más.
"""

import heapq
import re
import string
import unicodedata
from collections import Counter, defaultdict
from itertools import chain, groupby, pairwise

import numpy as np

from vinogpt.corpus import pad_punctuation
from vinogpt.embeddings import analogy, cosine_similarity, one_hot, ppmi
from vinogpt.tokenizer import (
    BPETokenizer,
    CharTokenizer,
    WordTokenizer,
    apply_merges,
    by_frequency,
    split_words,
)

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


# --- 1.1 word_tokens -------------------------------------------------------------------------


def split_words_without_lower(text):
    return text.translate({ord(c): f" {c} " for c in string.punctuation}).split()


@right
def word_tokens__package(text):
    return split_words(text)


@right
def word_tokens__translate(text):
    return text.lower().translate({ord(c): f" {c} " for c in string.punctuation}).split()


@right
def word_tokens__findall(text):
    signs = re.escape(string.punctuation)
    return re.findall(rf"[{signs}]|[^\s{signs}]+", text.lower())


@right
def word_tokens__characters(text):
    tokens, inside = [], False
    for c in text.lower():
        if c.isspace():
            inside = False
        elif c in string.punctuation or not inside:
            tokens.append(c)
            inside = c not in string.punctuation
        else:
            tokens[-1] += c
    return tokens


@wrong("sin minúsculas")
def word_tokens__keeps_case(text):
    return pad_punctuation(text).split()


@wrong("solo los espacios separan")
def word_tokens__only_spaces(text):
    return text.lower().split()


@wrong("la expresión de la fuente, sin grupo")
def word_tokens__no_group(text):
    return re.sub(f"[{string.punctuation}, '\n']", r" \1 ", text.lower()).split()


@wrong("pierde los signos")
def word_tokens__loses_signs(text):
    return re.findall(r"\w+", text.lower())


@wrong("los signos seguidos quedan juntos")
def word_tokens__joins_signs(text):
    signs = re.escape(string.punctuation)
    return re.findall(rf"[{signs}]+|[^\s{signs}]+", text.lower())


@wrong("separa también los signos que no están en string.punctuation")
def word_tokens__splits_other_signs(text):
    return re.findall(r"\w+|[^\w\s]", text.lower())


@wrong("separa solo por el espacio, no por otros blancos")
def word_tokens__single_space(text):
    padded = text.lower().translate({ord(c): f" {c} " for c in string.punctuation})
    return [token for token in padded.split(" ") if token]


@wrong("olvida algunos signos")
def word_tokens__few_signs(text):
    return re.sub(r"([.,:;!?()'%-])", r" \1 ", text.lower()).split()


@wrong("solo conserva letras sin tilde y cifras")
def word_tokens__ascii(text):
    return re.findall(rf"[a-z0-9]+|[{re.escape(string.punctuation)}]", text.lower())


@wrong("parte en caracteres, como CharTokenizer")
def word_tokens__characters_only(text):
    return CharTokenizer([]).tokenize(text.lower())


@wrong("devuelve el texto en lugar de la lista")
def word_tokens__text(text):
    return pad_punctuation(text.lower())


@right
def word_tokens__replace_signs(text):
    for sign in string.punctuation:
        text = text.replace(sign, f" {sign} ")
    return tuple(token.lower() for token in text.split())  # las tuplas valen como listas


@wrong("la clase de signos, sin escapar: se pierde la barra invertida")
def word_tokens__unescaped(text):
    return re.sub(f"([{string.punctuation}])", r" \1 ", text.lower()).split()


@wrong("el guion bajo cuenta como letra")
def word_tokens__underscore(text):
    return re.findall(r"[\w¿«»¡½]+|[^\w\s]", text.lower())


@wrong("solo los signos que salen en la prosa")
def word_tokens__prose_signs(text):
    return re.sub(r"([!\"%&'()*,\-./:;?\[\]])", r" \1 ", text.lower()).split()


@wrong("casefold: la ß se vuelve ss")
def word_tokens__casefold(text):
    return split_words_without_lower(text.casefold())


@wrong("normaliza el texto: ½ pasa a tres caracteres")
def word_tokens__normalises(text):
    return split_words_without_lower(unicodedata.normalize("NFKC", text.lower()))


# --- 1.1 build_vocabulary --------------------------------------------------------------------


def flat(lists):
    return list(chain.from_iterable(lists))


@right
def build_vocabulary__package(documents, size):
    return ["", "[UNK]", *by_frequency(flat(documents))][:size]


@right
def build_vocabulary__two_sorts(documents, size):
    counts = defaultdict(int)
    for document in documents:
        for token in document:
            counts[token] += 1
    tokens = sorted(counts)[::-1]
    tokens.sort(key=lambda token: -counts[token])
    return ["", "[UNK]", *tokens[: size - 2]]


@right
def build_vocabulary__numpy(documents, size):
    tokens, counts = np.unique(np.concatenate([*documents, []]).astype(str), return_counts=True)
    order = np.lexsort((tokens, counts))[::-1]
    return np.array(["", "[UNK]", *tokens[order]])[:size].tolist()


@right
def build_vocabulary__one_by_one(documents, size):
    counts = Counter(token for document in documents for token in document)
    vocabulary = ["", "[UNK]"]
    while counts and len(vocabulary) < size:
        best = max(counts, key=lambda token: (counts[token], token))
        vocabulary.append(best)
        del counts[best]
    return vocabulary


@wrong("los empates, por orden de aparición")
def build_vocabulary__most_common(documents, size):
    counts = Counter(token for document in documents for token in document)
    return ["", "[UNK]", *(token for token, _ in counts.most_common())][:size]


@wrong("los empates, en orden alfabético")
def build_vocabulary__ascending_ties(documents, size):
    counts = Counter(token for document in documents for token in document)
    return ["", "[UNK]", *sorted(counts, key=lambda token: (-counts[token], token))][:size]


@wrong("el tope no cuenta los especiales")
def build_vocabulary__size_without_specials(documents, size):
    return ["", "[UNK]", *by_frequency(flat(documents))[:size]]


@wrong("sin los especiales")
def build_vocabulary__no_specials(documents, size):
    return by_frequency(flat(documents))[:size]


@wrong("recorta antes de ordenar")
def build_vocabulary__cut_then_sort(documents, size):
    tokens = sorted(set(flat(documents)))[: size - 2]
    counts = Counter(flat(documents))
    return ["", "[UNK]", *sorted(tokens, key=lambda t: (counts[t], t), reverse=True)]


@wrong("orden alfabético, sin frecuencias")
def build_vocabulary__alphabetical(documents, size):
    return ["", "[UNK]", *sorted(set(flat(documents)), reverse=True)][:size]


@wrong("cuenta documentos en lugar de apariciones")
def build_vocabulary__document_frequency(documents, size):
    return ["", "[UNK]", *by_frequency(t for document in documents for t in set(document))][:size]


@wrong("junta mayúsculas y minúsculas")
def build_vocabulary__lowers(documents, size):
    return ["", "[UNK]", *by_frequency(t.lower() for t in flat(documents))][:size]


@wrong("no recorta")
def build_vocabulary__no_limit(documents, size):
    return WordTokenizer.train(" ".join(d) for d in documents).vocabulary


@wrong("repite los tokens")
def build_vocabulary__repeats(documents, size):
    return ["", "[UNK]", *sorted(flat(documents), reverse=True)][:size]


@wrong("modifica los documentos")
def build_vocabulary__mutates(documents, size):
    tokens = documents[0]
    for document in documents[1:]:
        tokens += document
    return ["", "[UNK]", *by_frequency(tokens)][:size]


@right
def build_vocabulary__heap(documents, size):
    counts = Counter(flat(documents)).items()
    best = heapq.nlargest(size - 2, counts, key=lambda item: item[::-1])
    return ["", "[UNK]", *(token for token, _ in best)]


@wrong("los empates, sin mirar mayúsculas")
def build_vocabulary__caseless_ties(documents, size):
    counts = Counter(flat(documents))
    order = sorted(counts, key=lambda token: (counts[token], token.lower(), token), reverse=True)
    return ["", "[UNK]", *order][:size]


@wrong("los empates, por longitud")
def build_vocabulary__length_ties(documents, size):
    counts = Counter(flat(documents))
    order = sorted(counts, key=lambda token: (counts[token], len(token), token), reverse=True)
    return ["", "[UNK]", *order][:size]


@wrong("descarta lo que sale una vez")
def build_vocabulary__drops_rare(documents, size):
    counts = Counter(flat(documents))
    frequent = flat([token] * n for token, n in counts.items() if n > 1)
    return ["", "[UNK]", *by_frequency(frequent)][:size]


@wrong("recorta con most_common y ordena después")
def build_vocabulary__most_common_then_sort(documents, size):
    best = Counter(flat(documents)).most_common(size - 2)
    return ["", "[UNK]", *(token for n, token in sorted(((n, t) for t, n in best), reverse=True))]


# --- 1.2 bpe_encode --------------------------------------------------------------------------


def with_positions(pieces, start):
    """Piezas de una palabra con sus posiciones."""
    ends = start + np.cumsum([len(piece) for piece in pieces])
    return [[p, int(e) - len(p), int(e)] for p, e in zip(pieces, ends, strict=True)]


@right
def bpe_encode__package_and_positions(text, merges):
    ranks = {tuple(pair): rank for rank, pair in enumerate(merges)}
    words = re.finditer(r"\S+", text)
    return flat(with_positions(apply_merges(w.group(), ranks), w.start()) for w in words)


@right
def bpe_encode__by_cuts(text, merges):
    spans = [(i, i + 1) for i, c in enumerate(text) if not c.isspace()]
    while True:
        joins = [
            (merges.index([text[a:b], text[b:d]]), a, d)
            for (a, b), (c, d) in pairwise(spans)
            if b == c and [text[a:b], text[b:d]] in merges
        ]
        if not joins:
            return [(text[a:b], a, b) for a, b in spans]  # las tuplas valen como listas
        end = -1
        for rank, a, d in joins:
            if rank == min(joins)[0] and a >= end:
                spans = [s for s in spans if s[1] <= a or s[0] >= d] + [(a, d)]
                end = d
        spans.sort()


@right
def bpe_encode__recursive(text, merges):
    def join(pieces, left, right):
        if len(pieces) < 2:
            return pieces
        if pieces[:2] == [left, right]:
            return [left + right, *join(pieces[2:], left, right)]
        return [pieces[0], *join(pieces[1:], left, right)]

    def encode(pieces):
        present = list(map(list, pairwise(pieces)))
        usable = [pair for pair in merges if pair in present]
        return encode(join(pieces, *usable[0])) if usable else pieces

    groups = groupby(enumerate(text), key=lambda item: item[1].isspace())
    result = []
    for space, group in groups:
        word = list(group)
        result += [] if space else with_positions(encode([c for _, c in word]), word[0][0])
    return result


@right
def bpe_encode__dictionaries(text, merges):
    result, position = [], 0
    for word in text.split():
        position = text.index(word, position)
        pieces = [{"piece": c, "start": position + i} for i, c in enumerate(word)]
        for _ in range(len(word)):
            pairs = [[a["piece"], b["piece"]] for a, b in pairwise(pieces)]
            best = next((pair for pair in merges if pair in pairs), None)
            i = 0
            while best and i + 1 < len(pieces):
                if [pieces[i]["piece"], pieces[i + 1]["piece"]] == best:
                    pieces[i]["piece"] += pieces.pop(i + 1)["piece"]
                i += 1
        result += [[p["piece"], p["start"], p["start"] + len(p["piece"])] for p in pieces]
        position += len(word)
    return result


@wrong("BPETokenizer: piezas sin posiciones")
def bpe_encode__package(text, merges):
    return BPETokenizer(sorted(set(text)), [tuple(pair) for pair in merges]).tokenize(text)


@wrong("BPETokenizer y find: los espacios van con las piezas")
def bpe_encode__package_and_find(text, merges):
    tokenizer = BPETokenizer(sorted(set(text)), [tuple(pair) for pair in merges])
    return [[p, text.find(p), text.find(p) + len(p)] for p in tokenizer.tokenize(text)]


@wrong("busca cada pieza con find desde el principio")
def bpe_encode__find(text, merges):
    pieces = [piece for piece, _, _ in bpe_encode__package_and_positions(text, merges)]
    return [[p, text.find(p), text.find(p) + len(p)] for p in pieces]


@wrong("posiciones sin contar los espacios")
def bpe_encode__no_spaces(text, merges):
    pieces = [piece for piece, _, _ in bpe_encode__package_and_positions(text, merges)]
    return with_positions(pieces, 0)


@wrong("supone un solo espacio entre palabras")
def bpe_encode__single_spaces(text, merges):
    result, start = [], 0
    for word in text.split():
        result += [[p, s + start, e + start] for p, s, e in bpe_encode__by_cuts(word, merges)]
        start += len(word) + 1
    return result


@wrong("end señala el último carácter")
def bpe_encode__inclusive_end(text, merges):
    return [[p, s, e - 1] for p, s, e in bpe_encode__package_and_positions(text, merges)]


@wrong("posiciones en bytes")
def bpe_encode__bytes(text, merges):
    found = bpe_encode__package_and_positions(text, merges)
    return [[p, len(text[:s].encode()), len(text[:e].encode())] for p, s, e in found]


@wrong("una sola pasada por las reglas")
def bpe_encode__one_pass(text, merges):
    result = []
    for word in re.finditer(r"\S+", text):
        pieces = list(word.group())
        for left, right_ in merges:
            i = 0
            while i + 1 < len(pieces):
                if pieces[i : i + 2] == [left, right_]:
                    pieces[i : i + 2] = [left + right_]
                i += 1
        result += with_positions(pieces, word.start())
    return result


@wrong("la pieza más larga desde la izquierda")
def bpe_encode__greedy(text, merges):
    known = {left + right_ for left, right_ in merges}
    result = []
    for word in re.finditer(r"\S+", text):
        i, end = word.span()
        while i < end:
            j = next((j for j in range(end, i + 1, -1) if text[i:j] in known), i + 1)
            result.append([text[i:j], i, j])
            i = j
    return result


@wrong("elige la primera pareja del texto que está en merges")
def bpe_encode__leftmost(text, merges):
    result = []
    for word in re.finditer(r"\S+", text):
        pieces, i = list(word.group()), 0
        while i + 1 < len(pieces):
            if pieces[i : i + 2] in merges:
                pieces[i : i + 2] = ["".join(pieces[i : i + 2])]
                i = 0
            else:
                i += 1
        result += with_positions(pieces, word.start())
    return result


@wrong("une solo la primera aparición antes de elegir otra vez")
def bpe_encode__first_occurrence(text, merges):
    result = []
    for word in re.finditer(r"\S+", text):
        pieces = list(word.group())
        while ranks := [merges.index(p) for p in map(list, pairwise(pieces)) if p in merges]:
            i = list(map(list, pairwise(pieces))).index(merges[min(ranks)])
            pieces[i : i + 2] = ["".join(pieces[i : i + 2])]
        result += with_positions(pieces, word.start())
    return result


@wrong("une de derecha a izquierda")
def bpe_encode__right_to_left(text, merges):
    mirrored = [[b[::-1], a[::-1]] for a, b in merges]
    n = len(text)
    found = bpe_encode__package_and_positions(text[::-1], mirrored)
    return [[p[::-1], n - e, n - s] for p, s, e in found[::-1]]


@wrong("aplica antes las últimas reglas")
def bpe_encode__reversed_rules(text, merges):
    return bpe_encode__package_and_positions(text, merges[::-1])


@wrong("las piezas cruzan los espacios")
def bpe_encode__crosses_words(text, merges):
    ranks = {tuple(pair): rank for rank, pair in enumerate(merges)}
    return with_positions(apply_merges("".join(text.split()), ranks), 0)


@wrong("los espacios son piezas")
def bpe_encode__space_pieces(text, merges):
    ranks = {tuple(pair): rank for rank, pair in enumerate(merges)}
    return with_positions(apply_merges(text, ranks), 0)


@wrong("pasa a minúsculas")
def bpe_encode__lowers(text, merges):
    return bpe_encode__package_and_positions(text.lower(), merges)


@wrong("separa los signos de las palabras")
def bpe_encode__splits_signs(text, merges):
    ranks = {tuple(pair): rank for rank, pair in enumerate(merges)}
    words = re.finditer(r"\w+|[^\w\s]+", text)
    return flat(with_positions(apply_merges(w.group(), ranks), w.start()) for w in words)


@wrong("gasta las reglas que aplica")
def bpe_encode__mutates(text, merges):
    found = bpe_encode__package_and_positions(text, merges)
    merges.clear()
    return found


@wrong("olvida los caracteres sueltos")
def bpe_encode__only_merged(text, merges):
    return [item for item in bpe_encode__package_and_positions(text, merges) if len(item[0]) > 1]


@right
def bpe_encode__numpy_positions(text, merges):
    found = bpe_encode__package_and_positions(text, merges)
    return [(np.str_(piece), np.int64(start), np.int32(end)) for piece, start, end in found]


@wrong("sustituye en un texto con separadores, que se pisan")
def bpe_encode__replaces(text, merges):
    result = []
    for word in re.finditer(r"\S+", text):
        pieces, before = f" {' '.join(word.group())} ", None
        while pieces != before:
            before = pieces
            present = (pair for pair in merges if f" {' '.join(pair)} " in pieces)
            for pair in list(present)[:1]:
                pieces = pieces.replace(f" {' '.join(pair)} ", f" {''.join(pair)} ")
        result += with_positions(pieces.split(), word.start())
    return result


@wrong("busca la unión por su texto: confunde a+bc con ab+c")
def bpe_encode__joined_key(text, merges):
    joined = [left + right_ for left, right_ in merges]
    result = []
    for word in re.finditer(r"\S+", text):
        pieces = list(word.group())
        while ranks := [joined.index(a + b) for a, b in pairwise(pieces) if a + b in joined]:
            i = 0
            while i + 1 < len(pieces):
                if pieces[i] + pieces[i + 1] == joined[min(ranks)]:
                    pieces[i : i + 2] = [pieces[i] + pieces[i + 1]]
                i += 1
        result += with_positions(pieces, word.start())
    return result


@wrong("repite pasadas enteras por la lista de reglas")
def bpe_encode__sweeps(text, merges):
    rounds = merges * len(text)
    return bpe_encode__one_pass(text, rounds)


@wrong("busca cada palabra desde el principio del texto")
def bpe_encode__index_word(text, merges):
    ranks = {tuple(pair): rank for rank, pair in enumerate(merges)}
    return flat(with_positions(apply_merges(w, ranks), text.index(w)) for w in text.split())


@wrong("recuerda las palabras de otras llamadas, hechas con otras reglas")
def bpe_encode__stale_cache(text, merges, cache={}):  # noqa: B006 (es el error)
    ranks = {tuple(pair): rank for rank, pair in enumerate(merges)}
    words = list(re.finditer(r"\S+", text))
    for word in words:
        cache.setdefault(word.group(), apply_merges(word.group(), ranks))
    return flat(with_positions(cache[w.group()], w.start()) for w in words)


# --- 1.3 masked_mean -------------------------------------------------------------------------


@right
def masked_mean__loops(E, ids, mask):
    B, d = len(ids), E.shape[1]
    h = np.zeros((B, d))
    for b in range(B):
        rows = [E[i] for i, keep in zip(ids[b], mask[b], strict=True) if keep]
        if rows:
            h[b] = sum(rows) / len(rows)
    return h


@right
def masked_mean__one_hot(E, ids, mask):
    bags = (one_hot(ids, len(E)) * mask[..., None]).sum(axis=1)
    return bags @ E / np.maximum(mask.sum(axis=1), 1)[:, None]


@right
def masked_mean__float32(E, ids, mask):
    total = (E[ids].astype(np.float32) * mask[..., None]).sum(axis=1)
    return total / np.maximum(mask.sum(axis=1, dtype=np.float32), 1)[:, None]


@right
def masked_mean__lists(E, ids, mask):
    table, means = E.tolist(), []
    for x, keep in zip(ids.tolist(), mask.tolist(), strict=True):
        rows = [table[i] for i, m in zip(x, keep, strict=True) if m] or [[0.0] * E.shape[1]]
        means.append([sum(column) / len(rows) for column in zip(*rows, strict=True)])
    return means


@wrong("media de todas las posiciones")
def masked_mean__no_mask(E, ids, mask):
    return E[ids].mean(axis=1)


@wrong("divide entre T")
def masked_mean__divides_by_length(E, ids, mask):
    return (E[ids] * mask[..., None]).mean(axis=1)


@wrong("suma en lugar de media")
def masked_mean__sum(E, ids, mask):
    return (E[ids] * mask[..., None]).sum(axis=1)


@wrong("toma el id 0 por relleno")
def masked_mean__zero_is_padding(E, ids, mask):
    return masked_mean__loops(E, ids, (ids != 0) & mask)


@wrong("usa ids distintos de 0 en lugar de la máscara")
def masked_mean__mask_from_ids(E, ids, mask):
    return masked_mean__loops(E, ids, ids != 0)


@wrong("NaN en una reseña vacía")
def masked_mean__nan(E, ids, mask):
    with np.errstate(invalid="ignore"):
        return (E[ids] * mask[..., None]).sum(axis=1) / mask.sum(axis=1)[:, None]


@wrong("suma 1 al divisor")
def masked_mean__plus_one(E, ids, mask):
    return (E[ids] * mask[..., None]).sum(axis=1) / (mask.sum(axis=1) + 1)[:, None]


@wrong("máscara al revés")
def masked_mean__inverted(E, ids, mask):
    return masked_mean__loops(E, ids, ~mask)


@wrong("una sola media para todo el lote")
def masked_mean__whole_batch(E, ids, mask):
    return np.tile(E[ids[mask]].mean(axis=0), (len(ids), 1))


@wrong("cada token cuenta una vez")
def masked_mean__unique(E, ids, mask):
    rows = [
        E[np.unique(x[m])].mean(axis=0) if m.any() else 0 * E[0]
        for x, m in zip(ids, mask, strict=True)
    ]
    return np.array(rows)


@right
def masked_mean__masked_array(E, ids, mask):
    hidden = np.broadcast_to(~mask[..., None], E[ids].shape)
    return np.ma.masked_array(E[ids], hidden).mean(axis=1).filled(0)


@right
def masked_mean__nan_to_num(E, ids, mask):
    with np.errstate(invalid="ignore"):
        return np.nan_to_num((E[ids] * mask[..., None]).sum(axis=1) / mask.sum(axis=1)[:, None])


@wrong("toma las primeras n_b posiciones, no las de la máscara")
def masked_mean__prefix(E, ids, mask):
    prefix = np.arange(ids.shape[1]) < mask.sum(axis=1, keepdims=True)
    return masked_mean__loops(E, ids, prefix)


@wrong("la mediana")
def masked_mean__median(E, ids, mask):
    rows = [E[x[m]] if m.any() else 0 * E[:1] for x, m in zip(ids, mask, strict=True)]
    return np.array([np.median(row, axis=0) for row in rows])


@wrong("squeeze: pierde el eje cuando B = 1 o d = 1")
def masked_mean__squeezes(E, ids, mask):
    return masked_mean__loops(E, ids, mask).squeeze()


# --- 1.3 masked_mean_gradient ----------------------------------------------------------------


def weights_of(mask):
    return mask / np.maximum(mask.sum(axis=1, keepdims=True), 1)


@right
def masked_mean_gradient__loops(ids, mask, upstream, V):
    gradient = np.zeros((V, upstream.shape[1]))
    for b in range(len(ids)):
        for t in range(ids.shape[1]):
            if mask[b, t]:
                gradient[ids[b, t]] += upstream[b] / mask[b].sum()
    return gradient


@right
def masked_mean_gradient__one_hot(ids, mask, upstream, V):
    return np.einsum("bt,btv,bd->vd", weights_of(mask), one_hot(ids, V), upstream)


@right
def masked_mean_gradient__bincount(ids, mask, upstream, V):
    shares = weights_of(mask)[..., None] * upstream[:, None, :]
    flat = ids.astype(int).ravel()
    columns = [np.bincount(flat, shares[..., j].ravel(), V) for j in range(upstream.shape[1])]
    return np.stack(columns, axis=1)


@right
def masked_mean_gradient__dictionary(ids, mask, upstream, V):
    rows = defaultdict(lambda: np.zeros(upstream.shape[1]))
    for x, m, g in zip(ids, mask, upstream, strict=True):
        for i in x[m]:
            rows[int(i)] += g / m.sum()
    return [rows[v].tolist() for v in range(V)]


@right
def masked_mean_gradient__matrix(ids, mask, upstream, V):
    bags = np.zeros((len(ids), V))
    np.add.at(bags, (np.arange(len(ids))[:, None], ids), mask)
    return bags.T @ (upstream / np.maximum(mask.sum(axis=1), 1)[:, None])


@right
def masked_mean_gradient__float32(ids, mask, upstream, V):
    return masked_mean_gradient__loops(ids, mask, upstream.astype(np.float32), V)


@wrong("los ids repetidos se pisan")
def masked_mean_gradient__no_accumulation(ids, mask, upstream, V):
    gradient = np.zeros((V, upstream.shape[1]))
    gradient[ids] += weights_of(mask)[..., None] * upstream[:, None, :]
    return gradient


@wrong("no divide")
def masked_mean_gradient__no_division(ids, mask, upstream, V):
    return np.einsum("bt,btv,bd->vd", mask, one_hot(ids, V), upstream)


@wrong("divide entre T")
def masked_mean_gradient__divides_by_length(ids, mask, upstream, V):
    return np.einsum("bt,btv,bd->vd", mask / mask.shape[1], one_hot(ids, V), upstream)


@wrong("sin máscara: el gradiente de la búsqueda del capítulo")
def masked_mean_gradient__lookup(ids, mask, upstream, V):
    spread = np.repeat(upstream[:, None, :], ids.shape[1], axis=1) / ids.shape[1]
    return np.einsum("btv,btd->vd", one_hot(ids, V), spread)


@wrong("toma el id 0 por relleno")
def masked_mean_gradient__zero_is_padding(ids, mask, upstream, V):
    return masked_mean_gradient__loops(ids, mask & (ids != 0), upstream, V)


@wrong("divide entre todas las posiciones del lote")
def masked_mean_gradient__divides_by_batch(ids, mask, upstream, V):
    weights = mask / max(mask.sum(), 1)
    return np.einsum("bt,btv,bd->vd", weights, one_hot(ids, V), upstream)


@wrong("promedia las apariciones de cada token")
def masked_mean_gradient__averages(ids, mask, upstream, V):
    times = np.bincount(ids[mask].astype(int), minlength=V)
    return masked_mean_gradient__loops(ids, mask, upstream, V) / np.maximum(times, 1)[:, None]


@wrong("NaN con una reseña vacía")
def masked_mean_gradient__nan(ids, mask, upstream, V):
    with np.errstate(invalid="ignore"):
        weights = mask / mask.sum(axis=1, keepdims=True)
    return np.einsum("bt,btv,bd->vd", weights, one_hot(ids, V), upstream)


@wrong("filas que no salen, casi 0")
def masked_mean_gradient__epsilon(ids, mask, upstream, V):
    return masked_mean_gradient__loops(ids, mask, upstream, V) + 1e-9


@wrong("un gradiente por posición, (B, T, d)")
def masked_mean_gradient__per_position(ids, mask, upstream, V):
    return weights_of(mask)[..., None] * upstream[:, None, :]


@wrong("divide además entre el tamaño del lote")
def masked_mean_gradient__batch_mean(ids, mask, upstream, V):
    return masked_mean_gradient__loops(ids, mask, upstream, V) / len(ids)


@wrong("opera con los ids en su tipo, que se desborda")
def masked_mean_gradient__overflow(ids, mask, upstream, V):
    d = upstream.shape[1]
    columns = (ids[..., None] * d).astype(ids.dtype) + np.arange(d, dtype=ids.dtype)
    shares = weights_of(mask)[..., None] * upstream[:, None, :]
    flat = np.bincount(columns.ravel().astype(int), shares.ravel(), V * d)
    return flat.reshape(V, d)


@wrong("traspuesto")
def masked_mean_gradient__transposed(ids, mask, upstream, V):
    return masked_mean_gradient__loops(ids, mask, upstream, V).T


@wrong("modifica los ids")
def masked_mean_gradient__mutates(ids, mask, upstream, V):
    ids[~mask] = 0
    return masked_mean_gradient__loops(ids, mask, upstream, V)


@wrong("fija V con el mayor id")
def masked_mean_gradient__guesses_size(ids, mask, upstream, V):
    return masked_mean_gradient__loops(ids, mask, upstream, int(ids.max()) + 1)


@right
def masked_mean_gradient__nonzero(ids, mask, upstream, V):
    gradient = np.zeros((V, upstream.shape[1]))
    b, t = np.nonzero(mask)
    np.add.at(gradient, ids[b, t], upstream[b] / mask.sum(axis=1)[b, None])
    return gradient


@wrong("reparte entre las primeras n_b posiciones")
def masked_mean_gradient__prefix(ids, mask, upstream, V):
    prefix = np.arange(ids.shape[1]) < mask.sum(axis=1, keepdims=True)
    return masked_mean_gradient__loops(ids, prefix, upstream, V)


@wrong("cada token cuenta una vez por reseña")
def masked_mean_gradient__once_per_review(ids, mask, upstream, V):
    gradient = np.zeros((V, upstream.shape[1]))
    for x, m, g in zip(ids, mask, upstream, strict=True):
        gradient[np.unique(x[m])] += g / max(m.sum(), 1)
    return gradient


@wrong("una reseña pisa lo que dejó la anterior")
def masked_mean_gradient__overwrites_reviews(ids, mask, upstream, V):
    gradient = np.zeros((V, upstream.shape[1]))
    for x, m, g in zip(ids, mask, upstream, strict=True):
        for v in x[m]:
            gradient[v] = g * (x[m] == v).mean()
    return gradient


@wrong("acumula en una tabla de enteros")
def masked_mean_gradient__integers(ids, mask, upstream, V):
    return masked_mean_gradient__loops(ids, mask, upstream, V).astype(int)


@wrong("la tabla no se pone a cero entre llamadas")
def masked_mean_gradient__keeps_table(ids, mask, upstream, V, tables={}):  # noqa: B006 (es el error)
    table = tables.setdefault((V, upstream.shape[1]), np.zeros((V, upstream.shape[1])))
    table += masked_mean_gradient__loops(ids, mask, upstream, V)
    return table


# --- 1.4 shifted_ppmi ------------------------------------------------------------------------


@right
def shifted_ppmi__loops(counts, alpha, k):
    V, C = counts.shape
    total = float(counts.sum())
    smooth = [float(counts[:, c].sum()) ** alpha for c in range(C)]
    table = np.zeros((V, C))
    for w in range(V):
        for c in range(C):
            if counts[w, c]:
                independent = counts[w].sum() / total * smooth[c] / sum(smooth)
                table[w, c] = max(np.log(counts[w, c] / total / independent) - np.log(k), 0)
    return table


@right
def shifted_ppmi__logarithms(counts, alpha, k):
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.log(counts.astype(float))
        row = np.log(counts.sum(axis=1, keepdims=True))
        column = alpha * np.log(counts.sum(axis=0))
        pmi = log - row - column + np.log(np.exp(column).sum()) - np.log(k)
    return np.where(counts > 0, np.maximum(pmi, 0), 0)


@right
def shifted_ppmi__float32(counts, alpha, k):
    counts = counts.astype(np.float32)
    smooth = counts.sum(axis=0) ** alpha
    expected = np.outer(counts.sum(axis=1), smooth / smooth.sum()) * k
    return np.log(np.maximum(counts / np.where(expected > 0, expected, 1), 1))


@right
def shifted_ppmi__dictionary(counts, alpha, k):
    pairs = {(w, c): float(n) for (w, c), n in np.ndenumerate(counts) if n}
    words, contexts = Counter(), Counter()
    for (w, c), n in pairs.items():
        words[w] += n
        contexts[c] += n
    norm = sum(n**alpha for n in contexts.values())
    table = [[0.0] * counts.shape[1] for _ in counts]
    for (w, c), n in pairs.items():
        ratio = n * norm / (words[w] * contexts[c] ** alpha) / k
        table[w][c] = max(float(np.log(ratio)), 0.0)
    return table


@wrong("la PPMI del capítulo, sin suavizar ni desplazar")
def shifted_ppmi__package(counts, alpha, k):
    return ppmi(counts)


@wrong("sin suavizar")
def shifted_ppmi__no_smoothing(counts, alpha, k):
    return np.maximum(ppmi(counts.astype(float)) - np.log(k), 0)


@wrong("sin desplazar")
def shifted_ppmi__no_shift(counts, alpha, k):
    return shifted_ppmi__loops(counts, alpha, 1)


@wrong("suaviza las palabras en lugar de los contextos")
def shifted_ppmi__smooths_words(counts, alpha, k):
    return shifted_ppmi__loops(counts.T, alpha, k).T


@wrong("suaviza palabras y contextos")
def shifted_ppmi__smooths_both(counts, alpha, k):
    counts = counts.astype(float)
    rows, columns = counts.sum(axis=1) ** alpha, counts.sum(axis=0) ** alpha
    expected = np.outer(rows / rows.sum(), columns / columns.sum()) * counts.sum() * k
    return np.log(np.maximum(counts / np.where(expected > 0, expected, 1), 1))


@wrong("eleva todos los recuentos")
def shifted_ppmi__smooths_counts(counts, alpha, k):
    return shifted_ppmi__no_smoothing(counts.astype(float) ** alpha, 1, k)


@wrong("no normaliza los contextos suavizados")
def shifted_ppmi__not_normalised(counts, alpha, k):
    counts = counts.astype(float)
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    expected = np.outer(rows, (columns / columns.sum()) ** alpha) * k
    return np.log(np.maximum(counts / np.where(expected > 0, expected, 1), 1))


@wrong("resta log k después de recortar")
def shifted_ppmi__shift_after_clip(counts, alpha, k):
    return shifted_ppmi__loops(counts, alpha, 1) - np.log(k)


@wrong("suma log k")
def shifted_ppmi__adds_shift(counts, alpha, k):
    return shifted_ppmi__loops(counts, alpha, 1 / k)


@wrong("resta k en lugar de log k")
def shifted_ppmi__shift_without_log(counts, alpha, k):
    return np.maximum(shifted_ppmi__loops(counts, alpha, 1) - (k - 1), 0)


@wrong("logaritmo en base 2")
def shifted_ppmi__log2(counts, alpha, k):
    return shifted_ppmi__loops(counts, alpha, k) / np.log(2)


@wrong("infinitos y NaN donde el recuento es 0")
def shifted_ppmi__nan(counts, alpha, k):
    smooth = counts.sum(axis=0).astype(float) ** alpha
    expected = np.outer(counts.sum(axis=1), smooth / smooth.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.maximum(np.log(counts / expected) - np.log(k), 0)


@wrong("sin recortar en 0")
def shifted_ppmi__no_clip(counts, alpha, k):
    smooth = counts.sum(axis=0).astype(float) ** alpha
    expected = np.outer(counts.sum(axis=1), smooth / smooth.sum()) * k
    ratio = np.where(counts > 0, counts / np.where(expected > 0, expected, 1), 1)
    return np.log(ratio)


@wrong("multiplica enteros, que se desbordan")
def shifted_ppmi__overflow(counts, alpha, k):
    smooth = counts.sum(axis=0, dtype=counts.dtype).astype(float) ** alpha
    scaled = counts * counts.sum(dtype=counts.dtype)
    rows = counts.sum(axis=1, dtype=counts.dtype)[:, None] * counts.sum(dtype=counts.dtype)
    expected = rows * smooth / smooth.sum() * k
    ratio = np.abs(scaled) / np.where(expected == 0, 1, np.abs(expected))
    return np.log(np.maximum(ratio, 1))


@wrong("supone una tabla cuadrada y simétrica")
def shifted_ppmi__square(counts, alpha, k):
    sums = counts.sum(axis=1).astype(float)
    smooth = sums**alpha
    expected = np.outer(sums, smooth / smooth.sum()) * k
    return np.log(np.maximum(counts / np.where(expected > 0, expected, 1), 1))


@right
def shifted_ppmi__nan_and_warnings(counts, alpha, k):
    context = counts.sum(axis=0) ** alpha
    with np.errstate(divide="ignore", invalid="ignore"):
        table = np.log(counts / counts.sum(axis=1, keepdims=True) / (context / context.sum()))
    table -= np.log(k)
    table[~(table > 0)] = 0
    return table


@wrong("un alpha fijo fuera del ejemplo")
def shifted_ppmi__fixed_alpha(counts, alpha, k):
    return shifted_ppmi__loops(counts, alpha if alpha in (0.5, 1) else 0.75, k)


@wrong("redondea k a un entero fuera del ejemplo")
def shifted_ppmi__integer_shift(counts, alpha, k):
    return shifted_ppmi__loops(counts, alpha, k if k == 1.25 else round(k))


@wrong("redondea a tres decimales")
def shifted_ppmi__rounds(counts, alpha, k):
    return np.round(shifted_ppmi__loops(counts, alpha, k), 3)


@wrong("evita log 0 con una constante que se nota")
def shifted_ppmi__epsilon(counts, alpha, k):
    return shifted_ppmi__loops(counts + 0.01, alpha, k) * (counts > 0)


# --- 1.5 mutual_neighbours -------------------------------------------------------------------


def distances(E):
    """Tablas de distancia coseno y euclídea."""
    norms = [np.sqrt(a @ a) or 1 for a in E]
    cosine = [[1 - a @ b / (p * q) for b, q in zip(E, norms)] for a, p in zip(E, norms)]  # noqa: B905
    return [cosine, [[np.sqrt(((a - b) ** 2).sum()) for b in E] for a in E]]


def nearest(D, i, k):
    return sorted((j for j in range(len(D)) if j != i), key=lambda j: (D[i][j], j))[:k]


def pairs_where(E, k, condition, tables=(0, 1)):
    chosen = [D for n, D in enumerate(distances(E)) if n in tables]
    V = range(len(E))
    return [[i, j] for i in V for j in V if i < j and all(condition(D, i, j, k) for D in chosen)]


def both_ways(D, i, j, k):
    return j in nearest(D, i, k) and i in nearest(D, j, k)


@right
def mutual_neighbours__loops(E, k):
    return pairs_where(E, k, both_ways)


@right
def mutual_neighbours__sets(E, k):
    def mutual(D):
        near = {(i, j) for i in range(len(E)) for j in nearest(D, i, k)}
        return {(i, j) for i, j in near if (j, i) in near and i < j}

    cosine, euclid = distances(E)
    return sorted(mutual(cosine) & mutual(euclid))


@right
def mutual_neighbours__array(E, k):
    return np.array(mutual_neighbours__loops(E, k)).tolist()


@right
def mutual_neighbours__counts(E, k):
    V = len(E)
    votes = np.zeros((V, V), dtype=int)
    for D in distances(E):
        for i in range(V):
            votes[i, nearest(D, i, k)] += 1
    return [[i, j] for i, j in np.ndindex(V, V) if i < j and votes[i, j] + votes[j, i] == 4]


@wrong("solo coseno")
def mutual_neighbours__cosine(E, k):
    return pairs_where(E, k, both_ways, tables=[0])


@wrong("solo euclídea")
def mutual_neighbours__euclid(E, k):
    return pairs_where(E, k, both_ways, tables=[1])


@wrong("basta una dirección")
def mutual_neighbours__one_way(E, k):
    return pairs_where(E, k, lambda D, i, j, k: j in nearest(D, i, k))


@wrong("cada pareja, dos veces")
def mutual_neighbours__twice(E, k):
    found = mutual_neighbours__loops(E, k)
    return sorted(found + [[j, i] for i, j in found])


@wrong("cada palabra es vecina de sí misma")
def mutual_neighbours__self(E, k):
    return mutual_neighbours__loops(E, k - 1) if k > 1 else []


@wrong("en los empates, el mayor id")
def mutual_neighbours__last_ties(E, k):
    V = len(E)
    return sorted([V - 1 - j, V - 1 - i] for i, j in mutual_neighbours__loops(E[::-1], k))


@wrong("los menos parecidos")
def mutual_neighbours__farthest(E, k):
    def far(D, i, j, k):
        return both_ways([[-x for x in row] for row in D], i, j, k)

    return pairs_where(E, k, far)


# --- 1.6 analogy_mul -------------------------------------------------------------------------


def cosines(E, a, b, c):
    return [cosine_similarity(E, E[x]) for x in (a, b, c)]


def best(score, used, k):
    return [int(x) for x in np.argsort(-score, kind="stable") if x not in used][:k]


@right
def analogy_mul__cosines(E, a, b, c, k):
    A, B, C = [(cos + 1) / 2 for cos in cosines(E, a, b, c)]
    return best(B * C / (A + 0.001), (a, b, c), k)


@right
def analogy_mul__logarithms(E, a, b, c, k):
    A, B, C = [(cos + 1) / 2 for cos in cosines(E, a, b, c)]
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.log(B) + np.log(C) - np.log(A + 0.001)
    return np.array(best(score, (a, b, c), k))


@right
def analogy_mul__loops(E, a, b, c, k):
    def s(x, y):
        return (E[x] @ E[y] / np.sqrt(E[x] @ E[x] * (E[y] @ E[y])) + 1) / 2

    score = {x: s(x, b) * s(x, c) / (s(x, a) + 0.001) for x in range(len(E))}
    return sorted(set(score) - {a, b, c}, key=lambda x: (-score[x], x))[:k]


@right
def analogy_mul__argmax(E, a, b, c, k):
    A, B, C = [(cos + 1) / 2 for cos in cosines(E, a, b, c)]
    score = B * C / (A + 0.001)
    score[[a, b, c]] = -1
    found = []
    for _ in range(k):
        found.append(int(score.argmax()))
        score[found[-1]] = -1
    return found


@wrong("la analogía del capítulo, 3CosAdd")
def analogy_mul__package(E, a, b, c, k):
    return analogy(E, a, b, c, k)


@wrong("cosenos sin llevar a [0, 1]")
def analogy_mul__raw_cosines(E, a, b, c, k):
    A, B, C = cosines(E, a, b, c)
    return best(B * C / (A + 0.001), (a, b, c), k)


@wrong("a y b cambiados")
def analogy_mul__swapped(E, a, b, c, k):
    return analogy_mul__cosines(E, b, a, c, k)


@wrong("no aparta a, b y c")
def analogy_mul__keeps_inputs(E, a, b, c, k):
    A, B, C = [(cos + 1) / 2 for cos in cosines(E, a, b, c)]
    return best(B * C / (A + 0.001), (), k)


@wrong("productos escalares sin normalizar")
def analogy_mul__not_normalised(E, a, b, c, k):
    A, B, C = [(E @ E[x] + 1) / 2 for x in (a, b, c)]
    return best(B * C / (A + 0.001), (a, b, c), k)


@wrong("de menor a mayor")
def analogy_mul__ascending(E, a, b, c, k):
    return analogy_mul__cosines(E, a, b, c, len(E))[::-1][:k]


@wrong("no divide entre el coseno de a")
def analogy_mul__no_denominator(E, a, b, c, k):
    _, B, C = [(cos + 1) / 2 for cos in cosines(E, a, b, c)]
    return best(B * C, (a, b, c), k)
