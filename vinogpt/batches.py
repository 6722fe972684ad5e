"""Lotes para entrenar: textos de longitud parecida, siempre los mismos en el mismo paso.

Un lote es una matriz (B, T) de ids, con ceros tras cada texto: el primero es el fin y el resto,
relleno. T toma pocos valores distintos, porque XLA compila de nuevo para cada uno.
"""

from functools import lru_cache

import numpy as np

from vinogpt.ngrams import real_tokens
from vinogpt.tokenizer import pad

POOL = 2_048  # reseñas nuevas que se escriben y reparten a la vez


class Batches:
    """``batches(i)`` es el lote i, (B, T): depende solo de (seed, i).

    texts_of(epoch): los ``count`` textos de una época, cada uno una lista de ids sin el fin. T es
    una de ``recipe.widths`` o ``context``; de un texto más largo queda el comienzo.
    """

    def __init__(self, texts_of, count, recipe, context, seed):
        self.texts_of, self.seed = texts_of, seed
        self.widths = sorted({context, *(width for width in recipe.widths if width < context)})
        self.size = min(recipe.batch_size, count)
        self.per_epoch = count // self.size  # los textos que sobran son otros en cada época
        self._epoch = lru_cache(maxsize=2)(self._plan)

    def __call__(self, i):
        epoch, place = divmod(i, self.per_epoch)
        texts = self._epoch(epoch)[place]
        longest = max(map(len, texts)) + 1
        return pad_texts(texts, next((w for w in self.widths if w >= longest), self.widths[-1]))

    def _plan(self, epoch):
        """Los textos de una época, repartidos en lotes: en cada uno, de la misma anchura."""
        texts, rng = self.texts_of(epoch), np.random.default_rng([self.seed, epoch])
        chosen = rng.permutation(len(texts))[: self.per_epoch * self.size]
        widths = np.searchsorted(self.widths, [len(texts[i]) + 1 for i in chosen])
        ordered = chosen[np.argsort(widths, kind="stable")].reshape(self.per_epoch, self.size)
        return [[texts[i] for i in row] for row in rng.permutation(ordered)]


def corpus_batches(texts, recipe, context, seed):
    """Lotes de unos textos dados, en otro orden cada época."""
    return Batches(lambda epoch: texts, len(texts), recipe, context, seed)


def fresh_batches(grammar, vocabulary, recipe, context, seed):
    """Lotes de reseñas siempre nuevas. vocabulary: la palabra de cada id."""
    ids = {word: i for i, word in enumerate(vocabulary)}

    def texts_of(epoch):
        reviews = grammar.sample(POOL, (seed << 32) + epoch)  # otra semilla nunca las repite
        return [[ids[word] for word in review] for review in reviews]

    return Batches(texts_of, POOL, recipe, context, seed)


def pad_texts(texts, width):
    """Textos, listas de ids -> (B, width): se recortan o se completan con ceros."""
    return np.array([pad(text, width) for text in texts], "int32")


def grammar_floor(grammar, vocabulary):
    """Una función de un lote (B, T): la menor pérdida posible, -log p* por token real."""

    def floor(ids):
        words = [[vocabulary[i] for i in row] for row in ids.tolist()]
        logs = [grammar.log_probs(row)[: len(row)] for row in words]  # tras el fin valen 0
        return -sum(map(sum, logs)) / int(real_tokens(ids).sum())

    return floor
