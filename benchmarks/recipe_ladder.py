"""De la receta de origen a la del curso, un cambio cada vez: cuánto aporta cada uno.

    python benchmarks/recipe_ladder.py [--full] [--turns N]

Todos los peldaños tienen la anchura del curso, leen el mismo número de reseñas de la gramática y se
miden en las mismas reseñas nuevas, contando solo los tokens reales. Cada peldaño conserva los
cambios de los anteriores. Un turno es un entrenamiento: ``--turns 3`` hace los tres siguientes.

Son pocas reseñas y dos semillas, para que la escalera tarde minutos: dice qué receta aprende antes,
no cuál llega más lejos, y solo valen las diferencias grandes.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from dataclasses import replace

import keras
import numpy as np
from side_by_side import FULL, publish, short, take_turns

from vinogpt import evaluation, grammar
from vinogpt.batches import fresh_batches, pad_texts
from vinogpt.model import PRESETS, build
from vinogpt.runs import GRAMMAR_CONTEXT, vocabulary_of
from vinogpt.training import RECIPES, Budget, Trainer

GRAMMAR, VOCABULARY = grammar.load(), vocabulary_of("grammar", [])
TRUTH, IDS = evaluation.Truth(GRAMMAR, VOCABULARY), {w: i for i, w in enumerate(VOCABULARY)}
READ, HELD_OUT = (4_800, 100) if FULL else (1_000, 60)  # reseñas que se leen y con que se mide
SEEDS = 2
# Qué cambia en cada peldaño: medidas del modelo, o de la receta.
CHANGES = {
    "reference": {},
    "padding": {"count_padding": False},
    "rate": {"learning_rate": RECIPES["course"].learning_rate},
    "schedule": {"warmup": RECIPES["course"].warmup, "decay": True, "clip": 1.0, "beta_2": 0.99},
    "pre_norm": {"pre_norm": True},
    "rotary": {"rotary": True},
    "rest": {
        "layers": 2, "heads": 4, "key_dim": 16, "ff": 256, "dropout": 0.0,
        "batch_size": RECIPES["course"].batch_size, "widths": RECIPES["course"].widths,
    },
}  # fmt: skip


def steps_of_the_ladder():
    """Modelo y receta de cada peldaño: (nombre, ``Config``, ``Recipe``)."""
    course = PRESETS["course"]
    narrow = {"d": course.d, "key_dim": course.d, "ff": course.d}
    sizes = {"vocab_size": len(VOCABULARY), "context": GRAMMAR_CONTEXT}
    config, recipe = replace(PRESETS["reference"], **narrow, **sizes), RECIPES["reference"]
    for name, change in CHANGES.items():
        own = {key: value for key, value in change.items() if hasattr(config, key)}
        config = replace(config, **own)
        recipe = replace(recipe, **{k: v for k, v in change.items() if k not in own})
        yield name, config, recipe
    assert (config, recipe) == (replace(course, **sizes), RECIPES["course"])


def encoded(reviews):
    """Reseñas, listas de palabras, como listas de ids."""
    return [[IDS[word] for word in review] for review in reviews]


def trained(config, recipe, batches, seed):
    """El modelo tras leer ``READ`` reseñas y la última pérdida que ha dicho su entrenamiento."""
    keras.utils.set_random_seed(seed)
    trainer = Trainer(build(config), batches, recipe, Budget(steps=READ // recipe.batch_size))
    trainer.run()
    return trainer, np.mean([row["loss"] for row in trainer.history[-5:]])


def scored(trainer, printed, held_out):
    """Lo que cree el entrenamiento y lo que se mide."""
    scores = evaluation.measure(trainer.model, held_out, TRUTH)
    nats, gap = evaluation.nats_per_token(scores), evaluation.exact_gap(scores)
    floor = nats.mean - evaluation.gap(scores).mean  # H* en estas mismas reseñas
    found = {"printed": printed, "nats": nats.mean, "floor": floor, "gap": gap.mean}
    return {key: short(value) for key, value in found.items()} | {"tokens": trainer.tokens}


def measure(turn):
    """Un turno: un peldaño con una semilla."""
    ladder = {name: (config, recipe) for name, config, recipe in steps_of_the_ladder()}
    number, place = divmod(turn - 1, len(CHANGES))
    name, seed = [*CHANGES][place], number + 1
    config, recipe = ladder[name]
    batches = fresh_batches(GRAMMAR, VOCABULARY, recipe, GRAMMAR_CONTEXT, seed)
    held_out = pad_texts(encoded(GRAMMAR.sample(HELD_OUT, -5)), GRAMMAR_CONTEXT)
    result = scored(*trained(config, recipe, batches, seed), held_out)
    print(name, seed, result, flush=True)
    return {"name": name, "seed": seed} | result


def main():
    turns = take_turns("recipe_ladder", measure, SEEDS * len(CHANGES))
    sizes = {name: build(config).count_params() for name, config, _ in steps_of_the_ladder()}
    setup = {"reviews_read": READ, "held_out_reviews": HELD_OUT, "parameters": sizes}
    publish("recipe_ladder", setup | {"turns": turns})


if __name__ == "__main__":
    main()
