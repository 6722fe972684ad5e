"""Qué curva deja cada error: la pérdida que cree tener el entrenamiento.

    python benchmarks/training_curves.py [--full] [--turns N]

El GPT del curso, 200 pasos con reseñas nuevas de la gramática, con un fallo cada vez y una semilla:
las curvas se distinguen por su forma. Un turno es un entrenamiento: ``--turns 3`` hace los tres
siguientes.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from dataclasses import replace

import keras
import numpy as np
from keras import ops
from recipe_ladder import GRAMMAR, VOCABULARY, steps_of_the_ladder
from side_by_side import FULL, publish, short, take_turns

from vinogpt import training
from vinogpt.batches import fresh_batches
from vinogpt.model import START, build
from vinogpt.runs import GRAMMAR_CONTEXT

STEPS, SEEDS = (200 if FULL else 40), 1


def nats_of(targets, logits, mask):
    """-log q medio de los objetivos donde mask es 1. (B, T), (B, T, V), (B, T) -> ()."""
    nats = ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)
    return ops.sum(nats * mask) / ops.sum(mask)


def real(ids):
    """1 en las palabras y el fin, 0 en el relleno. (B, T) -> (B, T)."""
    ended = ops.cumsum(ops.cast(ids == 0, "float32"), axis=1) - ops.cast(ids == 0, "float32")
    return ops.cast(ended == 0, "float32")


def previous(ids):
    """Lo que se lee antes de cada token. (B, T) -> (B, T)."""
    return ops.pad(ids[:, :-1], ((0, 0), (1, 0)), constant_values=START)


def unshifted(model, ids):
    """El objetivo es el mismo token que se lee."""
    return nats_of(ids, model(ids, training=True), real(ids))


def unmasked(model, ids):
    """Sin máscara: con RoPE solo cuentan las distancias, y esta posición deja ver todo el texto."""
    logits, _, _ = model.forward(previous(ids), position=GRAMMAR_CONTEXT)
    return nats_of(ids, logits, real(ids))


def wrong_axis(model, ids):
    """Una softmax sobre las posiciones, no sobre las palabras, y después la pérdida."""
    return nats_of(ids, softmax_of(model(previous(ids), training=True), axis=1), real(ids))


def twice(model, ids):
    """Una softmax antes de una pérdida que ya la lleva dentro."""
    return nats_of(ids, softmax_of(model(previous(ids), training=True), axis=-1), real(ids))


def softmax_of(logits, axis):
    """La softmax. Multiplicada por 1, Keras no la reconoce y no puede deshacerla."""
    return 1.0 * ops.softmax(logits, axis=axis)


def padded(model, ids):
    """El relleno cuenta, en lotes de la anchura mayor."""
    return training.loss(model, ids, count_padding=True)


WRONG = {  # la pérdida, y por cuánto se multiplica la tasa de aprendizaje
    "healthy": (training.loss, 1),
    "unshifted": (unshifted, 1),
    "unmasked": (unmasked, 1),
    "padding": (padded, 1),
    "rate_high": (training.loss, 40),
    "rate_low": (training.loss, 0.01),
    "twice": (twice, 1),
    "wrong_axis": (wrong_axis, 1),
}


def broken(name, seed):
    """La pérdida que cree tener el entrenamiento, cada 20 pasos."""
    wrong, factor = WRONG[name]
    *_, (_, config, recipe) = steps_of_the_ladder()
    recipe = replace(recipe, widths=() if name == "padding" else recipe.widths)
    keras.utils.set_random_seed(seed)
    model, losses = build(config), []
    batches = fresh_batches(GRAMMAR, VOCABULARY, recipe, GRAMMAR_CONTEXT, seed)
    trainer = training.Trainer(model, batches, recipe, training.Budget(steps=STEPS))
    step = training.STEPS["tensorflow"](model, trainer.optimizer, wrong, True)
    for i in range(STEPS):
        rate = recipe.learning_rate * min(1, (i + 1) / recipe.warmup)
        trainer.optimizer.learning_rate = rate * factor
        losses.append(float(step(batches(i))))
    return [short(np.mean(losses[i : i + 20])) for i in range(0, STEPS, 20)]


def measure(turn):
    """Un turno: un error con una semilla."""
    number, place = divmod(turn - 1, len(WRONG))
    name, seed = [*WRONG][place], number + 1
    result = {"losses": broken(name, seed)}
    print(name, seed, result, flush=True)
    return {"name": name, "seed": seed} | result


def main():
    turns = take_turns("training_curves", measure, SEEDS * len(WRONG))
    publish("training_curves", {"steps": STEPS, "turns": turns})


if __name__ == "__main__":
    main()
