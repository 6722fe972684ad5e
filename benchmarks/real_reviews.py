"""Reseñas reales: la receta de origen y las del curso, en las mismas reseñas y el mismo tiempo.

    VINOGPT_REVIEWS=carpeta python benchmarks/real_reviews.py [--full] [--turns N]

Las 10 001 primeras filas del archivo de Kaggle se reparten por reseña: 80 % para entrenar, 10 % de
validación, que es con lo que se mide, y 10 % que no se toca. El vocabulario, de 10 000 palabras
como mucho, sale de las de entrenamiento. En cada turno, con la misma semilla y todos los núcleos:

* ``reference``, tal cual, hasta acabar sus cinco épocas;
* ``course``, la receta de la gramática, con ese mismo tiempo;
* ``reviews``, la de las reseñas reales, con ese mismo tiempo, un tercio y la décima parte.

Cuenta la compilación. La pérdida son nats por token real (el fin cuenta; comienzo y relleno, no) de
los 80 primeros de cada reseña de validación, que es lo que cabe en la ventana de ``reference``.
Solo se guardan cifras.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from side_by_side import FULL, difference, publish, real_reviews, short, take_turns

from vinogpt import evaluation
from vinogpt.batches import corpus_batches, pad_texts
from vinogpt.corpus import split_reviews
from vinogpt.model import PRESETS, build
from vinogpt.runs import SPLIT_SEED, config_of, vocabulary_of
from vinogpt.tokenizer import WordTokenizer
from vinogpt.training import RECIPES, Budget, Trainer

EPOCHS = 5 if FULL else 0.1
PARTS = {"reviews": 1, "reviews_third": 3, "reviews_tenth": 10}  # del tiempo de ``reference``
TRAINING, VALIDATION, _ = split_reviews(real_reviews(), SPLIT_SEED)
VOCABULARY = vocabulary_of("real", TRAINING)
IDS = [WordTokenizer(VOCABULARY).encode(text) for text in TRAINING]
HELD_OUT = pad_texts(
    [WordTokenizer(VOCABULARY).encode(text) for text in VALIDATION[: None if FULL else 50]],
    PRESETS["reference"].context,
)


def trained(preset, seed, seconds=None):
    """Entrena un preset ``seconds`` o, sin ellos, ``EPOCHS`` épocas; devuelve lo que se mide."""
    keras.utils.set_random_seed(seed)
    config, recipe = config_of({"preset": preset, "source": "real"}, VOCABULARY), RECIPES[preset]
    batches = corpus_batches(IDS, recipe, config.context, seed)
    budget = Budget(steps=None if seconds else round(EPOCHS * batches.per_epoch), seconds=seconds)
    trainer = Trainer(build(config), batches, recipe, budget)
    trainer.run()
    nats = evaluation.nats_per_token(evaluation.measure(trainer.model, HELD_OUT))
    found = {"parameters": trainer.model.count_params(), "steps": trainer.step}
    found |= {"epochs": trainer.step / batches.per_epoch, "seconds": trainer.seconds}
    found |= {"nats": nats.mean, "nats_error": nats.error}
    print(preset, found, flush=True)
    return found


def measure(seed):
    """Un turno."""
    reference = trained("reference", seed)
    seconds = reference["seconds"]
    found = {"reference": reference, "course": trained("course", seed, seconds)}
    for name, parts in PARTS.items():
        found[name] = trained("reviews", seed, seconds / parts)
    return found


def main():
    turns = take_turns("real_reviews", measure)
    nats = {who: [turn[who]["nats"] for turn in turns] for who in turns[0]}
    publish("real_reviews", {
        "reviews": {"train": len(TRAINING), "validation": len(HELD_OUT)},
        "vocabulary": len(VOCABULARY), "turns": turns,
        "perplexity": {who: [short(np.exp(n)) for n in own] for who, own in nats.items()},
        "over_reference": {
            who: difference(own, nats["reference"])
            for who, own in nats.items() if who != "reference"
        },
    })  # fmt: skip


if __name__ == "__main__":
    main()
