"""Atención y las demás piezas de un bloque Transformer, con NumPy.

Es lo que enseña el capítulo 04, con los mismos nombres. `T` es el número de posiciones, `d` la
anchura de cada vector, `H` el número de cabezas y `k` la anchura de una cabeza. Vaswani y otros
(2017), https://arxiv.org/abs/1706.03762, salvo donde se diga otra cosa.
"""

import numpy as np


def softmax(x):
    """Números positivos que suman 1 a lo largo del último eje. (…, n) -> (…, n)."""
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def causal_mask(n_dest, n_src=None):
    """1 donde la posición de la fila puede mirar a la de la columna. Devuelve (n_dest, n_src).

    Si hay más columnas que filas, las filas son las últimas posiciones.

    >>> causal_mask(2).tolist()
    [[1, 0], [1, 1]]
    """
    n_src = n_dest if n_src is None else n_src
    return np.tri(n_dest, n_src, n_src - n_dest, dtype=int)


def lookup(q, K, V):
    """Lee de V según lo que q se parece a cada clave. q: (k,), K: (n, k), V: (n, v) -> (v,)."""
    scores = np.array([q @ key for key in K]) / np.sqrt(len(q))
    weights = softmax(scores)
    return sum(weight * value for weight, value in zip(weights, V, strict=True))


def attention(Q, K, V, mask):
    """Todas las consultas a la vez. Q: (…, T, k), K: (…, S, k), V: (…, S, v), mask: (T, S).

    Devuelve la salida, (…, T, v), y los pesos, (…, T, S). Donde la máscara vale 0, el peso es 0.
    """
    scores = Q @ K.swapaxes(-1, -2) / np.sqrt(Q.shape[-1])
    weights = softmax(np.where(mask, scores, -1e9))
    return weights @ V, weights


def split_heads(x, H):
    """Reparte las columnas entre las cabezas: (T, H k) -> (H, T, k)."""
    return x.reshape(len(x), H, -1).swapaxes(0, 1)


def merge_heads(x):
    """Vuelve a poner las cabezas en fila: (H, T, k) -> (T, H k)."""
    return x.swapaxes(0, 1).reshape(x.shape[1], -1)


def multi_head(x, W_Q, W_K, W_V, W_O, H, mask):
    """H atenciones en paralelo. x: (T, d); W_Q, W_K, W_V: (d, H k); W_O: (H k, d).

    Devuelve la salida, (T, d), y los pesos de cada cabeza, (H, T, T).
    """
    Q, K, V = (split_heads(x @ W, H) for W in (W_Q, W_K, W_V))
    mixed, weights = attention(Q, K, V, mask)
    return merge_heads(mixed) @ W_O, weights


def frequencies(width):
    """Cuántos radianes avanza por posición cada par de coordenadas: width // 2 números."""
    half = width // 2
    return 10_000.0 ** (-np.arange(half) / half)


def sinusoidal_positions(T, d):
    """Un vector por posición: d/2 senos y d/2 cosenos, de rápidos a lentos. Devuelve (T, d)."""
    angles = np.outer(np.arange(T), frequencies(d))
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1)


def rotate(x, positions):
    """RoPE: gira cada par de coordenadas un ángulo proporcional a su posición.

    x: (…, T, k), positions: (T,) -> (…, T, k). El producto de dos vectores girados solo depende
    de la distancia entre sus posiciones. Su y otros (2021), https://arxiv.org/abs/2104.09864.
    """
    angles = np.outer(positions, frequencies(x.shape[-1]))
    a, b = np.split(x, 2, axis=-1)
    return np.concatenate(
        [a * np.cos(angles) - b * np.sin(angles), a * np.sin(angles) + b * np.cos(angles)], axis=-1
    )


def layer_norm(x, gain, bias):
    """Cada fila, con media 0 y varianza 1; después se escala y se desplaza. (…, d) -> (…, d).

    Ba, Kiros y Hinton (2016), https://arxiv.org/abs/1607.06450.
    """
    centred = x - x.mean(axis=-1, keepdims=True)
    return gain * centred / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-6) + bias


def feed_forward(x, W_1, b_1, W_2, b_2):
    """Dos capas con una ReLU en medio, en cada posición por separado. (T, d) -> (T, d)."""
    return np.maximum(x @ W_1 + b_1, 0) @ W_2 + b_2
