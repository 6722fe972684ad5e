"""Redes recurrentes: un estado que resume lo leído y se actualiza con cada token.

Las celdas, en NumPy, dan lo mismo que las capas de Keras con sus mismos pesos. ``build_rnn`` hace
con esas capas el modelo de lenguaje que se compara con los n-gramas y con el GPT.
"""

from itertools import count, takewhile

import keras
import numpy as np
from keras import layers, ops


def rnn_cell(x, h, W, U, b):
    """Estado siguiente, tanh(x W + h U + b). x: (..., d), h: (..., C) -> (..., C).

    Elman (1990), https://doi.org/10.1207/s15516709cog1402_1.
    """
    return np.tanh(x @ W + h @ U + b)


def simple_rnn(X, h, W, U, b):
    """Todos los estados, uno por fila, desde el inicial h. X: (T, d), h: (C,) -> (T, C)."""
    states = []
    for x in X:
        h = rnn_cell(x, h, W, U, b)
        states.append(h)
    return np.stack(states)


def jacobians(states, U):
    """Cuánto cambia cada estado si cambia el anterior. states: (T, C) -> (T, C, C).

    El elemento [t, i, j] es ∂h_t[j] / ∂h_{t-1}[i] = U[i, j] (1 - h_t[j]²). El producto de varios,
    en orden, dice cuánto llega de un estado a otro lejano (Pascanu y otros, 2013,
    https://arxiv.org/abs/1211.5063).
    """
    return U * (1 - states[:, None, :] ** 2)


def clip_by_global_norm(grads, max_norm):
    """Encoge todos los gradientes por igual si su norma conjunta pasa de ``max_norm``.

    Pascanu y otros (2013), https://arxiv.org/abs/1211.5063.
    """
    norm = np.sqrt(sum(np.sum(g**2) for g in grads))
    return [g * min(1, max_norm / max(norm, 1e-12)) for g in grads]


def sigmoid(x):
    """Entre 0, puerta cerrada, y 1, abierta."""
    return 1 / (1 + np.exp(-x))


def lstm_cell(x, h, c, W, U, b):
    """Estado y memoria siguientes. x: (..., d); h, c: (..., C) -> dos (..., C).

    W: (d, 4 C), U: (C, 4 C), b: (4 C,), con las puertas de entrada, olvido, candidata y salida en
    ese orden. Hochreiter y Schmidhuber (1997), https://doi.org/10.1162/neco.1997.9.8.1735.
    """
    i, f, g, o = np.split(x @ W + h @ U + b, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_cell(x, h, W, U, b):
    """Estado siguiente. x: (..., d), h: (..., C) -> (..., C).

    W: (d, 3 C), U: (C, 3 C), b: (2, 3 C), con las puertas de conservar y reiniciar y la candidata
    en ese orden. Cho y otros (2014), https://arxiv.org/abs/1406.1078.
    """
    keep_x, reset_x, new_x = np.split(x @ W + b[0], 3, axis=-1)
    keep_h, reset_h, new_h = np.split(h @ U + b[1], 3, axis=-1)
    keep = sigmoid(keep_x + keep_h)
    new = np.tanh(new_x + sigmoid(reset_x + reset_h) * new_h)
    return keep * h + (1 - keep) * new


LAYERS = {"simple": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}


class RNN(keras.Model):
    """Embedding, capa recurrente y logits: un modelo de lenguaje de V palabras y anchura C."""

    def __init__(self, kind, V, C):
        super().__init__(name=kind)
        self.tokens = layers.Embedding(V, C, name="tokens")
        self.recurrent = LAYERS[kind](C, return_sequences=True, name="recurrent")
        self.head = layers.Dense(V, name="head")

    def call(self, ids):
        """Logits del token que sigue a cada posición. (B, T) -> (B, T, V)."""
        return self.head(self.recurrent(self.tokens(ids)))

    def log_probs(self, ids):
        """log q de cada token según los anteriores. (B, T) -> (B, T, V), en nats."""
        started = np.pad(np.asarray(ids)[:, :-1], ((0, 0), (1, 0)))  # 0 es el comienzo
        return ops.convert_to_numpy(ops.log_softmax(self(started)))


def build_rnn(kind, V, parameters):
    """La mayor ``RNN`` que no pasa de ``parameters`` parámetros. kind: "simple", "lstm" o "gru"."""
    shape = {"simple": (1, 1), "lstm": (4, 1), "gru": (3, 2)}  # puertas, y sesgos de cada una
    gates, biases = shape[kind]
    fits = takewhile(
        lambda C: 2 * V * C + V + gates * (2 * C * C + biases * C) <= parameters, count(1)
    )
    model = RNN(kind, V, max(fits))
    model(np.zeros((1, 1), int))  # crea los pesos
    return model
