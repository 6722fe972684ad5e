"""Brecha de la red de embeddings y ventana fija según la ventana: la del capítulo 02.

    python benchmarks/window_networks.py [--full]

Con ``--full`` (unos cinco minutos) entrena cada ventana con tres semillas y escribe
``benchmarks/results/window_networks.json``. Aprende de las 4000 reseñas del capítulo y mide en
sus 200 reseñas nuevas, con la misma red y el mismo entrenamiento.
"""

import keras
import numpy as np
from keras import layers, ops
from side_by_side import FULL, publish, take_turns

from vinogpt.evaluation import Truth
from vinogpt.grammar import load
from vinogpt.ngrams import left_tokens, real_tokens
from vinogpt.tokenizer import pad

MEMORY = (1, 2, 3, 4, 6, 8) if FULL else (2,)
SEEDS, REVIEWS, EPOCHS, BATCH = 3, 4_000 if FULL else 500, 3, 1_024
WINE = load()
VOCABULARY = ["", "[UNK]", *WINE.vocabulary]


def ids_of(reviews):
    """Reseñas -> (B, T), con ceros al final."""
    number = {word: i for i, word in enumerate(VOCABULARY)}
    longest = WINE.rules.longest + 1
    return np.array([pad([number[word] for word in review], longest) for review in reviews])


def windows(ids, k):
    """Los k tokens anteriores a cada uno real, (N, k); V donde no hay nada."""
    left = np.stack([left_tokens(ids, j) for j in range(k, 0, -1)], axis=-1)[real_tokens(ids)]
    return np.where(left < 0, len(VOCABULARY), left)


def loss(k, seed, train, new):
    """Nats por token real en ``new`` de una red entrenada con ``train``."""
    keras.utils.set_random_seed(seed)
    V, targets = len(VOCABULARY), train[real_tokens(train)]
    network = keras.Sequential(
        [
            layers.Embedding(V + 1, 32),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(V),
        ]
    )
    steps = EPOCHS * -(-len(targets) // BATCH)
    network.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    network.fit(windows(train, k), targets, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    q = ops.convert_to_numpy(ops.log_softmax(network(windows(new, k))))  # (N, V)
    return -float(q[np.arange(len(q)), new[real_tokens(new)]].mean())


def main():
    train, new = ids_of(WINE.sample(REVIEWS, seed=1)), ids_of(WINE.sample(200, seed=3))
    p = Truth(WINE, VOCABULARY).log_probs(new)
    floor = -float(np.take_along_axis(p, new[..., None], 2)[..., 0][real_tokens(new)].mean())
    rows = take_turns(
        "window_networks",
        lambda seed: {str(k): round(loss(k, seed, train, new) - floor, 4) for k in MEMORY},
        SEEDS,
    )
    gaps = {k: [row[k] for row in rows] for k in rows[0]}
    publish("window_networks", {"reviews": REVIEWS, "floor": round(floor, 4), "gaps": gaps})


if __name__ == "__main__":
    main()
