"""Comprimir reseñas: bits por token de gzip, de xz y de un codificador con cada modelo.

    python benchmarks/compression.py [--full]

Un codificador aritmético (Witten, Neal y Cleary, 1987, https://doi.org/10.1145/214762.214771)
gasta -log2 q bits por token, salvo el redondeo: el mejor modelo es el mejor compresor, y ninguno
baja de H* salvo por azar. Cada archivo se descomprime y se comprueba que es el mismo. Los modelos
son los que trae el paquete; su tamaño no se cuenta, como no se cuenta el del programa gzip. El
n-grama se entrena aquí, con reseñas aparte.
"""

import gzip
import lzma
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from side_by_side import FULL, publish

from vinogpt import evaluation, grammar, pretrained
from vinogpt.batches import pad_texts
from vinogpt.ngrams import NGram, real_tokens
from vinogpt.runs import vocabulary_of

REVIEWS, COUNTED = (400, 28_500) if FULL else (50, 5_000)
GROUP = 200  # textos que se codifican a la vez
WINDOW = 5  # la mejor según model_gap.py
TOTAL = 1 << 30  # suma de las frecuencias enteras de un paso
HALF, QUARTER = 1 << 47, 1 << 46  # el intervalo del codificador tiene 48 bits
GRAMMAR, VOCABULARY = grammar.load(), vocabulary_of("grammar", [])


def frequencies(log_q):
    """log q (…, V) -> sumas acumuladas enteras (…, V + 1), de 0 a ``TOTAL``, sin ceros."""
    V = log_q.shape[-1]
    parts = np.floor(np.exp(log_q.astype("float64")) * (TOTAL - 2 * V)).astype("int64") + 1
    parts[..., -1] += TOTAL - parts.sum(axis=-1)
    return np.concatenate([np.zeros_like(parts[..., :1]), np.cumsum(parts, axis=-1)], axis=-1)


class Encoder:
    """Escribe símbolos como bits: cada uno estrecha un intervalo en proporción a su frecuencia."""

    def __init__(self):
        self.low, self.high, self.waiting, self.bits = 0, 2 * HALF - 1, 0, []

    def write(self, start, end):
        """El símbolo que ocupa [start, end) de ``TOTAL``."""
        width = self.high - self.low + 1
        self.low, self.high = self.low + width * start // TOTAL, self.low + width * end // TOTAL - 1
        while (shift := shared(self.low, self.high)) is not None:
            if shift == QUARTER:
                self.waiting += 1
            else:
                self._bit(int(shift == HALF))
            self.low, self.high = 2 * (self.low - shift), 2 * (self.high - shift) + 1

    def finish(self):
        """Los bits, con los que faltan para que el final no sea ambiguo."""
        self.waiting += 1
        self._bit(int(self.low >= QUARTER))
        return self.bits

    def _bit(self, bit):
        self.bits += [bit] + [1 - bit] * self.waiting
        self.waiting = 0


class Decoder:
    """Recupera los símbolos que escribió ``Encoder`` con las mismas frecuencias."""

    def __init__(self, bits):
        self.low, self.high, self.rest = 0, 2 * HALF - 1, iter(bits)
        self.code = 0
        for _ in range(48):
            self.code = 2 * self.code + next(self.rest, 0)

    def read(self, marks):
        """El símbolo siguiente. marks: (V + 1,) sumas acumuladas."""
        width = self.high - self.low + 1
        at = ((self.code - self.low + 1) * TOTAL - 1) // width
        symbol = int(np.searchsorted(marks, at, side="right")) - 1
        start, end = int(marks[symbol]), int(marks[symbol + 1])
        self.low, self.high = self.low + width * start // TOTAL, self.low + width * end // TOTAL - 1
        while (shift := shared(self.low, self.high)) is not None:
            self.low, self.high = 2 * (self.low - shift), 2 * (self.high - shift) + 1
            self.code = 2 * (self.code - shift) + next(self.rest, 0)
        return symbol


def shared(low, high):
    """Cuánto se quita a los dos extremos antes de doblarlos; None si el intervalo es ancho."""
    if high < HALF:
        return 0
    if low >= HALF:
        return HALF
    return QUARTER if low >= QUARTER and high < 3 * QUARTER else None


def next_marks(model, ids, rows, t):
    """Sumas acumuladas del token t de los textos ``rows``, (rows, V + 1), según los anteriores.

    El modelo recibe lo mismo al comprimir y al descomprimir: hace las mismas cuentas, bit a bit.
    """
    known = np.pad(ids[rows, :t], ((0, 0), (0, 1)))
    return frequencies(np.asarray(model.log_probs(known))[:, t])


def compress(model, ids):
    """Los bits de un grupo de textos, (B, T), que se escriben por columnas."""
    coder, real = Encoder(), real_tokens(ids)
    for t in range(ids.shape[1]):
        if len(rows := np.flatnonzero(real[:, t])):
            for b, marks in zip(rows, next_marks(model, ids, rows, t), strict=True):
                coder.write(int(marks[ids[b, t]]), int(marks[ids[b, t] + 1]))
    return coder.finish()


def decompress(model, bits, shape):
    """Los ids (B, T) que escribió ``compress``."""
    coder, ids, going = Decoder(bits), np.zeros(shape, "int32"), np.ones(shape[0], bool)
    for t in range(shape[1]):
        if len(rows := np.flatnonzero(going)):
            ids[rows, t] = list(map(coder.read, next_marks(model, ids, rows, t)))
            going &= ids[:, t] != 0
    return ids


def with_model(model, ids):
    """Bits de todos los grupos; falla si lo descomprimido no es lo mismo."""
    total = 0
    for start in range(0, len(ids), GROUP):
        group = ids[start : start + GROUP]
        bits = compress(model, group)
        assert np.array_equal(decompress(model, bits, group.shape), group)
        total += len(bits)
    return total


def with_program(program, texts):
    """Bits de un compresor de archivos, con una reseña por línea."""
    data = "\n".join(texts).encode()
    compressed = program.compress(data)
    assert program.decompress(compressed) == data
    return 8 * len(compressed)


def models(training):
    """Cada modelo con que se codifica: el n-grama de mejor ventana y los del paquete."""
    V = len(VOCABULARY)
    yield "unigram", NGram(training, V, window=0)
    yield "ngram", NGram(training, V, window=WINDOW)
    for name in ("lstm", "gpt"):
        yield name, pretrained.load(name)[0]


def main():
    numbers = {word: i for i, word in enumerate(VOCABULARY)}
    texts, training = GRAMMAR.sample(REVIEWS, seed=-50), GRAMMAR.sample(COUNTED, seed=-51)
    ids, training = (
        pad_texts([[numbers[word] for word in text] for text in part], 128)
        for part in (texts, training)
    )
    tokens = int(real_tokens(ids).sum())
    lines = [" ".join(text) for text in texts]
    bits = {"gzip": with_program(gzip, lines), "xz": with_program(lzma, lines)}
    for name, model in models(training):
        bits[name] = with_model(model, ids)
        print(name, round(bits[name] / tokens, 4), flush=True)
    floor = -sum(map(GRAMMAR.log_prob, texts)) / tokens
    publish("compression", {
        "reviews": REVIEWS, "tokens": tokens, "characters": sum(map(len, lines)) + REVIEWS - 1,
        "bits_per_token": {name: round(total / tokens, 4) for name, total in bits.items()},
        "limit_on_these_reviews": round(float(evaluation.bits(floor)), 4),
    })  # fmt: skip


if __name__ == "__main__":
    main()
