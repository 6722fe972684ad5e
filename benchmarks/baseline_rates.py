"""La tasa de aprendizaje de cada red y la ventana de los recuentos: rivales bien ajustados.

    python benchmarks/baseline_rates.py [--full] [--turns N]

El GPT del curso y las tres redes recurrentes, con casi sus mismos parámetros, leen las mismas
reseñas nuevas con cada tasa y con cinco semillas; la mejor tasa es la de menor brecha media al
límite, y está en ``vinogpt.training.RECIPES``. Un turno es un entrenamiento.

Después mide, en las mismas reseñas, la uniforme y Kneser-Ney con cada ventana, y si compilar con
XLA acelera cada red.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import statistics
import time
from dataclasses import replace

from side_by_side import FULL, publish, take_turns

from vinogpt import evaluation, grammar, runs, training
from vinogpt.batches import pad_texts
from vinogpt.corpus import load_reviews
from vinogpt.ngrams import NGram, Uniform, real_tokens
from vinogpt.tokenizer import WordTokenizer

KINDS = ("course", "lstm", "gru", "simple")
RATES = (0.002, 0.004, 0.008, 0.016, 0.032, 0.064)  # la mejor queda dentro, no en un extremo
SEEDS = (1, 2, 3, 4, 5)
RUNS = [(kind, rate, seed) for seed in SEEDS for kind in KINDS for rate in RATES]
STEPS, HELD_OUT = (1_500, 1_000) if FULL else (60, 60)
COUNTED, WINDOWS = (33_000, range(9)) if FULL else (1_000, range(4))  # reseñas y ventanas
COMPILED_STEPS = 300 if FULL else 20


def prepared(kind, seed, steps):
    """Un entrenador con reseñas de la gramática, y el vocabulario."""
    budget = {"steps": steps, "seconds": None, "epochs": None}
    card = {"preset": kind, "source": "grammar", "seed": seed, "budget": budget}
    return runs.prepare(card, checkpoint=None)[:2]


def measure(turn):
    """Un entrenamiento desde cero: su brecha y lo que ha costado."""
    kind, rate, seed = RUNS[turn - 1]
    trainer, vocabulary = prepared(kind, seed, STEPS)
    trainer.recipe = replace(trainer.recipe, learning_rate=rate)
    began = time.process_time()
    trainer.run()
    spent = {"tokens": trainer.tokens, "cpu_seconds": round(time.process_time() - began)}
    result = runs.measure(trainer.model, vocabulary, "grammar", load_reviews(n=HELD_OUT, seed=-4))
    found = {key: round(result[key], 5) for key in ("gap", "gap_error")}
    sizes = {"parameters": trainer.model.count_params()}
    return {"kind": kind, "rate": rate, "seed": seed, **found, **sizes, **spent}


def best_rates(turns):
    """Brecha media con cada tasa, y la mejor de cada red."""
    means = {}
    for kind in {turn["kind"]: None for turn in turns}:
        own = [turn for turn in turns if turn["kind"] == kind]
        gaps = {
            rate: round(statistics.mean(t["gap"] for t in own if t["rate"] == rate), 5)
            for rate in sorted({turn["rate"] for turn in own})
        }
        best = min(gaps, key=gaps.get)
        inside = min(gaps) < best < max(gaps)
        means[kind] = {"best_rate": best, "gap": gaps[best], "inside": inside, "by_rate": gaps}
    return means


def counts():
    """Brecha, con su error típico, de la uniforme y de Kneser-Ney con cada ventana."""
    vocabulary = runs.vocabulary_of("grammar", [])
    encode, V = WordTokenizer(vocabulary).encode, len(vocabulary)
    training_ids, held_out = (
        pad_texts(map(encode, load_reviews(n=n, seed=seed)), runs.GRAMMAR_CONTEXT)
        for n, seed in ((COUNTED, -1_001), (HELD_OUT, -4))
    )
    truth, found = evaluation.Truth(grammar.load(), vocabulary), {}
    for name in ("uniform", *WINDOWS):
        model = Uniform(V) if name == "uniform" else NGram(training_ids, V, name)
        mean, error, _ = evaluation.gap(evaluation.measure(model, held_out, truth))
        found[name] = [round(mean, 5), round(error, 5)]
    best = min(WINDOWS, key=lambda window: found[window][0])
    return {"tokens": int(real_tokens(training_ids).sum()), "best_window": best, "gaps": found}


def compiling(kind):
    """Segundos en total, y tokens por segundo en la segunda mitad, sin XLA y con él."""
    found = {}
    for name, threshold in (("plain", COMPILED_STEPS + 1), ("xla", COMPILED_STEPS)):
        training.XLA_STEPS = threshold
        trainer, _ = prepared(kind, 1, COMPILED_STEPS)
        trainer.floor = None  # aquí solo cuenta entrenar
        history = trainer.run()
        half, last = history[len(history) // 2], history[-1]
        rate = (last["tokens"] - half["tokens"]) / (last["seconds"] - half["seconds"])
        found[name] = {"seconds": round(last["seconds"], 1), "tokens_per_second": round(rate)}
    return found


def main():
    turns = take_turns("baseline_rates", measure, turns=len(RUNS))
    figures = {"steps": STEPS, "held_out_reviews": HELD_OUT, "best": best_rates(turns)}
    figures |= {"counts": counts(), "turns": turns}
    publish("baseline_rates", figures | {"compiling": {kind: compiling(kind) for kind in KINDS}})


if __name__ == "__main__":
    main()
