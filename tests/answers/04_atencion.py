"""Respuestas a la tarea 04: las correctas en estilos distintos y las de errores típicos.

El nombre dice a qué responde cada una: `block__loops` es una respuesta de `block`. Entre las
erróneas están las funciones del capítulo y del paquete, allí donde el ejercicio pide algo más.
"""

import math
import random
from collections import deque

import numpy as np

from vinogpt.attention import attention as course_attention
from vinogpt.attention import (
    causal_mask,
    feed_forward,
    layer_norm,
    lookup,
    merge_heads,
    multi_head,
    softmax,
    split_heads,
)

RIGHT, WRONG = [], []


def right(function):
    """Anota una respuesta correcta."""
    RIGHT.append(function)
    return function


def wrong(reason):
    """Anota una respuesta errónea y su error."""

    def note(function):
        function.reason = reason
        WRONG.append(function)
        return function

    return note


# --- 4.1 attention ---------------------------------------------------------------------------


def with_weights(weights, V):
    return [weights @ V, weights]


@right
def attention__lists(Q, K, V, mask):
    output, weights = [], []
    for q, row in zip(Q.tolist(), mask.tolist(), strict=True):
        scores = [sum(map(float.__mul__, q, key)) / len(q) ** 0.5 for key in K.tolist()]
        top = max((s for s, m in zip(scores, row, strict=True) if m), default=0)
        powers = [m and math.exp(s - top) for s, m in zip(scores, row, strict=True)]
        weights.append([p / (sum(powers) or 1.0) for p in powers])
        output.append([sum(map(float.__mul__, weights[-1], column)) for column in V.T.tolist()])
    return output, weights  # las tuplas y las listas valen como arrays


@right
def attention__infinity(Q, K, V, mask):
    scores = np.where(mask, Q @ K.T / np.sqrt(Q.shape[1]), -np.inf)
    top = scores.max(axis=1, keepdims=True)
    powers = np.exp(scores - np.where(np.isinf(top), 0, top))
    return with_weights(powers / np.maximum(powers.sum(axis=1, keepdims=True), 1e-300), V)


@right
def attention__chapter_and_empty_rows(Q, K, V, mask):
    _, weights = course_attention(Q, K, V, mask)
    return with_weights(weights * mask.any(axis=1, keepdims=True), V)


@right
def attention__masked_array(Q, K, V, mask):
    hidden = mask == 0
    scores = np.ma.masked_array(np.where(hidden, 0, Q @ K.T), hidden) / np.sqrt(K.shape[1])
    powers = np.ma.exp(scores - scores.max(axis=1, keepdims=True))
    return with_weights((powers / powers.sum(axis=1, keepdims=True)).filled(0), V)


@right
def attention__float32(Q, K, V, mask):
    with np.errstate(over="ignore", invalid="ignore"):
        Q, K, V = (array.astype(np.float32) for array in (Q, K, V))
        scores = Q @ K.T / np.float32(np.sqrt(Q.shape[1]))
    powers = softmax(np.where(mask, scores, np.float32(-1e30))) * mask.astype(np.float32)
    return with_weights(powers.astype(np.float32), V)


@right
def attention__row_by_row(Q, K, V, mask):
    output, weights = np.zeros((len(Q), V.shape[1])), np.zeros(mask.shape)
    for t in range(len(Q)):
        seen = mask[t] == 1
        if seen.any():
            weights[t, seen] = softmax(K[seen] @ Q[t] * K.shape[1] ** -0.5)
            output[t] = lookup(Q[t], K[seen], V[seen])
    return [output, weights]


@right
def attention__recursive(Q, K, V, mask):
    def one(q, keys):
        """Pesos sin normalizar, su suma y la mayor puntuación, por mitades."""
        if len(keys) == 1:
            return np.ones(1), 1.0, keys[0] @ q / np.sqrt(len(q))
        half = len(keys) // 2
        (a, x, m), (b, y, n) = one(q, keys[:half]), one(q, keys[half:])
        top = max(m, n)
        p, r = np.exp(m - top), np.exp(n - top)
        return np.concatenate([a * p, b * r]), x * p + y * r, top

    weights = np.zeros(mask.shape)
    for t, row in enumerate(mask):
        if row.any():
            powers, total, _ = one(Q[t], K[row == 1])
            weights[t, row == 1] = powers / total
    return with_weights(weights, V)


@wrong("la del capítulo: en una fila vacía reparte el peso entre lo prohibido")
def attention__chapter(Q, K, V, mask):
    return course_attention(Q, K, V, mask)


@wrong("no divide entre la raíz")
def attention__no_scale(Q, K, V, mask):
    return attention__infinity(Q * np.sqrt(Q.shape[1]), K, V, mask)


@wrong("divide entre la anchura, sin raíz")
def attention__full_scale(Q, K, V, mask):
    return attention__infinity(Q / np.sqrt(Q.shape[1]), K, V, mask)


@wrong("la raíz de la anchura de los valores")
def attention__scale_of_values(Q, K, V, mask):
    return attention__infinity(Q * np.sqrt(Q.shape[1] / V.shape[1]), K, V, mask)


@wrong("la raíz del número de claves")
def attention__scale_of_keys(Q, K, V, mask):
    return attention__infinity(Q * np.sqrt(Q.shape[1] / len(K)), K, V, mask)


@wrong("tapa después de la softmax")
def attention__mask_after(Q, K, V, mask):
    return with_weights(softmax(Q @ K.T / np.sqrt(K.shape[1])) * mask, V)


@wrong("tapa después y vuelve a normalizar: lo tapado anula lo demás si es enorme")
def attention__mask_and_renormalise(Q, K, V, mask):
    weights = softmax(Q @ K.T / np.sqrt(K.shape[1])) * mask
    total = weights.sum(axis=1, keepdims=True)
    return with_weights(weights / np.where(total > 0, total, 1), V)


@wrong("suma -1e9 a lo tapado en lugar de sustituirlo")
def attention__added_mask(Q, K, V, mask):
    weights = softmax(Q @ K.T / np.sqrt(K.shape[1]) + (mask - 1) * 1e9)
    return with_weights(weights * mask.any(axis=1, keepdims=True), V)


@wrong("tapa con -1e4, que no es menor que las puntuaciones posibles")
def attention__small_constant(Q, K, V, mask):
    weights = softmax(np.where(mask, Q @ K.T / np.sqrt(K.shape[1]), -1e4))
    return with_weights(weights * mask.any(axis=1, keepdims=True), V)


@wrong("puntuación 0 en lo tapado")
def attention__masked_scores_are_zero(Q, K, V, mask):
    weights = softmax(np.where(mask, Q @ K.T, 0) / np.sqrt(K.shape[1]))
    return with_weights(weights * mask.any(axis=1, keepdims=True), V)


@wrong("softmax por columnas")
def attention__columns(Q, K, V, mask):
    scores = np.where(mask, Q @ K.T / np.sqrt(K.shape[1]), -1e30)
    weights = softmax(scores.T).T * mask
    return with_weights(weights * mask.any(axis=1, keepdims=True), V)


@wrong("máscara al revés")
def attention__inverted(Q, K, V, mask):
    return attention__infinity(Q, K, V, 1 - mask)


@wrong("niega una máscara de enteros con ~, que nunca da 0")
def attention__bitwise(Q, K, V, mask):
    scores = np.where(~mask, -1e30, Q @ K.T / np.sqrt(K.shape[1]))
    return with_weights(softmax(scores) * mask.any(axis=1, keepdims=True), V)


@wrong("sin restar la mayor: se desborda")
def attention__overflows(Q, K, V, mask):
    with np.errstate(over="ignore", invalid="ignore"):
        powers = np.exp(np.where(mask, Q @ K.T / np.sqrt(K.shape[1]), -np.inf))
        total = powers.sum(axis=1, keepdims=True)
        return with_weights(powers / np.where(total > 0, total, 1), V)


@wrong("resta la mayor de todas, también la tapada: lo visible se queda en 0")
def attention__wrong_maximum(Q, K, V, mask):
    scores = Q @ K.T / np.sqrt(K.shape[1])
    powers = np.exp(scores - scores.max(axis=1, keepdims=True)) * mask
    total = powers.sum(axis=1, keepdims=True)
    return with_weights(powers / np.where(total > 0, total, 1), V)


@wrong("NaN en una fila vacía")
def attention__nan(Q, K, V, mask):
    with np.errstate(invalid="ignore"):
        return with_weights(softmax(np.where(mask, Q @ K.T / np.sqrt(K.shape[1]), -np.inf)), V)


@wrong("pesos 0 en la fila vacía, pero la salida es la media de los valores")
def attention__mean_in_empty_rows(Q, K, V, mask):
    output, weights = attention__infinity(Q, K, V, mask)
    return [np.where(mask.any(axis=1, keepdims=True), output, V.mean(axis=0)), weights]


@wrong("suma una constante al divisor, que se nota")
def attention__epsilon(Q, K, V, mask):
    scores = np.where(mask, Q @ K.T / np.sqrt(K.shape[1]), -1e30)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True)) * mask
    return with_weights(powers / (powers.sum(axis=1, keepdims=True) + 1e-3), V)


@wrong("la clave más parecida se lo lleva todo")
def attention__hard(Q, K, V, mask):
    scores = np.where(mask, Q @ K.T, -np.inf)
    weights = np.eye(len(K))[scores.argmax(axis=1)] * mask.any(axis=1, keepdims=True)
    return with_weights(weights, V)


@wrong("compara con la distancia, como el diccionario blando")
def attention__distance(Q, K, V, mask):
    gaps = -((Q[:, None] - K) ** 2).sum(axis=2) / np.sqrt(K.shape[1])
    weights = softmax(np.where(mask, gaps, -1e30)) * mask.any(axis=1, keepdims=True)
    return with_weights(weights, V)


@wrong("reparte por igual entre lo visible")
def attention__uniform(Q, K, V, mask):
    return with_weights(mask / np.maximum(mask.sum(axis=1, keepdims=True), 1), V)


@wrong("devuelve solo la salida")
def attention__only_output(Q, K, V, mask):
    return attention__infinity(Q, K, V, mask)[0]


@wrong("los pesos antes que la salida")
def attention__swapped(Q, K, V, mask):
    return attention__infinity(Q, K, V, mask)[::-1]


@wrong("borra de V lo que no ve nadie: cambia su argumento")
def attention__mutates(Q, K, V, mask):
    V[~mask.any(axis=0)] = 0
    return attention__infinity(Q, K, V, mask)


@wrong("redondea a tres decimales")
def attention__rounds(Q, K, V, mask):
    return [np.round(part, 3) for part in attention__infinity(Q, K, V, mask)]


@wrong("todo ceros")
def attention__zeros(Q, K, V, mask):
    return [np.zeros((len(Q), V.shape[1])), np.zeros(mask.shape)]


@wrong("números al azar")
def attention__random(Q, K, V, mask):
    weights = np.random.default_rng().random(mask.shape) * mask
    return with_weights(weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9), V)


@wrong("devuelve lo que recibe")
def attention__inputs(Q, K, V, mask):
    return [V, mask]


@wrong("la respuesta del ejemplo, escrita")
def attention__written(Q, K, V, mask):
    return [np.array([[18.0, 4], [0, 0]]), np.array([[0.2, 0.8, 0], [0, 0, 0]])]


# --- 4.2 grouped_attention -------------------------------------------------------------------


def causal(Q, K, V):
    """Salida de una cabeza con máscara causal."""
    return course_attention(Q, K, V, causal_mask(len(Q)))[0]


def by_heads(x, W_Q, W_K, W_V, W_O, heads, group_of, attend=causal):
    """Suma de las cabezas; `group_of` dice de qué grupo lee cada una."""
    k, total = W_Q.shape[1] // heads, 0
    for i in range(heads):
        own, shared = (slice(n * k, n * k + k) for n in (i, group_of(i)))
        total = total + attend(x @ W_Q[:, own], x @ W_K[:, shared], x @ W_V[:, shared]) @ W_O[own]
    return total


@right
def grouped_attention__heads(x, W_Q, W_K, W_V, W_O, heads, groups):
    return by_heads(x, W_Q, W_K, W_V, W_O, heads, lambda i: i // (heads // groups))


@right
def grouped_attention__copied_keys(x, W_Q, W_K, W_V, W_O, heads, groups):
    k = W_Q.shape[1] // heads
    copies = [
        np.repeat(W.reshape(len(W), groups, k), heads // groups, axis=1).reshape(len(W), heads * k)
        for W in (W_K, W_V)
    ]
    return multi_head(x, W_Q, *copies, W_O, heads, causal_mask(len(x)))[0]


@right
def grouped_attention__token_by_token(x, W_Q, W_K, W_V, W_O, heads, groups):
    k, outputs = W_Q.shape[1] // heads, []
    for t in range(len(x)):
        K, V = ((x[: t + 1] @ W).reshape(t + 1, groups, k) for W in (W_K, W_V))
        read = []
        for i, q in enumerate((x[t] @ W_Q).reshape(heads, k)):
            g = i // (heads // groups)
            read.append(lookup(q, K[:, g], V[:, g]))
        outputs.append(np.concatenate(read) @ W_O)
    return outputs


@right
def grouped_attention__recursive(x, W_Q, W_K, W_V, W_O, heads, groups):
    if groups == 1:
        return by_heads(x, W_Q, W_K, W_V, W_O, heads, lambda i: 0)
    share = heads // groups
    q, k = W_Q.shape[1] // groups, W_K.shape[1] // groups
    first = [x, W_Q[:, :q], W_K[:, :k], W_V[:, :k], W_O[:q], share, 1]
    rest = [x, W_Q[:, q:], W_K[:, k:], W_V[:, k:], W_O[q:], heads - share, groups - 1]
    return grouped_attention__recursive(*first) + grouped_attention__recursive(*rest)


@right
def grouped_attention__folded(x, W_Q, W_K, W_V, W_O, heads, groups):
    T, share = len(x), heads // groups
    Q = split_heads(x @ W_Q, heads).reshape(groups, share * T, -1)  # una cabeza tras otra
    K, V = split_heads(x @ W_K, groups), split_heads(x @ W_V, groups)
    mixed, _ = course_attention(Q, K, V, np.tile(causal_mask(T), (share, 1)))
    return merge_heads(mixed.reshape(heads, T, -1)) @ W_O


@right
def grouped_attention__float32(x, W_Q, W_K, W_V, W_O, heads, groups):
    arrays = (array.astype(np.float32) for array in (x, W_Q, W_K, W_V, W_O))
    return grouped_attention__heads(*arrays, heads, groups)


@right
def grouped_attention__einsum(x, W_Q, W_K, W_V, W_O, heads, groups):
    d, share = x.shape[1], heads // groups
    queries = W_Q.reshape(d, groups, share, -1)
    keys, values = W_K.reshape(d, groups, -1), W_V.reshape(d, groups, -1)
    out = W_O.reshape(groups, share, -1, d)
    scores = np.einsum("td,dghk,egk,se->ghts", x, queries, keys, x, optimize=True)
    scores = scores / queries.shape[-1] ** 0.5
    scores = np.where(np.triu(np.ones_like(scores[0, 0]), 1), -1e300, scores)
    return np.einsum("ghts,sd,dgk,ghke->te", softmax(scores), x, values, out, optimize=True)


@wrong("las varias cabezas del capítulo, sin grupos")
def grouped_attention__chapter(x, W_Q, W_K, W_V, W_O, heads, groups):
    return multi_head(x, W_Q, W_K, W_V, W_O, heads, causal_mask(len(x)))[0]


@wrong("las varias cabezas del capítulo, con tantas cabezas como grupos")
def grouped_attention__chapter_groups(x, W_Q, W_K, W_V, W_O, heads, groups):
    width = W_K.shape[1]
    weights = W_Q[:, :width], W_K, W_V, W_O[:width]
    return multi_head(x, *weights, groups, causal_mask(len(x)))[0]


@wrong("reparte los grupos por turnos: i % G")
def grouped_attention__modulo(x, W_Q, W_K, W_V, W_O, heads, groups):
    return by_heads(x, W_Q, W_K, W_V, W_O, heads, lambda i: i % groups)


@wrong("grupo i // G")
def grouped_attention__wrong_division(x, W_Q, W_K, W_V, W_O, heads, groups):
    return by_heads(x, W_Q, W_K, W_V, W_O, heads, lambda i: min(i // groups, groups - 1))


@wrong("todas las cabezas leen el primer grupo")
def grouped_attention__first_group(x, W_Q, W_K, W_V, W_O, heads, groups):
    return by_heads(x, W_Q, W_K, W_V, W_O, heads, lambda i: 0)


@wrong("los grupos al revés")
def grouped_attention__reversed(x, W_Q, W_K, W_V, W_O, heads, groups):
    share = heads // groups
    return by_heads(x, W_Q, W_K, W_V, W_O, heads, lambda i: groups - 1 - i // share)


@wrong("las claves son del grupo y los valores, del primero")
def grouped_attention__values_of_first(x, W_Q, W_K, W_V, W_O, heads, groups):
    k = W_Q.shape[1] // heads
    values = np.tile(W_V[:, :k], groups)
    return grouped_attention__heads(x, W_Q, W_K, values, W_O, heads, groups)


@wrong("promedia las consultas de cada grupo")
def grouped_attention__mean_query(x, W_Q, W_K, W_V, W_O, heads, groups):
    k, share = W_Q.shape[1] // heads, heads // groups
    mean = W_Q.reshape(len(W_Q), groups, share, k).mean(axis=2, keepdims=True)
    shared = np.repeat(mean, share, axis=2).reshape(W_Q.shape)
    return grouped_attention__heads(x, shared, W_K, W_V, W_O, heads, groups)


@wrong("sin máscara")
def grouped_attention__no_mask(x, W_Q, W_K, W_V, W_O, heads, groups):
    def attend(Q, K, V):
        return course_attention(Q, K, V, np.ones((len(Q), len(Q))))[0]

    return by_heads(x, W_Q, W_K, W_V, W_O, heads, lambda i: i * groups // heads, attend)


@wrong("tapa después de la softmax: el futuro entra en el denominador")
def grouped_attention__mask_after(x, W_Q, W_K, W_V, W_O, heads, groups):
    def attend(Q, K, V):
        return softmax(Q @ K.T / np.sqrt(Q.shape[1])) * causal_mask(len(Q)) @ V

    return by_heads(x, W_Q, W_K, W_V, W_O, heads, lambda i: i * groups // heads, attend)


@wrong("cada posición mira solo a las anteriores y no a sí misma")
def grouped_attention__strict_mask(x, W_Q, W_K, W_V, W_O, heads, groups):
    def attend(Q, K, V):
        return course_attention(Q, K, V, np.tri(len(Q), k=-1))[0]

    return by_heads(x, W_Q, W_K, W_V, W_O, heads, lambda i: i * groups // heads, attend)


@wrong("la máscara deja ver una posición de más")
def grouped_attention__loose_mask(x, W_Q, W_K, W_V, W_O, heads, groups):
    def attend(Q, K, V):
        return course_attention(Q, K, V, np.tri(len(Q), k=1))[0]

    return by_heads(x, W_Q, W_K, W_V, W_O, heads, lambda i: i * groups // heads, attend)


@wrong("la máscara traspuesta: mira al futuro")
def grouped_attention__anticausal(x, W_Q, W_K, W_V, W_O, heads, groups):
    return grouped_attention__heads(x[::-1], W_Q, W_K, W_V, W_O, heads, groups)[::-1]


@wrong("solo mira las tres últimas posiciones")
def grouped_attention__window(x, W_Q, W_K, W_V, W_O, heads, groups):
    def attend(Q, K, V):
        return course_attention(Q, K, V, np.tri(len(Q)) - np.tri(len(Q), k=-3))[0]

    return by_heads(x, W_Q, W_K, W_V, W_O, heads, lambda i: i * groups // heads, attend)


@wrong("softmax por columnas")
def grouped_attention__columns(x, W_Q, W_K, W_V, W_O, heads, groups):
    def attend(Q, K, V):
        scores = np.where(causal_mask(len(Q)), Q @ K.T / np.sqrt(Q.shape[1]), -1e9)
        return softmax(scores.T).T @ V

    return by_heads(x, W_Q, W_K, W_V, W_O, heads, lambda i: i * groups // heads, attend)


@wrong("divide entre la raíz de d")
def grouped_attention__scale_of_model(x, W_Q, W_K, W_V, W_O, heads, groups):
    scale = np.sqrt(W_Q.shape[1] / heads / x.shape[1])
    return grouped_attention__heads(x, W_Q * scale, W_K, W_V, W_O, heads, groups)


@wrong("supone que la anchura de cabeza es d / H")
def grouped_attention__assumed_width(x, W_Q, W_K, W_V, W_O, heads, groups):
    scale = np.sqrt(W_Q.shape[1] / x.shape[1])
    return grouped_attention__heads(x, W_Q * scale, W_K, W_V, W_O, heads, groups)


@wrong("divide entre la raíz de H k")
def grouped_attention__scale_of_all(x, W_Q, W_K, W_V, W_O, heads, groups):
    return grouped_attention__heads(x, W_Q / np.sqrt(heads), W_K, W_V, W_O, heads, groups)


@wrong("no divide")
def grouped_attention__no_scale(x, W_Q, W_K, W_V, W_O, heads, groups):
    scale = np.sqrt(W_Q.shape[1] // heads)
    return grouped_attention__heads(x, W_Q * scale, W_K, W_V, W_O, heads, groups)


@wrong("cree que las columnas de las cabezas van intercaladas")
def grouped_attention__interleaved(x, W_Q, W_K, W_V, W_O, heads, groups):
    order = np.arange(W_Q.shape[1]).reshape(-1, heads).T.ravel()
    return grouped_attention__heads(x, W_Q[:, order], W_K, W_V, W_O, heads, groups)


@wrong("junta las cabezas sin trasponer")
def grouped_attention__merged_without_transpose(x, W_Q, W_K, W_V, W_O, heads, groups):
    k, share = W_Q.shape[1] // heads, heads // groups
    mixed = [
        causal(x @ W_Q[:, i * k :][:, :k], *(x @ W[:, i // share * k :][:, :k] for W in (W_K, W_V)))
        for i in range(heads)
    ]
    return np.array(mixed).reshape(len(x), heads * k) @ W_O


@wrong("promedia las cabezas en lugar de sumarlas")
def grouped_attention__mean(x, W_Q, W_K, W_V, W_O, heads, groups):
    return grouped_attention__heads(x, W_Q, W_K, W_V, W_O, heads, groups) / heads


@wrong("suma además la entrada")
def grouped_attention__residual(x, W_Q, W_K, W_V, W_O, heads, groups):
    return x + grouped_attention__heads(x, W_Q, W_K, W_V, W_O, heads, groups)


@wrong("sin restar la mayor puntuación: se desborda")
def grouped_attention__overflows(x, W_Q, W_K, W_V, W_O, heads, groups):
    def attend(Q, K, V):
        powers = np.exp(Q @ K.T / np.sqrt(Q.shape[1])) * causal_mask(len(Q))
        return powers / powers.sum(axis=1, keepdims=True) @ V

    with np.errstate(over="ignore", invalid="ignore"):
        return by_heads(x, W_Q, W_K, W_V, W_O, heads, lambda i: i * groups // heads, attend)


@wrong("una sola softmax para todas las cabezas del grupo")
def grouped_attention__joint_softmax(x, W_Q, W_K, W_V, W_O, heads, groups):
    T, share, k = len(x), heads // groups, W_Q.shape[1] // heads
    Q = split_heads(x @ W_Q, heads).reshape(groups, share, T, k)
    K, V = split_heads(x @ W_K, groups), split_heads(x @ W_V, groups)
    scores = np.einsum("gitk,gsk->gtis", Q, K) / np.sqrt(k)
    scores = np.where(causal_mask(T)[:, None], scores, -1e9)
    weights = softmax(scores.reshape(groups, T, share * T)).reshape(scores.shape)
    return np.einsum("gtis,gsk->tgik", weights, V).reshape(T, -1) @ W_O


@wrong("devuelve x")
def grouped_attention__input(x, W_Q, W_K, W_V, W_O, heads, groups):
    return x


@wrong("ceros")
def grouped_attention__zeros(x, W_Q, W_K, W_V, W_O, heads, groups):
    return np.zeros(x.shape)


@wrong("números al azar")
def grouped_attention__random(x, W_Q, W_K, W_V, W_O, heads, groups):
    return np.random.default_rng().normal(size=x.shape)


@wrong("la respuesta del ejemplo, escrita")
def grouped_attention__written(x, W_Q, W_K, W_V, W_O, heads, groups):
    return np.array([[4.0, 20], [6, 45]])


@wrong("sin consultas: cada cabeza da la media de lo anterior")
def grouped_attention__means(x, W_Q, W_K, W_V, W_O, heads, groups):
    return grouped_attention__heads(x, 0 * W_Q, W_K, W_V, W_O, heads, groups)


def keras_oracle(keras, x, W_Q, W_K, W_V, W_O, heads, groups):
    """Lo mismo, con la capa de Keras y los mismos pesos; recibe el módulo ya importado."""
    d, k = x.shape[1], W_Q.shape[1] // heads
    layer = keras.layers.GroupQueryAttention(k, heads, groups, use_bias=False)
    layer.build((1, *x.shape), (1, *x.shape))
    shapes = [(d, heads, k), (d, groups, k), (d, groups, k), (heads, k, d)]
    matrices = zip((W_Q, W_K, W_V, W_O), shapes, strict=True)
    layer.set_weights([W.reshape(shape) for W, shape in matrices])
    return np.array(layer(x[None], x[None], use_causal_mask=True))[0]


# --- 4.3 block -------------------------------------------------------------------------------


def rms(x, gain, epsilon=1e-6):
    return gain * x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + epsilon)


def silu(z):
    return z * (1 + np.tanh(z / 2)) / 2


def pre_norm(x, attend, gain_1, gain_2, dense, norm=rms):
    """El plano del bloque, con la red y la norma que se den."""
    h = x + attend(norm(x, gain_1))
    return h + dense(norm(h, gain_2))


def swiglu(n, W_gate, W_up, W_down):
    return silu(n @ W_gate) * (n @ W_up) @ W_down


@right
def block__plain(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    x = x + attend(rms(x, gain_1))
    return x + swiglu(rms(x, gain_2), W_gate, W_up, W_down)


@right
def block__loops(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    def normal(row, gain):
        size = math.sqrt(sum(a * a for a in row) / len(row) + 1e-6)
        return [g * a / size for a, g in zip(row, gain, strict=True)]

    def through(row, W):
        return [sum(a * w for a, w in zip(row, column, strict=True)) for column in W.T]

    update = attend([normal(row, gain_1) for row in x])
    rows = [[a + u for a, u in zip(*pair, strict=True)] for pair in zip(x, update, strict=True)]
    for row in rows:
        n = normal(row, gain_2)
        gate = [a / (1 + math.exp(-a)) if a > -700 else 0.0 for a in through(n, W_gate)]
        gated = np.array(gate) * through(n, W_up)
        row[:] = [a + b for a, b in zip(row, through(gated, W_down), strict=True)]
    return rows


@right
def block__row_by_row(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    h = x + np.array(attend(np.array([rms(row, gain_1) for row in x])))
    return np.stack([row + swiglu(rms(row, gain_2), W_gate, W_up, W_down) for row in h])


@right
def block__float32(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    arrays = [array.astype(np.float32) for array in (gain_1, gain_2, W_gate, W_up, W_down)]
    with np.errstate(over="ignore"):
        return block__einsum(x.astype(np.float32), attend, *arrays)


@right
def block__einsum(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    def normal(rows, gain):
        size = np.sqrt(np.einsum("td,td->t", rows, rows) / rows.shape[1] + np.float32(1e-6))
        return np.einsum("td,d,t->td", rows, gain, 1 / size)

    h = x + np.asarray(attend(normal(x, gain_1)), dtype=x.dtype)
    z, up = (np.einsum("td,df->tf", normal(h, gain_2), W) for W in (W_gate, W_up))
    return h + np.einsum("tf,tf,fd->td", z / (1 + np.exp(-z)), up, W_down)


@right
def block__logaddexp(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    def dense(n):
        z = n @ W_gate
        return (z * np.exp(-np.logaddexp(0, -z)) * (n @ W_up)) @ W_down

    return pre_norm(x, attend, gain_1, gain_2, dense)


@right
def block__norm_of_vectors(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    def normal(rows, gain):
        padded = np.hstack([rows, np.full((len(rows), 1), np.sqrt(rows.shape[1] * 1e-6))])
        unit = rows / np.linalg.norm(padded, axis=1, keepdims=True)
        return unit * np.sqrt(rows.shape[1]) * gain

    W_both = np.hstack([W_gate, W_up])

    def dense(n):
        z, up = np.split(n @ W_both, 2, axis=1)
        return (silu(z) * up) @ W_down

    return pre_norm(x, attend, gain_1, gain_2, dense, normal)


@wrong("el bloque del capítulo: normalización de capa y ReLU")
def block__chapter(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    x = x + attend(layer_norm(x, gain_1, 0))
    return x + feed_forward(layer_norm(x, gain_2, 0), W_gate, 0, W_down, 0)


@wrong("normalización de capa: resta la media")
def block__layer_norm(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    def norm(rows, gain):
        return layer_norm(rows, gain, 0)

    return pre_norm(x, attend, gain_1, gain_2, lambda n: swiglu(n, W_gate, W_up, W_down), norm)


@wrong("la segunda norma resta la media")
def block__mixed_norms(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    h = x + attend(rms(x, gain_1))
    return h + swiglu(layer_norm(h, gain_2, 0), W_gate, W_up, W_down)


@wrong("ReLU en la puerta")
def block__relu_gate(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    def dense(n):
        return (np.maximum(n @ W_gate, 0) * (n @ W_up)) @ W_down

    return pre_norm(x, attend, gain_1, gain_2, dense)


@wrong("sigmoide en la puerta, sin multiplicar por z")
def block__sigmoid_gate(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    def dense(n):
        return ((1 + np.tanh(n @ W_gate / 2)) / 2 * (n @ W_up)) @ W_down

    return pre_norm(x, attend, gain_1, gain_2, dense)


@wrong("GELU en la puerta")
def block__gelu_gate(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    def dense(n):
        z = n @ W_gate
        return (silu(1.702 * z) / 1.702 * (n @ W_up)) @ W_down

    return pre_norm(x, attend, gain_1, gain_2, dense)


@wrong("silu en la subida y no en la puerta")
def block__swapped_gate(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    return block__plain(x, attend, gain_1, gain_2, W_up, W_gate, W_down)


@wrong("silu en las dos proyecciones")
def block__two_gates(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    def dense(n):
        return (silu(n @ W_gate) * silu(n @ W_up)) @ W_down

    return pre_norm(x, attend, gain_1, gain_2, dense)


@wrong("sin puerta: solo la subida")
def block__no_gate(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    return pre_norm(x, attend, gain_1, gain_2, lambda n: silu(n @ W_up) @ W_down)


@wrong("suma la puerta en lugar de multiplicar")
def block__added_gate(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    return pre_norm(x, attend, gain_1, gain_2, lambda n: (silu(n @ W_gate) + n @ W_up) @ W_down)


@wrong("silu con exp(z) / (1 + exp(z)), que se desborda")
def block__overflows(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    def dense(n):
        z = n @ W_gate
        with np.errstate(over="ignore", invalid="ignore"):
            return (z * np.exp(z) / (1 + np.exp(z)) * (n @ W_up)) @ W_down

    return pre_norm(x, attend, gain_1, gain_2, dense)


@wrong("normaliza después de cada suma, como el artículo original")
def block__post_norm(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    h = rms(x + attend(x), gain_1)
    return rms(h + swiglu(h, W_gate, W_up, W_down), gain_2)


@wrong("normaliza lo que se lee y también la salida")
def block__norm_at_the_end(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    return rms(block__plain(x, attend, gain_1, gain_2, W_gate, W_up, W_down), gain_2)


@wrong("normaliza el residuo: suma a lo normalizado y no a x")
def block__normalised_residual(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    n = rms(x, gain_1)
    h = n + attend(n)
    n = rms(h, gain_2)
    return n + swiglu(n, W_gate, W_up, W_down)


@wrong("normaliza lo que suma la atención")
def block__normalised_update(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    h = x + rms(attend(x), gain_1)
    return h + swiglu(rms(h, gain_2), W_gate, W_up, W_down)


@wrong("attend lee x sin normalizar")
def block__raw_attention(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    h = x + attend(x)
    return h + swiglu(rms(h, gain_2), W_gate, W_up, W_down)


@wrong("la red lee h sin normalizar")
def block__raw_dense(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    h = x + attend(rms(x, gain_1))
    return h + swiglu(h, W_gate, W_up, W_down)


@wrong("sin el primer residuo")
def block__no_first_residual(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    h = np.array(attend(rms(x, gain_1)))
    return h + swiglu(rms(h, gain_2), W_gate, W_up, W_down)


@wrong("sin el segundo residuo")
def block__no_second_residual(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    h = x + attend(rms(x, gain_1))
    return swiglu(rms(h, gain_2), W_gate, W_up, W_down)


@wrong("el segundo residuo es x y no h")
def block__residual_of_input(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    h = x + attend(rms(x, gain_1))
    return x + swiglu(rms(h, gain_2), W_gate, W_up, W_down)


@wrong("las dos piezas en paralelo: la red lee x")
def block__parallel(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    return x + attend(rms(x, gain_1)) + swiglu(rms(x, gain_2), W_gate, W_up, W_down)


@wrong("primero la red y después la atención")
def block__dense_first(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    h = x + swiglu(rms(x, gain_2), W_gate, W_up, W_down)
    return h + attend(rms(h, gain_1))


@wrong("la misma ganancia en las dos normas")
def block__one_gain(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    return block__plain(x, attend, gain_1, gain_1, W_gate, W_up, W_down)


@wrong("las ganancias cambiadas")
def block__swapped_gains(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    return block__plain(x, attend, gain_2, gain_1, W_gate, W_up, W_down)


@wrong("sin ganancias")
def block__no_gain(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    return block__plain(x, attend, 1, 1, W_gate, W_up, W_down)


@wrong("suma 1 a la ganancia")
def block__shifted_gain(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    return block__plain(x, attend, 1 + gain_1, 1 + gain_2, W_gate, W_up, W_down)


def block_with_norm(x, attend, gain_1, gain_2, weights, norm):
    with np.errstate(invalid="ignore", divide="ignore"):
        return pre_norm(x, attend, gain_1, gain_2, lambda n: swiglu(n, *weights), norm)


@wrong("épsilon fuera de la raíz")
def block__epsilon_outside(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    def norm(rows, gain):
        return gain * rows / (np.sqrt((rows**2).mean(axis=1, keepdims=True)) + 1e-6)

    return block_with_norm(x, attend, gain_1, gain_2, (W_gate, W_up, W_down), norm)


@wrong("épsilon 1e-5")
def block__large_epsilon(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    def norm(rows, gain):
        return rms(rows, gain, 1e-5)

    return block_with_norm(x, attend, gain_1, gain_2, (W_gate, W_up, W_down), norm)


@wrong("sin épsilon")
def block__no_epsilon(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    def norm(rows, gain):
        return rms(rows, gain, 0)

    return block_with_norm(x, attend, gain_1, gain_2, (W_gate, W_up, W_down), norm)


@wrong("épsilon solo en la primera norma")
def block__epsilon_once(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    h = x + attend(rms(x, gain_1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return h + swiglu(rms(h, gain_2, 0), W_gate, W_up, W_down)


@wrong("divide por la longitud y no por la raíz de la media")
def block__length(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    def norm(rows, gain):
        return gain * rows / np.sqrt((rows**2).sum(axis=1, keepdims=True) + 1e-6)

    return block_with_norm(x, attend, gain_1, gain_2, (W_gate, W_up, W_down), norm)


@wrong("normaliza por columnas")
def block__columns(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    def norm(rows, gain):
        return gain * rows / np.sqrt((rows**2).mean(axis=0) + 1e-6)

    return block_with_norm(x, attend, gain_1, gain_2, (W_gate, W_up, W_down), norm)


@wrong("una sola norma para todas las filas")
def block__whole_array(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    def norm(rows, gain):
        return gain * rows / np.sqrt((rows**2).mean() + 1e-6)

    return block_with_norm(x, attend, gain_1, gain_2, (W_gate, W_up, W_down), norm)


@wrong("olvida la raíz")
def block__mean_square(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    def norm(rows, gain):
        return gain * rows / ((rows**2).mean(axis=1, keepdims=True) + 1e-6)

    return block_with_norm(x, attend, gain_1, gain_2, (W_gate, W_up, W_down), norm)


@wrong("llama dos veces a attend")
def block__two_calls(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    h = x + (attend(rms(x, gain_1)) + attend(rms(x, gain_1))) / 2
    return h + swiglu(rms(h, gain_2), W_gate, W_up, W_down)


@wrong("llama a attend fila a fila")
def block__attend_by_rows(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    h = x + np.concatenate([attend(row[None]) for row in rms(x, gain_1)])
    return h + swiglu(rms(h, gain_2), W_gate, W_up, W_down)


@wrong("suma sobre x y cambia su argumento")
def block__mutates(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    x += attend(rms(x, gain_1))
    return x + swiglu(rms(x, gain_2), W_gate, W_up, W_down)


@wrong("sin la red")
def block__no_dense(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    return x + attend(rms(x, gain_1))


@wrong("devuelve x")
def block__input(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    attend(rms(x, gain_1))
    return x


@wrong("ceros")
def block__zeros(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    return np.zeros(x.shape)


@wrong("números al azar")
def block__random(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    return x + np.random.default_rng().normal(size=x.shape)


@wrong("la respuesta del ejemplo, escrita")
def block__written(x, attend, gain_1, gain_2, W_gate, W_up, W_down):
    change = 2.25 * np.log(3) * (W_down != 0).any()
    return np.array([[8 + change, 8 - change]])


# --- 4.4 windowed_step -----------------------------------------------------------------------


def grown(cache, project, x):
    """La consulta, y las claves y los valores con los nuevos al final."""
    q, key, value = project(x)
    return q, np.vstack([cache[0], key]), np.vstack([cache[1], value])


def last(rows, n):
    return rows[max(len(rows) - n, 0) :]


@right
def windowed_step__lookup(x, cache, project, w):
    q, K, V = grown(cache, project, x)
    return [lookup(q, K, V), [last(K, w - 1), last(V, w - 1)]]


@right
def windowed_step__deque(x, cache, project, w):
    q, key, value = project(x)
    pairs = deque(zip(*cache, strict=True), maxlen=w)
    pairs.append((key, value))
    top = max(key @ q for key, _ in pairs)
    powers = [math.exp((key @ q - top) / math.sqrt(len(q))) for key, _ in pairs]
    output = sum(p * value for p, (_, value) in zip(powers, pairs, strict=True)) / sum(powers)
    while len(pairs) > w - 1:
        pairs.popleft()
    K, V = ([pair[n] for pair in pairs] for n in (0, 1))
    return output, (np.reshape(K, (-1, len(q))), np.reshape(V, (-1, len(value))))


@right
def windowed_step__chapter_attention(x, cache, project, w):
    q, K, V = grown(cache, project, x)
    output, _ = course_attention(q[None], K, V, np.ones((1, len(K))))
    keep = np.arange(len(K)) > len(K) - w
    return [output[0], [K[keep], V[keep]]]


@right
def windowed_step__drop_the_oldest(x, cache, project, w):
    q, key, value = project(x)
    K, V = np.concatenate([cache[0], key[None]]), np.concatenate([cache[1], value[None]])
    a = softmax(np.einsum("nk,k->n", K, q) / len(q) ** 0.5)
    full = len(K) == w
    return [np.einsum("n,nv->v", a, V), [K[1:], V[1:]] if full else [K, V]]


@right
def windowed_step__float32(x, cache, project, w):
    q, key, value = (part.astype(np.float32) for part in project(x))
    K = np.vstack([cache[0], key]).astype(np.float32)
    V = np.vstack([cache[1], value]).astype(np.float32)
    weights = softmax(K @ q / np.float32(np.sqrt(len(q))))
    return [weights @ V, [last(K, w - 1), last(V, w - 1)]]


@right
def windowed_step__running_sums(x, cache, project, w):
    q, K, V = grown(cache, project, x)
    top, total, mixed = -np.inf, 0.0, 0.0  # una pasada, sin guardar los pesos
    for key, value in zip(K, V, strict=True):
        score = key @ q / np.sqrt(len(q))
        new = max(top, score)
        total = total * np.exp(top - new) + np.exp(score - new)
        mixed = mixed * np.exp(top - new) + np.exp(score - new) * value
        top = new
    first = len(K) + 1 - w
    return [mixed / total, [np.delete(part, range(first), axis=0) for part in (K, V)]]


@wrong("con w = 1 guarda todo: K[-0:]")
def windowed_step__minus_zero(x, cache, project, w):
    q, K, V = grown(cache, project, x)
    return [lookup(q, K, V), [K[-(w - 1) :], V[-(w - 1) :]]]


@wrong("guarda w filas: la ventana tiene una de más")
def windowed_step__one_too_many(x, cache, project, w):
    q, K, V = grown(cache, project, x)
    return [lookup(q, K, V), [last(K, w), last(V, w)]]


@wrong("guarda w filas y solo mira las w últimas")
def windowed_step__keeps_w(x, cache, project, w):
    q, K, V = grown(cache, project, x)
    return [lookup(q, last(K, w), last(V, w)), [last(K, w), last(V, w)]]


@wrong("guarda w - 2 filas")
def windowed_step__one_too_few(x, cache, project, w):
    q, K, V = grown(cache, project, x)
    return [lookup(q, K, V), [last(K, max(w - 2, 0)), last(V, max(w - 2, 0))]]


@wrong("descarta antes de mirar")
def windowed_step__drops_first(x, cache, project, w):
    q, K, V = grown(cache, project, x)
    K, V = last(K, max(w - 1, 1)), last(V, max(w - 1, 1))
    return [lookup(q, K, V), [last(K, w - 1), last(V, w - 1)]]


@wrong("una caché que crece sin límite")
def windowed_step__no_limit(x, cache, project, w):
    q, K, V = grown(cache, project, x)
    return [lookup(q, K, V), [K, V]]


@wrong("guarda todo y solo mira la ventana")
def windowed_step__masks_the_past(x, cache, project, w):
    q, K, V = grown(cache, project, x)
    return [lookup(q, last(K, w), last(V, w)), [K, V]]


@wrong("se queda con las filas más antiguas")
def windowed_step__keeps_the_oldest(x, cache, project, w):
    q, K, V = grown(cache, project, x)
    return [lookup(q, K, V), [K[: w - 1], V[: w - 1]]]


@wrong("el token no se mira a sí mismo")
def windowed_step__not_itself(x, cache, project, w):
    q, K, V = grown(cache, project, x)
    output = lookup(q, *cache) if len(cache[0]) else V[-1]
    return [output, [last(K, w - 1), last(V, w - 1)]]


@wrong("solo se mira a sí mismo")
def windowed_step__only_itself(x, cache, project, w):
    _, K, V = grown(cache, project, x)
    return [V[-1], [last(K, w - 1), last(V, w - 1)]]


@wrong("añade lo nuevo al principio")
def windowed_step__prepends(x, cache, project, w):
    q, key, value = project(x)
    K, V = np.vstack([key, cache[0]]), np.vstack([value, cache[1]])
    return [lookup(q, K, V), [K[: w - 1], V[: w - 1]]]


@wrong("guarda los valores donde las claves")
def windowed_step__swapped_cache(x, cache, project, w):
    q, K, V = grown(cache, project, x)
    return [lookup(q, K, V), [last(V, w - 1), last(K, w - 1)]]


@wrong("pregunta con la clave en lugar de la consulta")
def windowed_step__key_as_query(x, cache, project, w):
    _, K, V = grown(cache, project, x)
    return [lookup(K[-1], K, V), [last(K, w - 1), last(V, w - 1)]]


@wrong("la media de los valores, sin puntuar")
def windowed_step__mean(x, cache, project, w):
    _, K, V = grown(cache, project, x)
    return [V.mean(axis=0), [last(K, w - 1), last(V, w - 1)]]


@wrong("no divide entre la raíz")
def windowed_step__no_scale(x, cache, project, w):
    q, K, V = grown(cache, project, x)
    return [softmax(K @ q) @ V, [last(K, w - 1), last(V, w - 1)]]


@wrong("la raíz de la anchura de los valores")
def windowed_step__scale_of_values(x, cache, project, w):
    q, K, V = grown(cache, project, x)
    return [softmax(K @ q / np.sqrt(V.shape[1])) @ V, [last(K, w - 1), last(V, w - 1)]]


@wrong("la raíz de la ventana")
def windowed_step__scale_of_window(x, cache, project, w):
    q, K, V = grown(cache, project, x)
    return [softmax(K @ q / np.sqrt(len(K))) @ V, [last(K, w - 1), last(V, w - 1)]]


@wrong("sin restar la mayor puntuación: se desborda")
def windowed_step__overflows(x, cache, project, w):
    q, K, V = grown(cache, project, x)
    with np.errstate(over="ignore", invalid="ignore"):
        powers = np.exp(K @ q / np.sqrt(len(q)))
        return [powers @ V / powers.sum(), [last(K, w - 1), last(V, w - 1)]]


@wrong("tapa con 0 las puntuaciones negativas")
def windowed_step__clips(x, cache, project, w):
    q, K, V = grown(cache, project, x)
    scores = np.maximum(K @ q, 0) / np.sqrt(len(q))
    return [softmax(scores) @ V, [last(K, w - 1), last(V, w - 1)]]


@wrong("proyecta tres veces: una para cada cosa")
def windowed_step__three_calls(x, cache, project, w):
    q, key, value = (project(x)[n] for n in range(3))
    K, V = np.vstack([cache[0], key]), np.vstack([cache[1], value])
    return [lookup(q, K, V), [last(K, w - 1), last(V, w - 1)]]


@wrong("guarda el texto fuera y lo proyecta entero en cada paso")
def windowed_step__whole_text(x, cache, project, w, texts=[]):  # noqa: B006 (es el error)
    if not len(cache[0]):
        texts.clear()
    texts.append(x)
    parts = [project(row) for row in texts[-w:]]
    q, K, V = parts[-1][0], np.array([p[1] for p in parts]), np.array([p[2] for p in parts])
    return [lookup(q, K, V), [last(K, w - 1), last(V, w - 1)]]


@wrong("una sola caché, en una variable de fuera")
def windowed_step__global_cache(x, cache, project, w, shared={}):  # noqa: B006 (es el error)
    if not len(cache[0]) or "cache" not in shared:
        shared["cache"] = cache
    q, K, V = grown(shared["cache"], project, x)
    shared["cache"] = [last(K, w - 1), last(V, w - 1)]
    return [lookup(q, K, V), shared["cache"]]


@wrong("un contador de pasos, fuera, decide cuándo descartar")
def windowed_step__global_counter(x, cache, project, w, steps=[0]):  # noqa: B006 (es el error)
    steps[0] = 1 if not len(cache[0]) else steps[0] + 1
    q, K, V = grown(cache, project, x)
    first = 1 if steps[0] >= w else 0
    return [lookup(q, K, V), [K[first:], V[first:]]]


@wrong("añade a la caché que recibe: cambia su argumento")
def windowed_step__mutates(x, cache, project, w):
    q, cache[0], cache[1] = grown(cache, project, x)
    output = lookup(q, *cache)
    cache[:] = [last(cache[0], w - 1), last(cache[1], w - 1)]
    return [output, cache]


@wrong("olvida la caché: siempre vacía")
def windowed_step__forgets(x, cache, project, w):
    q, K, V = grown(cache, project, x)
    return [lookup(q, K, V), [K[:0], V[:0]]]


@wrong("devuelve solo la salida")
def windowed_step__only_output(x, cache, project, w):
    q, K, V = grown(cache, project, x)
    return lookup(q, K, V)


@wrong("la salida con un eje de más")
def windowed_step__extra_axis(x, cache, project, w):
    output, new = windowed_step__lookup(x, cache, project, w)
    return [output[None], new]


@wrong("la atención con todo el pasado, como una caché sin ventana que se vacía al llenarse")
def windowed_step__blocks(x, cache, project, w):
    q, K, V = grown(cache, project, x)
    full = len(K) >= w
    return [lookup(q, K, V), [K[:0], V[:0]] if full else [K, V]]


@wrong("ceros")
def windowed_step__zeros(x, cache, project, w):
    _, K, V = grown(cache, project, x)
    return [0 * V[-1], [last(K, w - 1), last(V, w - 1)]]


@wrong("números al azar")
def windowed_step__random(x, cache, project, w):
    _, K, V = grown(cache, project, x)
    return [random.random() + 0 * V[-1], [last(K, w - 1), last(V, w - 1)]]


@wrong("devuelve lo que recibe")
def windowed_step__inputs(x, cache, project, w):
    return [project(x)[2], cache]


@wrong("las salidas del ejemplo, escritas")
def windowed_step__written(x, cache, project, w):
    _, K, V = grown(cache, project, x)
    output = {4.0: 4.0, 8.0: 7.0, 20.0: 11.0}.get(float(V[-1, 0]), 0.0) + 0 * V[-1]
    return [output, [last(K, w - 1), last(V, w - 1)]]


# --- 4.5 importance --------------------------------------------------------------------------


def variation(p, q):
    return np.abs(np.array(p) - q).sum() / 2


def effects(next_probs, ids, candidates, distance=variation):
    """El efecto de cada candidato en cada posición, sin contar el propio token."""
    base = next_probs(ids)
    return [
        [
            distance(base, next_probs([*ids[:t], c, *ids[t + 1 :]]))
            for c in candidates
            if c != ids[t]
        ]
        for t in range(len(ids))
    ]


@right
def importance__lists(next_probs, ids, candidates):
    found = effects(next_probs, ids.tolist(), sorted(set(candidates)))
    return [max(row, default=0.0) for row in found]


@right
def importance__every_candidate(next_probs, ids, candidates):
    table = np.zeros((len(ids), len(candidates)))
    base = np.array(next_probs(ids))
    for t, j in np.ndindex(*table.shape):
        changed = np.where(np.arange(len(ids)) == t, candidates[j], ids)
        table[t, j] = np.maximum(next_probs(changed) - base, 0).sum()
    return table.max(axis=1)


@right
def importance__overlap(next_probs, ids, candidates):
    base, result = np.array(next_probs(ids)), np.zeros(len(ids))
    for t in range(len(ids)):
        work = ids.copy()
        for c in {*candidates} - {int(ids[t])}:
            work[t] = c
            after = np.array(next_probs(work))
            if not np.array_equal(after, base):
                result[t] = max(result[t], 1 - np.minimum(after, base).sum())
    return result


@right
def importance__remembers(next_probs, ids, candidates):
    known = {}

    def ask(key):
        if key not in known:
            known[key] = next_probs(np.array(key))
        return known[key]

    key = tuple(ids.tolist())
    return np.array(
        [
            max(variation(ask(key), ask((*key[:t], c, *key[t + 1 :]))) for c in candidates)
            for t in range(len(ids))
        ],
        dtype=np.float32,
    )


@wrong("la media de los candidatos en lugar del mayor")
def importance__mean(next_probs, ids, candidates):
    found = effects(next_probs, ids.tolist(), candidates)
    return [np.mean(row) if row else 0.0 for row in found]


@wrong("el menor de los candidatos")
def importance__smallest(next_probs, ids, candidates):
    return [min(row, default=0.0) for row in effects(next_probs, ids.tolist(), candidates)]


@wrong("solo el primer candidato, como un cambio del capítulo")
def importance__first_candidate(next_probs, ids, candidates):
    found = effects(next_probs, ids.tolist(), candidates)
    return [row[0] if row else 0.0 for row in found]


@wrong("sin la mitad: llega a 2")
def importance__no_half(next_probs, ids, candidates):
    found = effects(next_probs, ids.tolist(), candidates)
    return [2 * max(row, default=0.0) for row in found]


@wrong("la mayor diferencia de una sola palabra")
def importance__largest_difference(next_probs, ids, candidates):
    def distance(p, q):
        return np.abs(np.array(p) - q).max()

    found = effects(next_probs, ids.tolist(), candidates, distance)
    return [max(row, default=0.0) for row in found]


@wrong("distancia euclídea")
def importance__euclid(next_probs, ids, candidates):
    def distance(p, q):
        return np.linalg.norm(np.array(p) - q)

    found = effects(next_probs, ids.tolist(), candidates, distance)
    return [max(row, default=0.0) for row in found]


@wrong("divergencia KL")
def importance__kl(next_probs, ids, candidates):
    def distance(p, q):
        return float(np.sum(np.array(p) * np.log(np.array(p) / q)))

    found = effects(next_probs, ids.tolist(), candidates, distance)
    return [max(row, default=0.0) for row in found]


@wrong("no deshace el cambio anterior: se acumulan")
def importance__accumulates(next_probs, ids, candidates):
    base, result, work = next_probs(ids), np.zeros(len(ids)), ids.copy()
    for t in range(len(ids)):
        for c in candidates:
            if c != ids[t]:
                work[t] = c
                result[t] = max(result[t], variation(base, next_probs(work)))
    return result


@wrong("no vuelve a poner el token: mide cada cambio respecto al candidato anterior")
def importance__moving_base(next_probs, ids, candidates):
    result = np.zeros(len(ids))
    for t in range(len(ids)):
        before = next_probs(ids)
        for c in candidates:
            changed = ids.copy()
            changed[t] = c
            after = next_probs(changed)
            result[t] = max(result[t], variation(before, after))
            before = after
    return result


@wrong("borra la posición en lugar de sustituirla")
def importance__deletes(next_probs, ids, candidates):
    base = next_probs(ids)
    kept = [np.delete(ids, t) for t in range(len(ids))]
    padded = [np.append(row, 0) for row in kept]
    return [variation(base, next_probs(row)) for row in padded]


@wrong("pide otra vez el reparto del texto con cada candidato")
def importance__asks_again(next_probs, ids, candidates):
    result = np.zeros(len(ids))
    for t in range(len(ids)):
        for c in candidates:
            changed = ids.copy()
            changed[t] = c
            result[t] = max(result[t], variation(next_probs(ids), next_probs(changed)))
    return result


@wrong("compara con todo el vocabulario y no con los candidatos")
def importance__whole_vocabulary(next_probs, ids, candidates):
    words = list(range(len(next_probs(ids))))
    return [max(row, default=0.0) for row in effects(next_probs, ids.tolist(), words)]


@wrong("cambia los ids que recibe")
def importance__mutates(next_probs, ids, candidates):
    base, result = next_probs(ids), np.zeros(len(ids))
    for t in range(len(ids)):
        old = ids[t]
        for c in candidates:
            ids[t] = c
            result[t] = max(result[t], variation(base, next_probs(ids)))
        ids[t] = old + 1
    return result


@wrong("normaliza para que sumen 1")
def importance__normalised(next_probs, ids, candidates):
    found = np.array(importance__lists(next_probs, ids, candidates))
    return found / max(found.sum(), 1e-9)


@wrong("ceros")
def importance__zeros(next_probs, ids, candidates):
    return np.zeros(len(ids))


@wrong("números al azar")
def importance__random(next_probs, ids, candidates):
    return np.random.default_rng().random(len(ids))


@wrong("la respuesta del ejemplo, escrita")
def importance__written(next_probs, ids, candidates):
    return np.array([0.3, 0, 0.4])


# --- 4.6 block_cost --------------------------------------------------------------------------


def costs(parameters, multiplications, cache_numbers):
    return {
        "parameters": parameters,
        "multiplications": multiplications,
        "cache_numbers": cache_numbers,
    }


@right
def block_cost__arrays(d, heads, key_width, ff, T):
    width = heads * key_width
    weights = [np.empty((d, width))] * 3 + [np.empty((width, d)), np.empty((d, ff))]
    biases = [np.empty(width)] * 3 + [np.empty(d)] * 6 + [np.empty(ff)]
    weights.append(np.empty((ff, d)))
    pairs = heads * T * T * key_width
    return costs(
        sum(array.size for array in weights + biases),
        T * sum(array.size for array in weights) + 2 * pairs,
        2 * heads * T * key_width,
    )


@right
def block_cost__by_head(d, heads, key_width, ff, T):
    parameters = d + ff + d + 2 * d * ff + 2 * (d + d)
    multiplications = cache_numbers = 0
    for _ in range(heads):
        parameters += 3 * (d + 1) * key_width + key_width * d
        multiplications += T * key_width * (3 * d + T + T + d)
        cache_numbers += T * key_width + T * key_width
    return costs(parameters, multiplications + T * d * ff + T * ff * d, cache_numbers)


@right
def block_cost__factored(d, heads, key_width, ff, T):
    w = heads * key_width
    return costs(
        4 * d * w + 3 * w + 2 * d * ff + ff + 6 * d, 2 * T * (2 * d * w + T * w + d * ff), 2 * T * w
    )


@right
def block_cost__token_by_token(d, heads, key_width, ff, T):
    w = heads * key_width
    dense = (d + 1) * ff + (ff + 1) * d
    work = sum(4 * d * w + 2 * d * ff + 2 * T * w for _ in range(T))
    return costs(np.int64(3 * (d + 1) * w + (w + 1) * d + dense + 4 * d), work, np.int64(2 * T * w))


@wrong("sin sesgos")
def block_cost__no_bias(d, heads, key_width, ff, T):
    found = block_cost__factored(d, heads, key_width, ff, T)
    return {**found, "parameters": 4 * d * heads * key_width + 2 * d * ff}


@wrong("sin normas")
def block_cost__no_norms(d, heads, key_width, ff, T):
    found = block_cost__factored(d, heads, key_width, ff, T)
    return {**found, "parameters": found["parameters"] - 4 * d}


@wrong("normas sin sesgo, como RMSNorm, o una sola norma")
def block_cost__rms_norms(d, heads, key_width, ff, T):
    found = block_cost__factored(d, heads, key_width, ff, T)
    return {**found, "parameters": found["parameters"] - 2 * d}


@wrong("supone que H por la anchura de cabeza es d")
def block_cost__assumes_width(d, heads, key_width, ff, T):
    return block_cost__factored(d, 1, d, ff, T)


@wrong("olvida multiplicar por las cabezas")
def block_cost__one_head(d, heads, key_width, ff, T):
    return block_cost__factored(d, 1, key_width, ff, T)


@wrong("supone una red de anchura 4 d")
def block_cost__wide_dense(d, heads, key_width, ff, T):
    return block_cost__factored(d, heads, key_width, ff if (d, ff) == (256, 256) else 4 * d, T)


@wrong("la tabla del capítulo: 4 T d² + 2 T² d + 8 T d²")
def block_cost__chapter(d, heads, key_width, ff, T):
    found = block_cost__factored(d, heads, key_width, ff, T)
    return {**found, "multiplications": 12 * T * d**2 + 2 * T**2 * d}


@wrong("la máscara causal ahorra la mitad")
def block_cost__causal_half(d, heads, key_width, ff, T):
    found = block_cost__factored(d, heads, key_width, ff, T)
    saved = T * (T - 1) * heads * key_width
    return {**found, "multiplications": found["multiplications"] - saved}


@wrong("cuenta sumas y multiplicaciones")
def block_cost__flops(d, heads, key_width, ff, T):
    found = block_cost__factored(d, heads, key_width, ff, T)
    return {**found, "multiplications": 2 * found["multiplications"]}


@wrong("olvida los pesos por V")
def block_cost__one_product(d, heads, key_width, ff, T):
    found = block_cost__factored(d, heads, key_width, ff, T)
    return {**found, "multiplications": found["multiplications"] - T * T * heads * key_width}


@wrong("olvida la proyección de salida")
def block_cost__no_output(d, heads, key_width, ff, T):
    found, w = block_cost__factored(d, heads, key_width, ff, T), heads * key_width
    found["parameters"] -= (w + 1) * d
    return {**found, "multiplications": found["multiplications"] - T * w * d}


@wrong("la caché guarda solo las claves")
def block_cost__only_keys(d, heads, key_width, ff, T):
    found = block_cost__factored(d, heads, key_width, ff, T)
    return {**found, "cache_numbers": T * heads * key_width}


@wrong("la caché guarda los mapas")
def block_cost__maps(d, heads, key_width, ff, T):
    return {**block_cost__factored(d, heads, key_width, ff, T), "cache_numbers": heads * T * T}


@wrong("números con decimales")
def block_cost__floats(d, heads, key_width, ff, T):
    found = block_cost__factored(d, heads, key_width, ff, T)
    return {name: value / 1 for name, value in found.items()}


@wrong("una lista en lugar de un diccionario")
def block_cost__list(d, heads, key_width, ff, T):
    return list(block_cost__factored(d, heads, key_width, ff, T).values())


@wrong("ceros")
def block_cost__zeros(d, heads, key_width, ff, T):
    return costs(0, 0, 0)


@wrong("números al azar")
def block_cost__random(d, heads, key_width, ff, T):
    return costs(*(random.randrange(10**7) for _ in range(3)))


@wrong("la respuesta del ejemplo, escrita")
def block_cost__written(d, heads, key_width, ff, T):
    return costs(658_688, 58_982_400, 81_920)
