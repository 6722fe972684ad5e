"""Tokens reales por segundo al entrenar: nuestro paso, ``fit`` de Keras y PyTorch.

    python benchmarks/train_speed.py [--full]

El modelo es el preset ``course`` y los tres leen las mismas reseñas de la gramática, de 32 en 32:

* Nuestro: ``Trainer``, con lotes de longitud parecida. Cuenta la compilación y hacer los lotes.
* ``fit``: el mismo modelo, como se usa en los tutoriales: todo se completa hasta la ventana, con
  ``sample_weight`` para no contar el relleno. También cuenta la compilación.
* PyTorch: ``transformers.GPT2LMHeadModel`` con las mismas capas, anchura, cabezas, vocabulario y
  ventana, y con nuestros lotes ya hechos. No tiene nada que compilar.

La razón en régimen descarta la primera mitad de cada entrenamiento. Se mide por turnos.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import time
from dataclasses import replace

import keras
import numpy as np
from peers.environment import PLACE, Missing, Peer
from side_by_side import FULL, publish, ratio, take_turns

from vinogpt import grammar
from vinogpt.batches import corpus_batches, pad_texts
from vinogpt.model import PRESETS, build
from vinogpt.ngrams import real_tokens
from vinogpt.runs import GRAMMAR_CONTEXT, vocabulary_of
from vinogpt.training import RECIPES, Budget, Trainer

VOCABULARY = vocabulary_of("grammar", [])
CONFIG = replace(PRESETS["course"], vocab_size=len(VOCABULARY), context=GRAMMAR_CONTEXT)
RECIPE = replace(RECIPES["course"], batch_size=32)
REVIEWS = 19_200 if FULL else 4_800
STEPS = REVIEWS // RECIPE.batch_size


def texts():
    """Las reseñas, como listas de ids."""
    ids = {word: i for i, word in enumerate(VOCABULARY)}
    return [[ids[word] for word in review] for review in grammar.load().sample(REVIEWS, seed=-3)]


TEXTS = texts()
TOKENS = sum(map(len, TEXTS)) + len(TEXTS)


def ours(turn):
    """Segundos en total y tokens por segundo en la segunda mitad."""
    keras.utils.set_random_seed(turn)
    start = time.perf_counter()
    batches = corpus_batches(TEXTS, RECIPE, CONFIG.context, turn)
    trainer = Trainer(build(CONFIG), batches, RECIPE, Budget(steps=STEPS))
    history = trainer.run()
    seconds, half = time.perf_counter() - start, history[len(history) // 2 - 1]
    rate = (trainer.tokens - half["tokens"]) / (trainer.seconds - half["seconds"])
    return {"seconds": seconds, "steady": rate}


class Clock(keras.callbacks.Callback):
    """Apunta cuándo acaba cada lote."""

    def on_train_begin(self, logs=None):
        self.times = []

    def on_train_batch_end(self, batch, logs=None):
        self.times.append(time.perf_counter())


def fit(turn):
    """Lo mismo con ``keras.Model.fit``."""
    keras.utils.set_random_seed(turn)
    start = time.perf_counter()
    ids = pad_texts(TEXTS, CONFIG.context)
    model, clock = build(CONFIG), Clock()
    optimizer = keras.optimizers.AdamW(RECIPE.learning_rate, global_clipnorm=RECIPE.clip)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    previous = np.pad(ids[:, :-1], ((0, 0), (1, 0)))
    weights = real_tokens(ids).astype("float32")
    model.fit(
        previous, ids, sample_weight=weights, batch_size=RECIPE.batch_size, verbose=0,
        callbacks=[clock],
    )  # fmt: skip
    half = len(clock.times) // 2
    tokens = TOKENS * (1 - half / len(clock.times))
    return {
        "seconds": time.perf_counter() - start,
        "steady": tokens / (clock.times[-1] - clock.times[half - 1]),
    }


def write_batches():
    """Los lotes de una época, para PyTorch: su archivo."""
    batches = corpus_batches(TEXTS, RECIPE, CONFIG.context, 1)
    PLACE.mkdir(parents=True, exist_ok=True)
    path = PLACE / "batches.npz"
    np.savez(path, *map(batches, range(STEPS)))
    return path


def sizes():
    """Las medidas que PyTorch necesita."""
    names = ("layers", "heads", "d", "ff", "context")
    return {name: getattr(CONFIG, name) for name in names} | {
        "V": CONFIG.vocab_size, "threads": os.cpu_count(), "batches": str(write_batches())
    }  # fmt: skip


def measure(turn):
    """Un turno de los tres; PyTorch falta si no se puede instalar."""
    result = {"ours": ours(turn), "fit": fit(turn)}
    try:
        with Peer("gpt2", **sizes()) as peer:
            half = STEPS // 2
            parts = [peer.ask(first=first, count=half) for first in (0, half)]
            result["torch"] = {"seconds": sum(part["seconds"] for part in parts)}
            result["torch"]["steady"] = TOKENS / 2 / parts[1]["seconds"]
            result["torch"]["about"] = peer.about
    except Missing as reason:
        result["torch"] = {"missing": str(reason)}
    return result


def compare(turns, peer):
    """Cuántas veces más tokens por segundo que el otro: contándolo todo y en régimen."""
    if missing := [turn[peer]["missing"] for turn in turns if "missing" in turn[peer]]:
        return {"missing": missing[0]}
    mine, theirs = ([turn[who] for turn in turns] for who in ("ours", peer))
    return {
        "counting_everything": ratio(*([t["seconds"] for t in who] for who in (theirs, mine))),
        "steady": ratio(*([t["steady"] for t in who] for who in (mine, theirs))),
        "about": theirs[0].get("about"),
    }


def main():
    turns = take_turns("train_speed", measure)
    publish("train_speed", {
        "reviews": REVIEWS, "tokens": TOKENS, "turns": turns,
        "faster_than_fit": compare(turns, "fit"), "faster_than_torch": compare(turns, "torch"),
    })  # fmt: skip


if __name__ == "__main__":
    main()
