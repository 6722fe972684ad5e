"""Velocidad de la gramática en un núcleo y sus límites exactos.

    python benchmarks/grammar_speed.py [--full]

Con ``--full`` (unos cinco minutos) escribe en ``benchmarks/results`` los tokens por segundo
(``grammar_speed.json``) y H*, longitud media y H_0 a H_8 de la gramática inglesa
(``grammar_limits.json``). Sin él mide solo la velocidad, una vez.
"""

import statistics
import sys
import time

from side_by_side import FULL, publish

from vinogpt.grammar import load

REVIEWS, REPEATS, GOAL = 4_000, 7 if FULL else 1, 100_000


def speed(name: str) -> dict:
    """Tokens por segundo al muestrear y al puntuar reseñas nuevas con la caché ya caliente."""
    grammar = load(name)
    grammar.sample(5 * REVIEWS, seed=0)
    sampling, scoring = [], []
    for repeat in range(1, REPEATS + 1):
        start = time.perf_counter()
        reviews = grammar.sample(REVIEWS, seed=repeat)
        middle = time.perf_counter()
        for tokens in reviews:
            grammar.log_probs(tokens)
        end = time.perf_counter()
        tokens = sum(len(review) + 1 for review in reviews)
        sampling.append(tokens / (middle - start))
        scoring.append(tokens / (end - middle))
    return {"sampling": summary(sampling), "scoring": summary(scoring)}


def summary(rates: list[float]) -> dict:
    """Mediana y extremos de las repeticiones."""
    return {
        "median": round(statistics.median(rates)),
        "min": round(min(rates)),
        "max": round(max(rates)),
    }


def limits(name: str) -> dict:
    """H* por los dos métodos, su reparto por nodo, la longitud media y las H_k."""
    grammar = load(name)
    surprisal = grammar.entropy_rate(20_000, seed=1)
    posterior = grammar.entropy_rate(20_000, seed=2, method="posterior")
    windows = {k: grammar.window_limit(k, n=400, seed=3) for k in range(9)}
    return {
        "grammar": name,
        "words": len(grammar.vocabulary),
        "longest": grammar.rules.longest,
        "tokens_per_review_with_end": round(posterior.tokens_per_review, 4),
        "entropy_rate_surprisal": [round(value, 5) for value in surprisal[:3]],
        "entropy_rate_posterior": [round(value, 5) for value in posterior[:3]],
        "by_node": {node: round(nats, 5) for node, nats in surprisal.by_node.items()},
        "window_limits": {k: [round(value, 4) for value in limit] for k, limit in windows.items()},
    }


def main():
    measured = {name: speed(name) for name in ("en", "es", "elephant")}
    rates = [rate["median"] for pair in measured.values() for rate in pair.values()]
    setup = {"reviews_per_repeat": REVIEWS, "repeats": REPEATS, "goal_tokens_per_second": GOAL}
    publish("grammar_speed", setup | {"tokens_per_second": measured})
    if FULL:
        publish("grammar_limits", limits("en"))
    return f"por debajo de {GOAL} tokens/s" if min(rates) < GOAL else 0


if __name__ == "__main__":
    sys.exit(main())
