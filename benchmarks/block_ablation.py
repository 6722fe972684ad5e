"""Qué pieza del bloque hace falta: la brecha del GPT del curso al quitar cada una.

    python benchmarks/block_ablation.py [--full]

Entrena el preset ``course``, dos bloques, con reseñas siempre nuevas de la gramática, sin una de
las piezas, y mide la brecha exacta al límite en reseñas que no ha visto. Con ``--full``, cinco
semillas (una hora con dos núcleos) que quedan en ``benchmarks/results/block_ablation.json``.
"""

from functools import partial

import keras
from side_by_side import FULL, publish, short, take_turns

from vinogpt import grammar
from vinogpt.batches import fresh_batches, pad_texts
from vinogpt.evaluation import Truth, exact_gap, measure
from vinogpt.model import GPT, PRESETS, Block
from vinogpt.tokenizer import PAD, UNKNOWN
from vinogpt.training import RECIPES, Budget, Trainer

REMOVED = ["nothing", "residual", "norm", "feed_forward", "positions"]
STEPS, TEST_REVIEWS, TEST_SEED = (600, 300, -7) if FULL else (40, 40, -7)


class PartialBlock(Block):
    """El bloque, con la normalización antes de leer, sin la pieza ``removed``."""

    def __init__(self, config, name, removed):
        super().__init__(config, name)
        self.removed = removed
        self.attention.rotary = removed != "positions"
        if removed == "norm":
            self.norm_1 = self.norm_2 = keras.layers.Identity()

    def call(self, x, cache=None, position=0):
        """x: (B, T, d) -> salida (B, T, d), pesos de atención y caché."""
        update, weights, cache = self.attention(self.norm_1(x), cache=cache, position=position)
        x = self.add(x, update)
        if self.removed != "feed_forward":
            x = self.add(x, self.reduce(self.expand(self.norm_2(x))))
        return x, weights, cache

    def add(self, x, update):
        """Suma la novedad, o la deja sola si no hay residuo."""
        return update if self.removed == "residual" else x + update


def build(vocabulary, removed):
    """El GPT del curso sin una pieza."""
    model = GPT(PRESETS["course"])
    make = partial(PartialBlock, model.config, removed=removed)
    model.blocks = [make(f"block_{i}") for i in range(model.config.layers)]
    model(pad_texts([[1]], 2))  # crea los pesos
    assert model.config.vocab_size == len(vocabulary)
    return model


def one_turn(seed):
    """La brecha sin cada pieza, en nats por token, con una semilla."""
    wine = grammar.load()
    vocabulary = [PAD, UNKNOWN, *wine.vocabulary]
    context = PRESETS["course"].context
    numbers = {word: i for i, word in enumerate(vocabulary)}
    reviews = wine.sample(TEST_REVIEWS, TEST_SEED)
    ids = pad_texts([[numbers[word] for word in review] for review in reviews], context)
    gaps = {}
    for removed in REMOVED:
        keras.utils.set_random_seed(seed)
        model = build(vocabulary, removed)
        batches = fresh_batches(wine, vocabulary, RECIPES["course"], context, seed)
        Trainer(model, batches, RECIPES["course"], Budget(steps=STEPS)).run()
        gaps[removed] = exact_gap(measure(model, ids, Truth(wine, vocabulary))).mean
        print(seed, removed, short(gaps[removed]), flush=True)
    return gaps


def main():
    turns = take_turns("block_ablation", one_turn)
    gaps = {removed: sorted(short(turn[removed]) for turn in turns) for removed in REMOVED}
    setup = {"preset": "course", "steps": STEPS, "test_reviews": TEST_REVIEWS}
    publish("block_ablation", setup | {"gap_without": gaps})


if __name__ == "__main__":
    main()
