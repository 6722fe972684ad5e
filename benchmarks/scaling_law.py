"""Una ley de escala en pocos minutos: predice la brecha de un entrenamiento ocho veces mayor.

    python benchmarks/scaling_law.py [--full] [--turns N]

Un GPT de dos capas y anchura 32 lee cada vez el doble de reseñas de la gramática. Como el límite se
conoce, la brecha se puede seguir hasta cero, y su logaritmo frente al de los tokens es casi una
recta: brecha = a / tokens^b. La recta se ajusta a ``LENGTHS``, cada uno con varias semillas, y se
compara con entrenamientos de ocho veces más tokens que el mayor. Con el mismo modelo, ocho veces
más tokens son ocho veces más cálculo. El intervalo remuestrea las semillas.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import time
from dataclasses import replace

import keras
import numpy as np
from recipe_ladder import GRAMMAR, TRUTH, VOCABULARY, encoded
from side_by_side import FULL, publish, short, take_turns

from vinogpt import evaluation
from vinogpt.batches import fresh_batches, pad_texts
from vinogpt.model import PRESETS, build
from vinogpt.runs import GRAMMAR_CONTEXT
from vinogpt.training import RECIPES, Budget, Trainer

LENGTHS = (500, 1_000, 2_000, 4_000) if FULL else (25, 50, 100)  # pasos
LARGER = 8
HELD_OUT = 2_000 if FULL else 100
SEEDS = 3
CONFIG = replace(
    PRESETS["course"], vocab_size=len(VOCABULARY), context=GRAMMAR_CONTEXT, d=32, key_dim=8, ff=128
)
RECIPE = replace(RECIPES["course"], learning_rate=0.012)  # más estrecho, tasa más alta


def run(steps, seed):
    """Un entrenamiento: tokens, brecha exacta y segundos de CPU."""
    keras.utils.set_random_seed(seed)
    start = time.process_time()
    batches = fresh_batches(GRAMMAR, VOCABULARY, RECIPE, GRAMMAR_CONTEXT, seed)
    trainer = Trainer(build(CONFIG), batches, RECIPE, Budget(steps=steps))
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


def predicted(turns):
    """Brecha que la recta da para el más largo. turns: los de un remuestreo."""
    x, y = np.log([[[r["tokens"], r["gap"]] for r in turn[:-1]] for turn in turns]).reshape(-1, 2).T
    slope, height = np.polyfit(x, y, 1)
    tokens = np.mean([turn[-1]["tokens"] for turn in turns])
    return float(np.exp(height + slope * np.log(tokens))), float(slope)


def measured(turns):
    """Mediana de la brecha de los más largos."""
    return float(np.median([turn[-1]["gap"] for turn in turns]))


def main():
    turns = take_turns("scaling_law", measure, turns=SEEDS)
    rng = np.random.default_rng(1)
    draws = [[turns[i] for i in rng.integers(len(turns), size=len(turns))] for _ in range(1_000)]
    low, high = np.quantile([predicted(d)[0] / measured(d) for d in draws], [0.025, 0.975])
    gap, slope = predicted(turns)
    small = [r["cpu_seconds"] for turn in turns for r in turn[:-1]]
    publish("scaling_law", {
        "turns": turns, "runs": len(small), "cpu_minutes": short(sum(small) / 60),
        "exponent": short(-slope), "predicted": short(gap), "measured": short(measured(turns)),
        "predicted_over_measured": {
            "median": short(gap / measured(turns)), "low": short(low), "high": short(high)
        },
    })  # fmt: skip


if __name__ == "__main__":
    main()
