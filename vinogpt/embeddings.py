"""Embeddings contados: coocurrencias, PPMI, SVD y lo que se mide sobre ellos.

Es lo que enseña el capítulo 01, con los mismos nombres. `V` es el tamaño del vocabulario y `d`
la dimensión de los vectores; `E`, de forma (V, d), guarda una palabra por fila.
"""

import numpy as np


def one_hot(ids, V):
    """Filas de ceros con un 1 en la columna de cada id. ids: (N,) enteros -> (N, V)."""
    return np.eye(V)[ids]


def cooccurrence(documents, V, window):
    """Cuántas veces dos palabras caen a `window` posiciones o menos en un mismo documento.

    documents: lista de arrays de ids, uno por documento. Devuelve (V, V), simétrica.
    """
    counts = np.zeros((V, V))
    for ids in map(np.asarray, documents):
        for k in range(1, window + 1):
            np.add.at(counts, (ids[:-k], ids[k:]), 1)
    return counts + counts.T


def ppmi(counts):
    """Información mutua puntual positiva, en nats. counts: (V, V) -> (V, V), sin negativos.

    Church y Hanks (1990), https://aclanthology.org/J90-1003; la parte positiva, Bullinaria y
    Levy (2007), https://doi.org/10.3758/BF03193020.
    """
    row = counts.sum(axis=1, keepdims=True)  # (V, 1)
    column = counts.sum(axis=0, keepdims=True)  # (1, V)
    ratio = counts * counts.sum() / np.maximum(row * column, 1e-12)
    return np.log(np.maximum(ratio, 1))


def svd_embeddings(M, d):
    """Una fila de d números por palabra: M ≈ (U√S)(V√S)ᵀ, y se queda U√S. (V, V) -> (V, d).

    Deerwester y otros (1990); la raíz de S, Levy, Goldberg y Dagan (2015),
    https://doi.org/10.1162/tacl_a_00134.
    """
    U, S, _ = np.linalg.svd(M)
    return U[:, :d] * np.sqrt(S[:d])


def cosine_similarity(E, v):
    """Coseno del ángulo entre cada fila de E y v. E: (V, d), v: (d,) -> (V,), de -1 a 1.

    Una fila de ceros no apunta a ningún sitio: su coseno es 0.
    """
    lengths = np.linalg.norm(E, axis=1) * np.linalg.norm(v)
    return E @ v / np.maximum(lengths, 1e-12)


def cosine_distance(E, v):
    """Uno menos el coseno: 0 es la misma dirección. E: (V, d), v: (d,) -> (V,)."""
    return 1 - cosine_similarity(E, v)


def euclidean_distance(E, v):
    """Longitud del segmento de cada fila de E hasta v. E: (V, d), v: (d,) -> (V,)."""
    return np.linalg.norm(E - v, axis=1)


def neighbours(E, i, k, distance):
    """Los k ids más próximos a la palabra i, sin contarla a ella, del más cercano al más lejano."""
    order = np.argsort(distance(E, E[i]))
    return order[order != i][:k]


def analogy(E, a, b, c, k):
    """Los k ids que mejor completan «a es a b como c es a…», sin contar a, b ni c.

    3CosAdd, Mikolov, Yih y Zweig (2013), https://aclanthology.org/N13-1090.
    """
    a_unit, b_unit, c_unit = (E[i] / np.linalg.norm(E[i]) for i in (a, b, c))
    order = np.argsort(-cosine_similarity(E, b_unit - a_unit + c_unit))
    return order[~np.isin(order, [a, b, c])][:k]


def purity(E, labels, k):
    """Qué parte de los k vecinos por coseno comparte la clase de su palabra, de 0 a 1."""
    labels = np.asarray(labels)
    same = [labels[neighbours(E, i, k, cosine_distance)] == labels[i] for i in range(len(E))]
    return np.mean(same)


def procrustes(X, Y):
    """La matriz ortogonal W, (d, d), que más acerca X W a Y. X, Y: (N, d), filas emparejadas.

    Schönemann (1966), https://doi.org/10.1007/BF02289451.
    """
    U, _, Vt = np.linalg.svd(X.T @ Y)
    return U @ Vt
