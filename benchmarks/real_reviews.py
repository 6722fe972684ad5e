"""Reseñas reales: la receta de origen y las del curso, en las mismas reseñas y el mismo tiempo.

    VINOGPT_REVIEWS=carpeta python benchmarks/real_reviews.py [--full] [--turns N]

Las 10 001 primeras filas del archivo de Kaggle se reparten por reseña: 80 % para entrenar, 10 % de
validación, que es con lo que se mide, y 10 % que no se toca. El vocabulario, de 10 000 palabras
como mucho, sale de las de entrenamiento. En cada turno, con la misma semilla y todos los núcleos:

* ``reference``, tal cual, hasta acabar sus cinco épocas;
* ``course``, la receta de la gramática, con ese mismo tiempo;
* ``reviews``, la de las reseñas reales, con ese mismo tiempo y con la décima parte.

De ``reviews`` se apunta además cuándo alcanza la pérdida final de ``reference``: se guardan sus
pesos a cada 1 % del tiempo y se busca después en ellos. Cuenta la compilación.

La pérdida son nats por token real (el fin cuenta; comienzo y relleno, no) de los 80 primeros de
cada reseña de validación, que es lo que cabe en la ventana de ``reference``; la misma cuenta en
reseñas con que se ha entrenado dice cuánto se ha memorizado.
Solo se guardan cifras.
"""

import math
import os
from bisect import bisect_left

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from side_by_side import FULL, difference, publish, ratio, real_reviews, short, take_turns

from vinogpt import evaluation
from vinogpt.batches import corpus_batches, pad_texts
from vinogpt.corpus import split_reviews
from vinogpt.model import PRESETS, build
from vinogpt.runs import SPLIT_SEED, config_of, vocabulary_of
from vinogpt.tokenizer import WordTokenizer
from vinogpt.training import RECIPES, Budget, Trainer

EPOCHS = 5 if FULL else 0.1
TRAINING, VALIDATION, _ = split_reviews(real_reviews(), SPLIT_SEED)
VOCABULARY = vocabulary_of("real", TRAINING)
IDS = [WordTokenizer(VOCABULARY).encode(text) for text in TRAINING]
WIDTH, MANY = PRESETS["reference"].context, None if FULL else 50
HELD_OUT = pad_texts([WordTokenizer(VOCABULARY).encode(text) for text in VALIDATION[:MANY]], WIDTH)
SEEN = pad_texts(IDS[: len(HELD_OUT)], WIDTH)


def trained(preset, seed, seconds=None, keep=lambda seconds, model: None):
    """Entrena un preset ``seconds`` o, sin ellos, ``EPOCHS`` épocas: el modelo y lo que se mide.

    keep recibe los segundos y el modelo a cada 1 % de lo que dura.
    """
    keras.utils.set_random_seed(seed)
    config, recipe = config_of({"preset": preset, "source": "real"}, VOCABULARY), RECIPES[preset]
    batches = corpus_batches(IDS, recipe, config.context, seed)
    budget = Budget(steps=None if seconds else round(EPOCHS * batches.per_epoch), seconds=seconds)
    trainer = Trainer(build(config), batches, recipe, budget)
    trainer.run(lambda row: keep(row["seconds"], trainer.model))
    found = {"parameters": trainer.model.count_params(), "steps": trainer.step}
    found |= {"epochs": trainer.step / batches.per_epoch, "seconds": trainer.seconds}
    found |= {"nats": nats(trainer.model), "nats_training": nats(trainer.model, SEEN)}
    print(preset, found, flush=True)
    return trainer.model, found


def nats(model, ids=HELD_OUT):
    """Pérdida de validación o, con ``SEEN``, en reseñas con que se ha entrenado."""
    return evaluation.nats_per_token(evaluation.measure(model, ids)).mean


def time_to(goal, model, kept):
    """Los segundos de los primeros pesos de ``kept`` con pérdida ``goal`` o menor.

    Busca por mitades: supone que, una vez alcanzada, no se vuelve a perder.
    """

    def reached(moment):
        model.set_weights(moment[1])
        return nats(model) <= goal

    place = bisect_left(kept, True, key=reached)
    return kept[place][0] if place < len(kept) else math.inf


def measure(seed):
    """Un turno."""
    kept = []
    found = {"reference": trained("reference", seed)[1]}
    seconds, goal = found["reference"]["seconds"], found["reference"]["nats"]
    found["course"] = trained("course", seed, seconds)[1]
    model, found["reviews"] = trained(
        "reviews", seed, seconds, lambda now, model: kept.append((now, model.get_weights()))
    )
    found["reviews"]["seconds_to_reference"] = time_to(goal, model, kept)
    found["reviews_tenth"] = trained("reviews", seed, seconds / 10)[1]
    return found


def main():
    turns = take_turns("real_reviews", measure)
    losses = {who: [turn[who]["nats"] for turn in turns] for who in turns[0]}
    reached = [turn["reviews"]["seconds_to_reference"] for turn in turns]
    publish("real_reviews", {
        "reviews": {"train": len(TRAINING), "validation": len(HELD_OUT)},
        "vocabulary": len(VOCABULARY), "turns": turns,
        "perplexity": {who: [short(np.exp(n)) for n in own] for who, own in losses.items()},
        "over_reference": {
            who: difference(own, losses["reference"])
            for who, own in losses.items() if who != "reference"
        },
        "time_to_reference": ratio(reached, [turn["reference"]["seconds"] for turn in turns]),
    })  # fmt: skip


if __name__ == "__main__":
    main()
