"""Entrena desde cero los modelos que trae el paquete y escribe sus pesos y sus fichas.

    python scripts/train_weights.py [NAME ...] [--seed N ...]

Cada modelo lee las mismas reseñas de la gramática, siempre nuevas, durante los mismos pasos. Se
publica el de la primera semilla, sin escoger; las demás, en la ficha, dicen cuánto varía la brecha.
Como el presupuesto no son segundos, una semilla da siempre los mismos pesos en el mismo equipo.
NAME: solo esos modelos. --seed: solo esas semillas, para repartir el trabajo. Cada entrenamiento
queda en _build/weights.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import keras
import tensorflow

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "benchmarks"))

from side_by_side import RESULTS, machine  # noqa: E402

from vinogpt import pretrained, runs  # noqa: E402
from vinogpt.corpus import load_reviews  # noqa: E402
from vinogpt.training import RECIPES  # noqa: E402

STEPS, SEEDS = 4_000, (1, 2, 3)
HELD_OUT, HELD_OUT_SEED = 2_000, -3  # reseñas con las que se mide: ningún entrenamiento las lee
FOLDER = ROOT / "_build" / "weights"
OWN = ("seed", "tokens", "nats", "nats_error", "gap", "gap_error", "exact_gap", "cpu_minutes")


def plan(name):
    """Lo que comparten todas las semillas de un modelo."""
    preset = "course" if name == "gpt" else name
    recipe = asdict(RECIPES[preset]) | {"widths": list(RECIPES[preset].widths)}  # como en JSON
    return {"preset": preset, "source": "grammar", "steps": STEPS, "recipe": recipe}


def train(name, seed):
    """Entrena con una semilla; deja en ``FOLDER`` los pesos y lo que se mide con ellos."""
    steps = {"steps": STEPS, "seconds": None, "epochs": None}
    trainer, vocabulary, _ = runs.prepare(plan(name) | {"seed": seed, "budget": steps}, None)
    began = time.process_time()
    trainer.run(lambda row: print(f"{name} {seed}: {row['step']} pasos, brecha {row['gap']:.4f}"))
    minutes = round((time.process_time() - began) / 60, 1)
    path = FOLDER / f"{name}.{seed}.npz"
    pretrained.write(trainer.model, path, vocabulary, "float16")
    model, _ = pretrained.read(path)  # se mide lo que se publica, con media precisión
    result = runs.measure(
        model, vocabulary, "grammar", load_reviews(n=HELD_OUT, seed=HELD_OUT_SEED)
    )
    result |= {"measured_tokens": result["tokens"], "tokens": trainer.tokens}
    run = {"seed": seed, "cpu_minutes": minutes, "parameters": model.count_params(), **result}
    runs.write_json(path.with_suffix(".json"), {"plan": plan(name), "run": run, "code": code()})


def code():
    """Con qué se ha entrenado: el código, las bibliotecas y el equipo."""
    command = ["git", "--no-optional-locks", "describe", "--always", "--dirty"]
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    versions = {"keras": keras.__version__, "tensorflow": tensorflow.__version__}
    return {"commit": commit.strip(), "machine": machine() | versions}


def finished(name):
    """Los entrenamientos que hay de este plan, por semilla."""
    paths = [FOLDER / f"{name}.{seed}.json" for seed in SEEDS]
    records = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]
    return [record for record in records if record["plan"] == plan(name)]


def publish(name):
    """Copia a ``vinogpt/data`` el modelo de la primera semilla y escribe su ficha."""
    chosen, *_ = records = finished(name)
    limits = json.loads((RESULTS / "grammar_limits.json").read_text(encoding="utf-8"))
    seeds = [{key: record["run"][key] for key in OWN} for record in records]
    card = {"script": "scripts/train_weights.py", **chosen["code"], **chosen["plan"]}
    card |= chosen["run"] | {"limit": limits["entropy_rate_posterior"], "seeds": seeds}
    weights = pretrained.path_of(name, "npz")
    shutil.copyfile(FOLDER / f"{name}.{SEEDS[0]}.npz", weights)
    runs.write_json(pretrained.path_of(name, "json"), card)
    print(f"{name}: brecha {card['gap']:.4f}, {weights.stat().st_size / 1e6:.2f} MB")


def main():
    """Entrena lo que se pide y escribe los archivos de cada modelo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", metavar="NAME", nargs="*", help=", ".join(pretrained.NAMES))
    parser.add_argument("--seed", type=int, nargs="+", choices=SEEDS, default=SEEDS)
    args = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in args.names or pretrained.NAMES:
        for seed in args.seed:
            train(name, seed)
        publish(name)


if __name__ == "__main__":
    main()
