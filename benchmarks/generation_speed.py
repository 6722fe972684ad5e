"""Tokens por segundo al generar: ``FastGenerator``, el bucle de la receta de origen y KerasHub.

    python benchmarks/generation_speed.py [--full]

Frente al bucle de origen (Foster, *Generative Deep Learning*, 2.ª ed., capítulo 9), los dos con el
preset ``reference`` y los mismos pesos: cada token, una llamada a ``predict`` con todo el texto.
Frente a KerasHub, un decodificador con caché de las mismas medidas (allí la anchura de cabeza es
d / cabezas). Todo está ya compilado cuando se mide, y se mide por turnos. También compara log q
con caché y sin ella en cada posición de los textos generados.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import time
from dataclasses import replace

import keras
import numpy as np
from keras import ops
from peers.environment import Missing, Peer
from side_by_side import FULL, publish, ratio, short, take_turns

from vinogpt.model import PRESETS, START, build, empty_cache
from vinogpt.sampling import FastGenerator, temperature

CONFIG = PRESETS["reference"]
SAME_SIZE = replace(CONFIG, key_dim=CONFIG.d // CONFIG.heads)
LENGTH = CONFIG.context - 1
STREAMS = (1, 32)
REPEATS = 5 if FULL else 1  # generaciones nuestras que se promedian en un turno


def predict_loop(model, length, rng):
    """Tokens por segundo del bucle de origen: ``predict`` con el texto entero y softmax."""
    ids, start = [START], time.perf_counter()
    for _ in range(length):
        logits = model.predict(np.array([ids]), verbose=0)[0, -1]
        p = np.exp(logits - logits.max())
        ids.append(int(rng.choice(len(p), p=p / p.sum())))
    return length / (time.perf_counter() - start)


def fast(generator, streams, seed):
    """Tokens por segundo de ``FastGenerator``, con el fin de cada texto que acaba."""
    start, tokens = time.perf_counter(), 0
    for repeat in range(REPEATS):
        texts = generator.generate([[]] * streams, LENGTH, seed=1_000 * seed + 100 * repeat)
        tokens += sum(min(len(text) + 1, LENGTH) for text in texts)
    return tokens / (time.perf_counter() - start)


def largest_difference(model, texts):
    """|Δ log q| máxima entre leer cada texto de una vez y token a token con caché."""
    ids = np.array([(text + [START] * LENGTH)[:LENGTH] for text in texts])
    full = model.log_probs(ids)  # (B, T, V)
    previous, cache = np.pad(ids[:, :-1], ((0, 0), (1, 0))), empty_cache(CONFIG, len(ids))
    cached = []
    for t in range(LENGTH):
        logits, _, cache = model.forward(previous[:, t : t + 1], cache, t)
        cached.append(ops.convert_to_numpy(ops.log_softmax(logits[:, 0])))
    return float(np.abs(np.stack(cached, axis=1) - full).max())


class Sides:
    """Los modelos, ya compilados."""

    def __init__(self):
        keras.utils.set_random_seed(1)
        self.model, self.same_size = build(CONFIG), build(SAME_SIZE)
        self.fast = FastGenerator(self.model, temperature(1.0))
        self.fast_same_size = FastGenerator(self.same_size, temperature(1.0))
        for generator in (self.fast, self.fast_same_size):
            for streams in STREAMS:
                generator.generate([[]] * streams, LENGTH)
        predict_loop(self.model, LENGTH, np.random.default_rng(0))  # compila cada longitud
        try:
            self.peer = Peer("cached_decoder", **sizes(SAME_SIZE))
            self.compile_seconds = [self.peer.ask(streams=n)["seconds"] for n in STREAMS]
        except Missing as reason:
            self.peer = str(reason)

    def measure(self, turn):
        """Un turno: tokens por segundo de cada uno."""
        result = {"predict": predict_loop(self.model, LENGTH, np.random.default_rng(turn))}
        for n in STREAMS:
            result[f"ours_{n}"] = fast(self.fast, n, turn)
            result[f"same_size_{n}"] = fast(self.fast_same_size, n, turn)
            if isinstance(self.peer, Peer):
                answers = [self.peer.ask(streams=n) for _ in range(REPEATS)]
                tokens, seconds = (sum(a[key] for a in answers) for key in ("tokens", "seconds"))
                result[f"keras_hub_{n}"] = tokens / seconds
        return result


def sizes(config):
    """Las medidas que KerasHub necesita."""
    names = ("layers", "heads", "d", "ff", "context")
    return {name: getattr(config, name) for name in names} | {"V": config.vocab_size}


def against_keras_hub(turns, peer):
    """Cuántas veces más rápido, por número de textos; o por qué no se ha medido."""
    if not isinstance(peer, Peer):
        return {"missing": peer}
    pairs = {n: [[turn[f"{who}_{n}"] for turn in turns] for who in ("same_size", "keras_hub")]
             for n in STREAMS}  # fmt: skip
    return {str(n): ratio(*pair) for n, pair in pairs.items()} | {"about": peer.about}


def main():
    sides = Sides()
    turns = take_turns("generation_speed", sides.measure)
    column = {key: [turn[key] for turn in turns] for key in turns[0]}
    texts = [sides.fast.generate([[]] * n, LENGTH) for n in STREAMS]
    publish("generation_speed", {
        "turns": [{key: round(value, 1) for key, value in turn.items()} for turn in turns],
        "over_predict": {str(n): ratio(column[f"ours_{n}"], column["predict"]) for n in STREAMS},
        "over_keras_hub": against_keras_hub(turns, sides.peer),
        "largest_difference": short(max(largest_difference(sides.model, t) for t in texts)),
    })  # fmt: skip


if __name__ == "__main__":
    main()
