"""Una ley de escala en pocos minutos: predice la brecha de un entrenamiento ocho veces mayor.

    python benchmarks/scaling_law.py [--full] [--turns N]

Un GPT de dos capas y anchura 32 lee cada vez el doble de reseñas de la gramática. Como el límite se
conoce, la brecha se puede seguir hasta cero, y su logaritmo frente al de los tokens es casi una
recta: brecha = a / tokens^b. En cada turno, con una semilla, la recta se ajusta a ``LENGTHS`` y se
compara con un entrenamiento de ocho veces más tokens que el mayor. Con el mismo modelo, ocho veces
más tokens son ocho veces más cálculo.

Entrena con Muon (Jordan y otros, 2024, https://kellerjordan.github.io/posts/muon/) las matrices de
los bloques: con AdamW, que en los cortos queda más lejos, la recta predice aún menos.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import time
from dataclasses import replace

import keras
import numpy as np
from recipe_ladder import GRAMMAR, TRUTH, VOCABULARY, encoded
from side_by_side import FULL, publish, ratio, short, take_turns

from vinogpt import evaluation
from vinogpt.batches import fresh_batches, pad_texts
from vinogpt.model import PRESETS, build
from vinogpt.runs import GRAMMAR_CONTEXT
from vinogpt.training import RECIPES, Budget, Trainer

LENGTHS = (1_000, 2_000, 4_000) if FULL else (25, 50, 100)  # pasos
LARGER = 8
HELD_OUT = 2_000 if FULL else 100
CONFIG = replace(
    PRESETS["course"], vocab_size=len(VOCABULARY), context=GRAMMAR_CONTEXT, d=32, key_dim=8, ff=128
)
RECIPE = replace(RECIPES["course"], learning_rate=0.016)  # más estrecho, tasa más alta


def muon(model):
    """Muon en las matrices de los bloques y AdamW en lo demás; la tasa la pone ``Trainer``."""
    optimizer = keras.optimizers.Muon(
        RECIPE.learning_rate, adam_beta_2=RECIPE.beta_2, adam_weight_decay=None,
        weight_decay=None, global_clipnorm=RECIPE.clip, exclude_layers=["head"],
    )  # fmt: skip
    optimizer.build(model.trainable_variables)
    return optimizer


def run(steps, seed):
    """Un entrenamiento: tokens, brecha exacta y segundos de CPU."""
    keras.utils.set_random_seed(seed)
    start = time.process_time()
    batches = fresh_batches(GRAMMAR, VOCABULARY, RECIPE, GRAMMAR_CONTEXT, seed)
    trainer = Trainer(build(CONFIG), batches, RECIPE, Budget(steps=steps))
    trainer.optimizer = muon(trainer.model)
    trainer.run()
    seconds = time.process_time() - start
    ids = pad_texts(encoded(GRAMMAR.sample(HELD_OUT, -6)), GRAMMAR_CONTEXT)
    gap = evaluation.exact_gap(evaluation.measure(trainer.model, ids, TRUTH)).mean
    result = {"steps": steps, "tokens": trainer.tokens, "gap": gap, "cpu_seconds": seconds}
    print(seed, result, flush=True)
    return result


def measure(seed):
    """Todos los largos y el que hay que predecir, con una semilla."""
    return [run(steps, seed) for steps in (*LENGTHS, LARGER * LENGTHS[-1])]


def predicted(turn):
    """Brecha que la recta de un turno da para su entrenamiento más largo, y su exponente."""
    x, y = np.log([[r["tokens"], r["gap"]] for r in turn[:-1]]).T
    slope, height = np.polyfit(x, y, 1)
    return float(np.exp(height + slope * np.log(turn[-1]["tokens"]))), float(-slope)


def main():
    turns = take_turns("scaling_law", measure)
    gaps, exponents = zip(*map(predicted, turns), strict=True)
    real = [turn[-1]["gap"] for turn in turns]
    minutes = [sum(r["cpu_seconds"] for r in turn[:-1]) / 60 for turn in turns]
    publish("scaling_law", {
        "turns": turns, "runs": len(LENGTHS), "cpu_minutes": short(max(minutes)),
        "exponents": [short(b) for b in exponents], "predicted": [short(gap) for gap in gaps],
        "measured": short(np.median(real)), "predicted_over_measured": ratio(gaps, real),
    })  # fmt: skip


if __name__ == "__main__":
    main()
