"""Un entrenamiento y su carpeta.

* ``card.json``, la ficha: preset, reseñas, semilla y presupuesto, y al acabar el resultado. Con
  ella sola se vuelve a preparar todo.
* ``model.npz``: pesos, medidas y vocabulario.
* ``history.json``: cómo bajó la pérdida.
* ``checkpoint.npz``: el estado completo, para reanudar.
"""

import json
import os
from dataclasses import replace
from pathlib import Path

import keras

from vinogpt import evaluation, grammar
from vinogpt.batches import corpus_batches, fresh_batches, grammar_floor, pad_texts
from vinogpt.corpus import load_reviews, split_reviews
from vinogpt.model import PRESETS, build, load, save
from vinogpt.tokenizer import PAD, UNKNOWN, WordTokenizer
from vinogpt.training import RECIPES, Budget, Trainer, use_devices

VOCABULARY = 10_000  # palabras como mucho, con reseñas reales
GRAMMAR_CONTEXT = 128  # ninguna reseña de la gramática es más larga
HELD_OUT = 500  # reseñas con las que se mide
SPLIT_SEED = 1  # el reparto no depende de la semilla: todos se miden con las mismas reseñas
SMALLEST = 20  # reseñas con las que ya se puede hacer el reparto


class RunError(Exception):
    """La carpeta o las opciones no sirven; el mensaje dice qué ha pasado y qué hacer."""


# ----------------------------------------------------------------------------- los datos


def load_texts(source):
    """Reseñas de entrenamiento, validación y prueba. Con la gramática, las primeras sobran."""
    if source == "grammar":  # semillas que ningún entrenamiento usa
        return [], load_reviews(n=HELD_OUT, seed=-1), load_reviews(n=HELD_OUT, seed=-2)
    reviews = load_reviews(source)
    if len(reviews) < SMALLEST:
        raise RunError(f"{source} tiene {len(reviews)} reseñas; hacen falta {SMALLEST} o más.")
    return split_reviews(reviews, SPLIT_SEED)


def vocabulary_of(source, training):
    """La palabra de cada id: las de la gramática o las más frecuentes."""
    if source == "grammar":
        return [PAD, UNKNOWN, *grammar.load().vocabulary]
    return WordTokenizer.train(training, VOCABULARY).vocabulary


# ------------------------------------------------------------------------ el entrenamiento


def prepare(card, checkpoint):
    """El entrenador que describe una ficha, su vocabulario y las reseñas de validación."""
    training, validation, _ = load_texts(card["source"])
    vocabulary = vocabulary_of(card["source"], training)
    config = replace(PRESETS[card["preset"]], vocab_size=len(vocabulary))
    recipe, seed, floor = RECIPES[card["preset"]], card["seed"], None
    if card["source"] == "grammar":
        config = replace(config, context=GRAMMAR_CONTEXT)
        batches = fresh_batches(grammar.load(), vocabulary, recipe, config.context, seed)
        floor = grammar_floor(grammar.load(), vocabulary)
    else:
        ids = list(map(WordTokenizer(vocabulary).encode, training))
        batches = corpus_batches(ids, recipe, config.context, seed)
    use_devices()
    keras.utils.set_random_seed(seed)
    budget = budget_of(card, batches)
    trainer = Trainer(build(config), batches, recipe, budget, floor, checkpoint)
    return trainer, vocabulary, validation


def budget_of(card, batches):
    """El presupuesto de la ficha; las épocas, en pasos."""
    steps, seconds, epochs = (card["budget"][name] for name in ("steps", "seconds", "epochs"))
    if epochs and card["source"] == "grammar":
        raise RunError("La gramática no se acaba: en lugar de --epochs usa --steps o --seconds.")
    return Budget(steps=epochs * batches.per_epoch if epochs else steps, seconds=seconds)


def finish(folder, trainer, vocabulary, card, result):
    """Escribe el modelo, el historial y la ficha con el resultado."""
    temporary = folder / "model.tmp"
    save(trainer.model, temporary, vocabulary)
    os.replace(temporary, folder / "model.npz")
    write_json(folder / "history.json", trainer.history)
    spent = {"steps": trainer.step, "tokens": trainer.tokens, "seconds": round(trainer.seconds, 1)}
    write_json(folder / "card.json", card | {"spent": spent, "validation": result})


def measure(model, vocabulary, source, reviews):
    """Pérdida y, con la gramática, brecha al límite, en las primeras ``HELD_OUT`` reseñas."""
    texts = map(WordTokenizer(vocabulary).encode, reviews[:HELD_OUT])
    ids = pad_texts(list(texts), model.config.context)
    truth = evaluation.Truth(grammar.load(), vocabulary) if source == "grammar" else None
    scores = evaluation.measure(model, ids, truth)
    nats = evaluation.nats_per_token(scores)
    result = {"nats": nats.mean, "nats_error": nats.error, "tokens": nats.count}
    result["nats_per_review"] = evaluation.nats_per_review(scores).mean
    if truth:
        gap, exact = evaluation.gap(scores), evaluation.exact_gap(scores)
        result |= {"gap": gap.mean, "gap_error": gap.error, "exact_gap": exact.mean}
    return result


# ------------------------------------------------------------------------------ la carpeta


def read_card(folder):
    """La ficha de una carpeta; vacía si no la tiene."""
    path = folder / "card.json"
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError:
        raise RunError(f"{path} está dañado. Bórralo o usa otra carpeta.") from None


def write_json(path, data):
    """Escribe ``data`` de una vez: nadie verá el archivo a medias."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, path)


def read_model(folder: Path):
    """Modelo y vocabulario de una carpeta."""
    path = folder / "model.npz"
    if not path.exists():
        raise RunError(f"No hay modelo en {folder}: falta {path.name}. Entrena uno con train.")
    try:
        return load(path)
    except Exception as error:  # según lo que falle, zip, NumPy y Keras lanzan clases distintas
        raise RunError(f"{path} no es un modelo de VinoGPT o está dañado.") from error
