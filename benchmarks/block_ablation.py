"""Qué pieza del bloque hace falta: la brecha a H* al quitar cada una, con uno y con seis bloques.

    python benchmarks/block_ablation.py [--full]

Entrena con las frases del elefante, siempre nuevas, el modelo del capítulo 04 (anchura 32, dos
cabezas, posiciones aprendidas) sin una de las piezas, y mide la brecha exacta en frases que no
ha visto. La receta es la misma para todos. Con ``--full``, tres semillas (unos cinco minutos con
dos núcleos) que quedan en ``benchmarks/results/block_ablation.json``.
"""

from dataclasses import replace
from functools import partial

import keras
from side_by_side import FULL, publish, short, take_turns

from vinogpt import grammar
from vinogpt.batches import fresh_batches, pad_texts
from vinogpt.evaluation import Truth, exact_gap, measure
from vinogpt.model import GPT, Block, Config
from vinogpt.tokenizer import PAD
from vinogpt.training import Budget, Recipe, Trainer

REMOVED = ["nothing", "residual", "norm", "feed_forward", "positions"]
DEPTHS = [1, 6]
MODEL = Config(0, 16, 0, heads=2, d=32, key_dim=16, ff=128, rotary=False)
RECIPE = Recipe(64, widths=(), learning_rate=5e-3)
STEPS = 400 if FULL else 40
TEST_SENTENCES, TEST_SEED = 500, -7
SEEDS = 3


class PartialBlock(Block):
    """El bloque, con la normalización antes de leer, sin la pieza ``removed``."""

    def __init__(self, config, name, removed):
        super().__init__(config, name)
        self.removed = removed
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


def build(config, removed):
    """El GPT de medidas ``config`` sin una pieza."""
    model = GPT(config)
    make = partial(PartialBlock, config, removed=removed)
    model.blocks = [make(f"block_{i}") for i in range(config.layers)]
    if removed == "positions":
        model.positions = lambda positions: 0.0
    model(pad_texts([[1]], 2))  # crea los pesos
    return model


def one_turn(seed):
    """La brecha sin cada pieza, en nats por token, con una semilla: por bloques y por pieza."""
    elephants = grammar.load("elephant")
    vocabulary = [PAD, *elephants.vocabulary]
    numbers = {word: i for i, word in enumerate(vocabulary)}
    sentences = elephants.sample(TEST_SENTENCES, TEST_SEED)
    ids = pad_texts([[numbers[word] for word in text] for text in sentences], MODEL.context)
    gaps = {}
    for depth in DEPTHS:
        config = replace(MODEL, vocab_size=len(vocabulary), layers=depth)
        gaps[str(depth)] = {}
        for removed in REMOVED:
            keras.utils.set_random_seed(seed)
            model = build(config, removed)
            batches = fresh_batches(elephants, vocabulary, RECIPE, config.context, seed)
            Trainer(model, batches, RECIPE, Budget(steps=STEPS)).run()
            gaps[str(depth)][removed] = exact_gap(
                measure(model, ids, Truth(elephants, vocabulary))
            ).mean
            print(seed, depth, removed, short(gaps[str(depth)][removed]), flush=True)
    return gaps


def main():
    turns = take_turns("block_ablation", one_turn, SEEDS)
    gaps = {
        str(depth): {
            removed: sorted(short(turn[str(depth)][removed]) for turn in turns)
            for removed in REMOVED
        }
        for depth in DEPTHS
    }
    setup = {"steps": STEPS, "batch_size": RECIPE.batch_size, "test_sentences": TEST_SENTENCES}
    publish("block_ablation", setup | {"gap_without": gaps})


if __name__ == "__main__":
    main()
