"""Lo común a las medidas: turnos que se pueden interrumpir, razones con su intervalo y archivos.

Sin argumentos, un programa de ``benchmarks/`` hace una repetición pequeña y solo la imprime. Con
``--full`` hace las cifras que se publican y las escribe en ``benchmarks/results``.
"""

import json
import os
import platform
import sys
from pathlib import Path

import numpy as np

from vinogpt.corpus import load_reviews

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
UNFINISHED = ROOT / "_build" / "benchmarks"  # turnos ya hechos de una medida a medias
REVIEWS = "winemag-data-130k-v2.head-10001.json.gz"  # las primeras filas del archivo de Kaggle
FULL = "--full" in sys.argv
TURNS = 5


def take_turns(name, measure, turns=TURNS):
    """``measure(turno)`` una vez, o con ``--full`` todas las que faltan: lista de resultados.

    Cada turno se guarda: si se interrumpe, la misma orden sigue donde quedó. Con ``--turns N``
    hace como mucho N y termina, para que otros usen el equipo.
    """
    if not FULL:
        return [measure(1)]
    path = UNFINISHED / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    done = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    allowed = int(sys.argv[sys.argv.index("--turns") + 1]) if "--turns" in sys.argv else turns
    for turn in range(len(done) + 1, min(turns, len(done) + allowed) + 1):
        done.append(measure(turn))
        path.write_text(json.dumps(done), encoding="utf-8")
        print(f"{name}: turno {turn} de {turns}", flush=True)
    if len(done) < turns:
        sys.exit(f"{name}: faltan {turns - len(done)} turnos; repite la orden.")
    return done


def real_reviews():
    """Las reseñas reales de la carpeta ``VINOGPT_REVIEWS``. Sin ella, termina y lo dice."""
    if "VINOGPT_REVIEWS" not in os.environ:
        print("No medido: define VINOGPT_REVIEWS con la carpeta de las reseñas reales.")
        sys.exit(0)
    return load_reviews(Path(os.environ["VINOGPT_REVIEWS"]) / REVIEWS)


def ratio(above, below):
    """Razón de medianas y su intervalo del 95 % (bootstrap), remuestreando los turnos."""
    above, below = np.array(above, float), np.array(below, float)
    turns = np.random.default_rng(1).integers(len(above), size=(10_000, len(above)))
    ratios = np.median(above[turns], axis=1) / np.median(below[turns], axis=1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    median = np.median(above) / np.median(below)
    return {"median": short(median), "low": short(low), "high": short(high)}


def difference(above, below):
    """Mediana de la diferencia de cada turno y su intervalo del 95 % (bootstrap)."""
    change = np.array(above, float) - np.array(below, float)
    turns = np.random.default_rng(1).integers(len(change), size=(10_000, len(change)))
    low, high = np.quantile(np.median(change[turns], axis=1), [0.025, 0.975])
    return {"median": short(np.median(change)), "low": short(low), "high": short(high)}


def short(value):
    """Un número con tres cifras significativas."""
    return float(f"{value:.3g}")


def machine():
    """El equipo, sin nombres ni rutas."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
    }


def publish(name, figures):
    """Imprime las cifras, con el equipo; con ``--full``, también las guarda."""
    text = json.dumps({"machine": machine(), **figures}, ensure_ascii=False, indent=1)
    print(text)
    if FULL:
        (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        for path in UNFINISHED.glob(f"{name}*"):
            path.unlink()
