"""Cómo baja la brecha de cada modelo al entrenar, y qué curva deja cada error.

    python benchmarks/training_curves.py [--full] [--turns N]

Curvas: el GPT del curso, la receta de origen con la anchura del curso, una LSTM, una GRU y una RNN
simple, estas con casi los mismos parámetros que el GPT. Todos leen reseñas nuevas de la gramática;
la brecha se mide en otras, las mismas para todos, según avanza la lectura. Los segundos que
cuestan mil reseñas van aparte, medidos por turnos (``--seconds``), porque dependen del equipo.

Errores: el mismo GPT con un fallo cada vez, y la pérdida que su entrenamiento cree tener. Un turno
es un entrenamiento: ``--turns 3`` hace los tres siguientes.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import statistics
import sys
import time
from dataclasses import replace

import keras
import numpy as np
from keras import ops
from recipe_ladder import GRAMMAR, IDS, TRUTH, VOCABULARY, encoded, steps_of_the_ladder
from side_by_side import FULL, publish, short, take_turns

from vinogpt import evaluation, training
from vinogpt.batches import fresh_batches, pad_texts
from vinogpt.model import START, build
from vinogpt.ngrams import NGram, Uniform, real_tokens
from vinogpt.rnn import build_rnn
from vinogpt.runs import GRAMMAR_CONTEXT

MARKS = (800, 1_600, 3_200, 6_400, 12_800, 25_600, 40_000) if FULL else (320, 640)  # reseñas
HELD_OUT, BROKEN_STEPS = (300, 400) if FULL else (60, 40)
COUNTED = 20_000 if FULL else 1_000  # reseñas que cuentan los n-gramas
RNNS, SEEDS = ("lstm", "gru", "simple"), 3


def contestants():
    """Cómo se hace cada modelo, y su receta."""
    (_, reference, first), *_, (_, course, last) = steps_of_the_ladder()
    made = {"course": (lambda: build(course), last)}
    made["reference"] = (lambda: build(reference), first)
    size = build(course).count_params()
    for kind in RNNS:
        made[kind] = (
            lambda kind=kind: build_rnn(kind, len(VOCABULARY), size),
            training.RECIPES[kind],
        )
    return made


def curve(make, recipe, seed, held_out):
    """Brecha exacta tras leer tantas reseñas como dice cada marca: {reseñas: brecha}."""
    keras.utils.set_random_seed(seed)
    model, gaps = make(), {}
    batches = fresh_batches(GRAMMAR, VOCABULARY, recipe, GRAMMAR_CONTEXT, seed)
    budget = training.Budget(steps=MARKS[-1] // recipe.batch_size)
    trainer = training.Trainer(model, batches, recipe, budget)

    def mark(row):
        read = row["step"] * recipe.batch_size
        if read in MARKS:
            gap = evaluation.exact_gap(evaluation.measure(model, held_out, TRUTH)).mean
            gaps[read] = short(gap)

    trainer.run(mark)
    return gaps


def counts(seed, held_out):
    """Brecha de los modelos que cuentan: la uniforme y cada ventana."""
    ids = pad_texts(encoded(GRAMMAR.sample(COUNTED, -2_000 - seed)), GRAMMAR_CONTEXT)
    models = {"uniform": Uniform(len(VOCABULARY))}
    models |= {f"window_{k}": NGram(ids, len(VOCABULARY), k) for k in range(7)}
    found = {"tokens": int(real_tokens(ids).sum())}
    for name, model in models.items():
        found[name] = short(evaluation.exact_gap(evaluation.measure(model, held_out, TRUTH)).mean)
    return found


# -------------------------------------------------------------------------------- los errores


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
    trainer = training.Trainer(model, batches, recipe, training.Budget(steps=BROKEN_STEPS))
    step = training.STEPS["tensorflow"](model, trainer.optimizer, wrong, True)
    for i in range(BROKEN_STEPS):
        rate = recipe.learning_rate * min(1, (i + 1) / recipe.warmup)
        trainer.optimizer.learning_rate = rate * factor
        losses.append(float(step(batches(i))))
    return [short(np.mean(losses[i : i + 20])) for i in range(0, BROKEN_STEPS, 20)]


# ------------------------------------------------------------------------------------ turnos


def measure(turn):
    """Un turno: una curva, los recuentos o un error, con una semilla."""
    known = contestants()
    place, number = divmod(turn - 1, SEEDS)
    name, seed = ["counts", *WRONG, *known][place], number + 1
    held_out = pad_texts(encoded(GRAMMAR.sample(HELD_OUT, -6)), GRAMMAR_CONTEXT)
    if name in known:
        result = {"gaps": curve(*known[name], seed, held_out)}
    elif name == "counts":
        result = {"gaps": counts(seed, held_out)}
    else:
        result = {"losses": broken(name, seed)}
    print(name, seed, result, flush=True)
    return {"name": name, "seed": seed} | result


def seconds_per_thousand(repeats=5, steps=10):
    """Mediana de los segundos que cuestan mil reseñas a cada modelo, medidos por turnos."""
    timed = {}
    for name, (make, recipe) in contestants().items():
        batches = fresh_batches(GRAMMAR, VOCABULARY, recipe, GRAMMAR_CONTEXT, 1)
        model = make()
        trainer = training.Trainer(model, batches, recipe, training.Budget(steps=1_000))
        timed[name] = trainer._compiled_step(), [batches(i) for i in range(steps)], []
        for ids in timed[name][1]:
            timed[name][0](ids)  # compila cada anchura
    for _ in range(repeats):
        for step, batches, seconds in timed.values():
            start = time.perf_counter()
            for ids in batches:
                float(step(ids))
            seconds.append((time.perf_counter() - start) / steps)
    batch = {name: recipe.batch_size for name, (_, recipe) in contestants().items()}
    return {
        name: short(1_000 * statistics.median(seconds) / batch[name])
        for name, (_, _, seconds) in timed.items()
    }


def main():
    if "--seconds" in sys.argv:
        return publish("training_seconds", {"seconds_per_thousand": seconds_per_thousand()})
    turns = take_turns("training_curves", measure, SEEDS * (len(contestants()) + 1 + len(WRONG)))
    return publish("training_curves", {"marks": MARKS, "words": len(IDS), "turns": turns})


if __name__ == "__main__":
    main()
