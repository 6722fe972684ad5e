"""De dónde salen el umbral y la tabla del ejercicio 5.6: qué brecha deja cada presupuesto.

    python benchmarks/training_budget.py [--full]

En cada sorteo de la gramática, recuentos con descuento absoluto leen lotes hasta gastar el
presupuesto, tokens por recuentos guardados, y se mide su brecha en reseñas nuevas entre la de un
bigrama que lee todos los lotes. El umbral está a medio camino, redondeado a décimas, entre el
bigrama y lo que deja un trigrama.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import statistics

import numpy as np
from grading_class import load
from side_by_side import FULL, publish, short

from vinogpt.batches import pad_texts
from vinogpt.ngrams import NGram, absolute_discount

DRAWS, TOKENS, BUDGET = (40, 100_000, 1e9) if FULL else (2, 10_000, 1e7)
WINDOWS = (1, 2, 3)
tools = load("tests/grading/banks.py").assignment("05_gpt_de_vinos").model


def every_batch(batches):
    """Los lotes, uno a uno, hasta que se acaban."""
    while (ids := batches()) is not None:
        yield ids


def read_within(batches, window):
    """Las reseñas que caben en el presupuesto, como listas de ids, y los recuentos guardados."""
    rows, stored, tokens = [], set(), 0
    for ids in every_batch(batches):
        for row in ids.tolist():
            text = row[: row.index(0)]
            padded = [0] * window + text + [0]
            for t in range(window, len(padded)):
                stored |= {tuple(padded[t - k : t + 1]) for k in range(window + 1)}
            rows.append(text)
            tokens += len(text) + 1
        if tokens * len(stored) > 0.95 * BUDGET:
            break
    return rows, {"tokens": tokens, "parameters": len(stored)}


def one(draw, window):
    """Un modelo en un sorteo: lo leído, lo guardado y su brecha entre la del bigrama."""
    batches, V, ids, floor = tools["other_wines"](TOKENS, np.random.default_rng(draw))
    again, *_ = tools["other_wines"](TOKENS, np.random.default_rng(draw))
    rows, spent = read_within(batches, window)
    model = NGram(pad_texts(rows, max(map(len, rows)) + 1), V, window, absolute_discount)
    bigram = tools["smoothed_bigram"](every_batch(again), V)
    mine, theirs = (tools["nats_of"](f(ids), ids) - floor for f in (model.log_probs, bigram))
    return spent | {"share": mine.sum() / theirs.sum()}


def main():
    report = {}
    for window in WINDOWS:
        turns = [one(draw, window) for draw in range(DRAWS)]
        shares = [turn["share"] for turn in turns]
        report[window] = {
            "tokens": round(statistics.median(turn["tokens"] for turn in turns)),
            "parameters": round(statistics.median(turn["parameters"] for turn in turns)),
            "share": short(statistics.median(shares)),
            "range": [short(min(shares)), short(max(shares))],
        }
        print(window, report[window], flush=True)
    threshold = round((1 + report[2]["share"]) / 2, 1)
    publish("training_budget", {
        "draws": DRAWS, "budget": BUDGET, "windows": report, "threshold": threshold
    })  # fmt: skip


if __name__ == "__main__":
    main()
