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
import numpy as np

from vinogpt import evaluation, grammar, pretrained, sampling
from vinogpt.batches import corpus_batches, fresh_batches, grammar_floor, pad_texts
from vinogpt.corpus import load_reviews, split_reviews
from vinogpt.model import PRESETS, build
from vinogpt.rnn import LAYERS, RNN, build_rnn
from vinogpt.steps import several_machines, use_devices
from vinogpt.tokenizer import PAD, UNKNOWN, WordTokenizer
from vinogpt.training import RECIPES, Budget, Trainer

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
    training, validation, test = split_reviews(reviews, SPLIT_SEED)
    return training, validation[:HELD_OUT], test[:HELD_OUT]


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
    config = config_of(card, vocabulary)
    recipe, seed, floor = RECIPES[card["preset"]], card["seed"], None
    if card["source"] == "grammar":
        batches = fresh_batches(grammar.load(), vocabulary, recipe, config.context, seed)
        floor = grammar_floor(grammar.load(), vocabulary)
    else:
        ids = list(map(WordTokenizer(vocabulary).encode, training))
        batches = corpus_batches(ids, recipe, config.context, seed)
    use_devices()
    keras.utils.set_random_seed(seed)
    model = new_model(card["preset"], config)
    trainer = Trainer(model, batches, recipe, budget_of(card, batches), floor, checkpoint)
    return trainer, vocabulary, validation


def config_of(card, vocabulary):
    """Las medidas del GPT de una ficha; las de ``course``, si es de una RNN."""
    config = PRESETS.get(card["preset"], PRESETS["course"])
    context = GRAMMAR_CONTEXT if card["source"] == "grammar" else config.context
    return replace(config, vocab_size=len(vocabulary), context=context)


def new_model(preset, config):
    """Un GPT sin entrenar con esas medidas o, con casi los mismos parámetros, una RNN."""
    model = build(config)
    if preset not in LAYERS:
        return model
    return build_rnn(preset, config.vocab_size, model.count_params())


def budget_of(card, batches):
    """El presupuesto de la ficha; las épocas, en pasos."""
    steps, seconds, epochs = (card["budget"][name] for name in ("steps", "seconds", "epochs"))
    if epochs and card["source"] == "grammar":
        raise RunError("La gramática no se acaba: en lugar de --epochs usa --steps o --seconds.")
    if seconds and several_machines():
        raise RunError("Cada equipo tiene su reloj: entre varios usa --steps o --epochs.")
    return Budget(steps=epochs * batches.per_epoch if epochs else steps, seconds=seconds)


def finish(folder, trainer, vocabulary, card, result):
    """Escribe el modelo, el historial y la ficha con el resultado."""
    temporary = folder / "model.tmp"
    pretrained.write(trainer.model, temporary, vocabulary)
    os.replace(temporary, folder / "model.npz")
    write_json(folder / "history.json", trainer.history)
    spent = {"steps": trainer.step, "tokens": trainer.tokens, "seconds": round(trainer.seconds, 1)}
    write_json(folder / "card.json", card | {"spent": spent, "validation": result})


def measure(model, vocabulary, source, reviews):
    """Pérdida y, con la gramática, brecha al límite en unas reseñas que no ha leído."""
    texts = map(WordTokenizer(vocabulary).encode, reviews)
    context = GRAMMAR_CONTEXT if isinstance(model, RNN) else model.config.context
    ids = pad_texts(list(texts), context)
    truth = evaluation.Truth(grammar.load(), vocabulary) if source == "grammar" else None
    scores = evaluation.measure(model, ids, truth)
    nats = evaluation.nats_per_token(scores)
    result = {"nats": nats.mean, "nats_error": nats.error, "tokens": nats.count}
    result["nats_per_review"] = evaluation.nats_per_review(scores).mean
    if truth:
        gap, exact = evaluation.gap(scores), evaluation.exact_gap(scores)
        result |= {"gap": gap.mean, "gap_error": gap.error, "exact_gap": exact.mean}
    return result


def streamer(model, sampler):
    """``stream(prompt, seed)``, que da los ids nuevos: un GPT, según salen; una RNN, al acabar."""
    if isinstance(model, RNN):
        return lambda prompt, seed: sampling.generate(
            model, prompt, sampler, np.random.default_rng(seed), GRAMMAR_CONTEXT
        )
    fast, context = sampling.FastGenerator(model, sampler), model.config.context
    return lambda prompt, seed: fast.stream(prompt, context, seed)


# ------------------------------------------------------------------------------ la carpeta


def find(place):
    """Modelo, vocabulario y ficha: los de una carpeta o, por su nombre, uno del curso."""
    if place in pretrained.NAMES:
        return *pretrained.load(place), pretrained.card(place)
    return *read_model(Path(place)), read_card(Path(place))


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
        return pretrained.read(path)
    except Exception as error:  # según lo que falle, zip, NumPy y Keras lanzan clases distintas
        raise RunError(f"{path} no es un modelo de VinoGPT o está dañado.") from error
