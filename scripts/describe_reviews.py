"""Mide un archivo de reseñas reales y dibuja la figura de book/datos.md.

Uso: python scripts/describe_reviews.py RUTA (un .json o .csv de Kaggle, también en .gz o .zip).
Escribe benchmarks/results/reviews_head.json y book/figuras/datos_resenas.svg; solo cifras.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from vinogpt.corpus import format_review, read_records
from vinogpt.plots import WINE, use_style
from vinogpt.tokenizer import split_words

ROOT = Path(__file__).parents[1]


def describe(records):
    """Cifras de los registros; las longitudes cuentan la cabecera y no el fin de texto."""
    lengths = np.array([len(split_words(text)) for text in map(format_review, records) if text])
    countries = Counter(record["country"] for record in records)
    return {
        "records": len(records),
        "kept": len(lengths),
        "repeated_descriptions": len(records) - len({r["description"] for r in records}),
        "without_price": sum(record["price"] is None for record in records),
        "mean_points": np.mean([int(record["points"]) for record in records]),
        "per_thousand": {word: per_thousand(records, word) for word in ("elegant", "rustic")},
        "country_percent": {name: 100 * n / len(records) for name, n in countries.most_common(8)},
        "tokens_mean": lengths.mean(),
        "tokens_p5_p50_p95": np.percentile(lengths, [5, 50, 95]).tolist(),
        "percent_over_80": 100 * np.mean(lengths > 80),
        "percent_over_128": 100 * np.mean(lengths > 128),
        "histogram": np.bincount(lengths // 5).tolist(),  # barras de 5 tokens
    }


def per_thousand(records, word):
    """De cada mil reseñas de un país, cuántas llevan la palabra (los ocho países con más)."""
    countries = Counter(record["country"] for record in records)
    hits = Counter(r["country"] for r in records if word in split_words(r["description"]))
    return {name: 1000 * hits[name] / n for name, n in countries.most_common(8)}


def draw(figures):
    """Reparto por países y longitud de las reseñas, uno encima del otro."""
    use_style()
    plt.rcParams["svg.fonttype"] = "none"  # letras, no trazos
    fig, (top, bottom) = plt.subplots(2, figsize=(6, 6.4), layout="constrained")
    percent, heights = figures["country_percent"], figures["histogram"]
    bars = top.barh(list(percent)[::-1], list(percent.values())[::-1], color=WINE)
    top.bar_label(bars, fmt="%.1f", padding=3)
    top.set(title="De dónde son los vinos", xlabel="% de los registros")
    bottom.bar(np.arange(len(heights)) * 5, heights, 5, align="edge", color=WINE, ec="white")
    bottom.axvline(80, color="#333333", linestyle="--")
    bottom.annotate(f"{figures['percent_over_80']:.1f} % pasa de 80", (83, max(heights) / 2))
    bottom.set(title="Qué largo tienen", xlabel="tokens por reseña", ylabel="reseñas")
    fig.savefig(ROOT / "book/figuras/datos_resenas.svg", metadata={"Date": None})


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    figures = describe(read_records(sys.argv[1]))
    text = json.dumps(figures, indent=1, ensure_ascii=False)
    (ROOT / "benchmarks/results/reviews_head.json").write_text(text + "\n", encoding="utf-8")
    draw(figures)
