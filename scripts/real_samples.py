"""Entrena un GPT pequeño con reseñas reales y guarda cifras y, como mucho, diez muestras.

    VINOGPT_REVIEWS=CARPETA python scripts/real_samples.py [--quick]

CARPETA tiene las primeras 10,001 filas del archivo de Kaggle. Escribe
benchmarks/results/real_samples.json: cómo es el relleno, la pérdida en reseñas no vistas a cada
paso, cuánto texto de entrenamiento repite y las muestras del capítulo 05. Ninguna muestra comparte
ocho palabras seguidas con una reseña de entrenamiento: la que lo hace se desecha y se cuenta. La
cabecera la escribe quien pide la muestra y no se compara. ``--quick`` hace pocos pasos y no guarda.
Si se interrumpe, la misma orden sigue donde quedó.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from vinogpt import evaluation
from vinogpt.batches import corpus_batches, pad_texts
from vinogpt.corpus import description, load_reviews, split_reviews
from vinogpt.model import PRESETS, build
from vinogpt.ngrams import real_tokens
from vinogpt.sampling import FastGenerator, temperature
from vinogpt.tokenizer import WordTokenizer, split_words
from vinogpt.training import RECIPES, Budget, Trainer

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "real_samples.json"
QUICK = "--quick" in sys.argv
UNFINISHED = ROOT / "_build" / ("real_samples_quick" if QUICK else "real_samples")
WORDS, RUN = 8_000, 8  # vocabulario y palabras seguidas que se comparan
STEPS, MARKS = (30, (15,)) if QUICK else (2_000, (100, 1_000))
SAMPLES = 20 if QUICK else 200  # textos con los que se mide cuánto se repite
CONFIG, RECIPE = replace(PRESETS["reviews"], vocab_size=WORDS), RECIPES["reviews"]
SPAIN = "wine review : spain : northern spain : tempranillo :"
PROMPTS = [
    "wine review : us : california : pinot noir :",
    "wine review : italy : tuscany : sangiovese :",
    "wine review : germany : mosel : riesling :",
]
JOINER = re.compile("[“”‘’–—…]")
GRAPES = ["cabernet", "merlot", "syrah", "malbec", "chardonnay", "riesling", "zinfandel"]
GRAPES += ["sangiovese", "nebbiolo", "garnacha", "tempranillo", "sauvignon", "pinot", "grenache"]


def reviews_file():
    """El único .json.gz de la carpeta."""
    [path] = Path(os.environ["VINOGPT_REVIEWS"]).glob("*.json.gz")
    return path


def padding(ids):
    """Qué parte de los objetivos de la receta de origen son palabras, fin y relleno. (B, 81)."""
    targets = ids[:, 1:]
    words, counted = targets > 0, real_tokens(targets)
    shares = {"words": words, "end": counted & ~words, "padding": ~counted}
    return {name: round(float(mask.mean()), 4) for name, mask in shares.items()}


def glued(reviews):
    """Tokens en los que un signo que no es ASCII, como la raya, deja pegadas dos palabras."""
    found = [token for text in reviews for token in split_words(text) if JOINER.search(token)]
    return {"tokens": len(found), "distinct": len(set(found))}


class Wines:
    """El modelo, sus palabras y lo que sabe escribir."""

    def __init__(self, training):
        self.words = WordTokenizer.train(training, WORDS)
        self.texts = [split_words(text) for text in training]
        keras.utils.set_random_seed(1)
        self.model, self.known = build(CONFIG), self.words.vocabulary
        self.writers = {T: FastGenerator(self.model, temperature(T)) for T in (1.0, 0.5)}

    def write(self, prompts, value, seed=0):
        """La continuación de cada prompt, lista de palabras, a una temperatura."""
        ids = list(map(self.words.encode, prompts))
        ids = self.writers[value].generate(ids, CONFIG.context - 12, seed)
        return [[self.known[i] for i in text] for text in ids]

    def fresh(self, prompt, value, seed):
        """La primera continuación que no copia, y cuántas se han desechado antes."""
        for tried, text in enumerate(self.write([prompt] * 40, value, seed)):
            [nearest] = evaluation.memorisation([text], self.texts, RUN)
            if nearest.run < RUN:
                shown = {"prompt": prompt, "temperature": value, "text": " ".join(text)}
                return shown | {"longest_run": nearest.run, "rejected": tried}
        sys.exit(f"Todas las muestras de {prompt} copian.")

    def nats(self, ids):
        """Pérdida por token real y su error típico."""
        found = evaluation.nats_per_token(evaluation.measure(self.model, ids, batch_size=16))
        return {"nats": round(found.mean, 4), "error": round(found.error, 4)}


def train(wines, training, held_out):
    """Entrena y devuelve, en cada marca y al final, la pérdida y una muestra."""
    ids = list(map(wines.words.encode, training))
    batches = corpus_batches(ids, RECIPE, CONFIG.context, seed=1)
    state, marks = UNFINISHED / "checkpoint.npz", UNFINISHED / "marks.json"
    trainer = Trainer(wines.model, batches, RECIPE, Budget(steps=STEPS), checkpoint=state)
    found = json.loads(marks.read_text(encoding="utf-8")) if marks.exists() else []

    def mark(step):
        if step not in [row["step"] for row in found]:
            sample = wines.fresh(SPAIN, 1.0, seed=10)
            found.append({"step": step} | wines.nats(held_out) | {"sample": sample})
            marks.write_text(json.dumps(found), encoding="utf-8")

    UNFINISHED.mkdir(parents=True, exist_ok=True)
    mark(0)
    if state.exists():
        trainer.restore()
    trainer.run(lambda row: row["step"] in MARKS and mark(row["step"]))
    mark(trainer.step)
    return found, {"tokens": trainer.tokens, "epochs": round(STEPS / batches.per_epoch, 1)}


def repetition(wines, unseen):
    """La serie más larga que comparte con el entrenamiento: muestras y reseñas no vistas."""
    prompts = [PROMPTS[i % len(PROMPTS)] for i in range(SAMPLES)]
    groups = {f"t_{value}": wines.write(prompts, value) for value in (1.0, 0.5)}
    groups["unseen"] = [split_words(text)[len(PROMPTS[0].split()) :] for text in unseen[:SAMPLES]]
    found = {}
    for name, texts in groups.items():
        runs = [nearest.run for nearest in evaluation.memorisation(texts, wines.texts, RUN)]
        share = round(float(np.mean([run >= RUN for run in runs])), 3)
        found[name] = {"median": float(np.median(runs)), "longest": max(runs), "copies": share}
    return found


def other_grapes(wines, unseen):
    """Parte de los textos que nombran una uva que no está en su cabecera."""
    human = {text: text.removesuffix(description(text)).lower() for text in unseen}
    human = {text: header for text, header in human.items() if "blend" not in header}
    prompts = list(dict.fromkeys(human.values()))[:SAMPLES]
    made = zip(prompts, wines.write(prompts, 1.0, seed=500), strict=True)
    people = [(header, split_words(description(text))) for text, header in human.items()]
    return {"generated": invented(made), "people": invented(people)}


def invented(pairs):
    """Parte de las parejas (cabecera, palabras) que nombran otra uva."""
    found = [any(w in GRAPES and w not in header for w in text) for header, text in pairs]
    return round(float(np.mean(found)), 3)


def main():
    reviews = load_reviews(reviews_file())
    training, validation, test = split_reviews(reviews, seed=1)
    wines = Wines(training)
    held_out = validation[: 60 if QUICK else 500]
    ids = pad_texts(list(map(wines.words.encode, held_out)), CONFIG.context)
    curve, spent = train(wines, training, ids)
    unknown = float((ids == 1).sum() / real_tokens(ids).sum())
    result = {
        "reviews": {"training": len(training), "validation": len(validation), "test": len(test)},
        "padding_at_80": padding(pad_texts(list(map(wines.words.encode, reviews)), 81)),
        "first_ten": wines.known[:10],
        "glued": glued(reviews),
        "model": {"words": WORDS, "parameters": wines.model.count_params(), "steps": STEPS} | spent,
        "unknown_share": round(unknown, 4),
        "curve": curve,
        "samples": [wines.fresh(p, v, seed=1) for p in PROMPTS for v in (1.0, 0.5)],
        "repetition": repetition(wines, test),
        "other_grapes": other_grapes(wines, test),
    }
    text = json.dumps(result, ensure_ascii=False, indent=1)
    print(text)
    if not QUICK:
        RESULT.write_text(text + "\n", encoding="utf-8")
    shutil.rmtree(UNFINISHED)


if __name__ == "__main__":
    main()
