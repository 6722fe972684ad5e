"""Respuestas a la tarea 03: las correctas en estilos distintos y las de errores típicos.

El nombre dice a qué responde cada una: `log_norms__columns` es una respuesta de `log_norms`. Entre
las erróneas están las funciones del capítulo y del paquete, allí donde el ejercicio pide algo más.
"""

import ast
import math
from importlib.util import find_spec
from pathlib import Path

import numpy as np

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


def from_package(module, *names):
    """Funciones de un módulo del paquete que solo usan NumPy, sin importar Keras con él."""
    found = {"np": np}
    for node in ast.parse(Path(find_spec(module).origin).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name in names:
            exec(ast.unparse(node), found)
    return [found[name] for name in names]


rnn_cell, simple_rnn, jacobians, clip_by_global_norm = from_package(
    "vinogpt.rnn", "rnn_cell", "simple_rnn", "jacobians", "clip_by_global_norm"
)
sigmoid, lstm_cell, gru_cell = from_package("vinogpt.rnn", "sigmoid", "lstm_cell", "gru_cell")


# Las del capítulo que no están en el paquete.


def forward(x, w, u, b):
    h = [0.0]
    for t in range(len(x)):
        h.append(np.tanh(w * x[t] + u * h[-1] + b))
    return np.array(h)


def backward(x, h, y, u):
    a, delta = np.zeros(len(x)), h[-1] - y
    for t in reversed(range(len(x))):
        a[t] = delta * (1 - h[t + 1] ** 2)
        delta = a[t] * u
    return a


def distant_norms(J):
    product, norms = np.eye(J.shape[1]), []
    for step in J[::-1]:
        product = step @ product
        norms.append(np.linalg.norm(product, 2))
    return np.array(norms)


# --- 3.1 rnn_states --------------------------------------------------------------------------


@right
def rnn_states__loops(X, W, U, b, h, lengths):
    (B, T, d), C = X.shape, len(b)
    states = np.zeros((B, T, C))
    for i in range(B):
        state = list(h[i])
        for t in range(T):
            if t < lengths[i]:
                state = [
                    math.tanh(
                        b[j]
                        + sum(X[i, t, m] * W[m, j] for m in range(d))
                        + sum(state[m] * U[m, j] for m in range(C))
                    )
                    for j in range(C)
                ]
            states[i, t] = state
    return states


@right
def rnn_states__chapter_and_padding(X, W, U, b, h, lengths):
    rows = []
    for x, start, n in zip(X, h, lengths, strict=True):
        read = np.vstack([start, simple_rnn(x[:n], start, W, U, b)]) if n else start[None]
        rows.append(read[np.minimum(np.arange(1, len(x) + 1), n)])
    return np.array(rows)


@right
def rnn_states__recursive(X, W, U, b, h, lengths):
    if X.shape[1] == 0:
        return np.zeros((*X.shape[:2], len(b)))
    new = np.tanh(np.einsum("id,dc->ic", X[:, 0], W) + np.einsum("ic,ck->ik", h, U) + b)
    h = np.where(lengths[:, None] > 0, new, h)
    rest = rnn_states__recursive(X[:, 1:], W, U, b, h, lengths - 1)
    return np.concatenate([h[:, None], rest], axis=1)


@right
def rnn_states__float32(X, W, U, b, h, lengths):
    X, W, U, b, h = (a.astype(np.float32) for a in (X, W, U, b, h))
    inputs = X @ W + b  # todas las entradas, de una vez
    on = (np.arange(X.shape[1]) < lengths[:, None]).astype(np.float32)[..., None]
    states = np.empty((*X.shape[:2], len(b)), dtype=np.float32)
    for t in range(X.shape[1]):
        h = on[:, t] * np.tanh(inputs[:, t] + h @ U) + (1 - on[:, t]) * h
        states[:, t] = h
    return states


@right
def rnn_states__only_active_rows(X, W, U, b, h, lengths):
    h, states = h.copy(), []
    for t in range(X.shape[1]):
        active = np.flatnonzero(lengths > t)
        h[active] = np.tanh(X[active, t] @ W + h[active] @ U + b)
        states.append(h.copy())
    return np.moveaxis(states, 0, 1)


@right
def rnn_states__everything_then_hold(X, W, U, b, h, lengths):
    states = [h]
    for t in range(X.shape[1]):
        states.append(np.tanh(X[:, t] @ W + states[-1] @ U + b))
    last = np.minimum(np.arange(1, X.shape[1] + 1), lengths[:, None])  # (B, T)
    return np.array(states)[last, np.arange(len(h))[:, None]].tolist()


@wrong("la del capítulo y del paquete, fila a fila: no mira las longitudes")
def rnn_states__chapter(X, W, U, b, h, lengths):
    return np.stack([simple_rnn(x, start, W, U, b) for x, start in zip(X, h, strict=True)])


@wrong("la del capítulo, con el lote como si fuera el tiempo")
def rnn_states__chapter_as_is(X, W, U, b, h, lengths):
    return simple_rnn(X, h, W, U, b)


@wrong("el tiempo es el primer eje del resultado")
def rnn_states__time_first(X, W, U, b, h, lengths):
    return rnn_states__only_active_rows(X, W, U, b, h, lengths).swapaxes(0, 1)


@wrong("ceros tras el final")
def rnn_states__zeros_after_end(X, W, U, b, h, lengths):
    on = np.arange(X.shape[1]) < lengths[:, None]
    return rnn_states__chapter(X, W, U, b, h, lengths) * on[..., None]


@wrong("el inicial tras el final")
def rnn_states__initial_after_end(X, W, U, b, h, lengths):
    on = (np.arange(X.shape[1]) < lengths[:, None])[..., None]
    return np.where(on, rnn_states__chapter(X, W, U, b, h, lengths), h[:, None])


@wrong("borra la entrada del relleno, pero el estado sigue cambiando")
def rnn_states__masks_input(X, W, U, b, h, lengths):
    on = np.arange(X.shape[1]) < lengths[:, None]
    return rnn_states__chapter(X * on[..., None], W, U, b, h, lengths)


@wrong("se detiene una posición tarde")
def rnn_states__one_late(X, W, U, b, h, lengths):
    return rnn_states__only_active_rows(X, W, U, b, h, lengths + 1)


@wrong("se detiene una posición antes")
def rnn_states__one_early(X, W, U, b, h, lengths):
    return rnn_states__only_active_rows(X, W, U, b, h, lengths - 1)


@wrong("todo el lote se detiene con la reseña más corta")
def rnn_states__shortest(X, W, U, b, h, lengths):
    return rnn_states__only_active_rows(X, W, U, b, h, np.full_like(lengths, lengths.min()))


@wrong("empieza en ceros")
def rnn_states__from_zero(X, W, U, b, h, lengths):
    return rnn_states__only_active_rows(X, W, U, b, 0 * h, lengths)


@wrong("sin sesgo")
def rnn_states__no_bias(X, W, U, b, h, lengths):
    return rnn_states__only_active_rows(X, W, U, 0 * b, h, lengths)


@wrong("el sesgo, solo en el primer paso")
def rnn_states__bias_once(X, W, U, b, h, lengths):
    first = rnn_states__only_active_rows(X[:, :1], W, U, b, h, np.minimum(lengths, 1))
    rest = np.maximum(lengths - 1, 0)
    others = [rnn_states__only_active_rows(X[:, 1:], W, U, 0 * b, first[:, 0], rest)]
    return np.concatenate([first, *others], axis=1) if X.shape[1] > 1 else first


@wrong("U traspuesta")
def rnn_states__transposed(X, W, U, b, h, lengths):
    return rnn_states__only_active_rows(X, W, U.T, b, h, lengths)


@wrong("sin tanh")
def rnn_states__linear(X, W, U, b, h, lengths):
    states = []
    for t in range(X.shape[1]):
        h = np.where((t < lengths)[:, None], X[:, t] @ W + h @ U + b, h)
        states.append(h)
    return np.stack(states, axis=1)


@wrong("sigmoide en lugar de tanh")
def rnn_states__sigmoid(X, W, U, b, h, lengths):
    states = []
    for t in range(X.shape[1]):
        new = (1 + np.tanh((X[:, t] @ W + h @ U + b) / 2)) / 2
        h = np.where((t < lengths)[:, None], new, h)
        states.append(h)
    return np.stack(states, axis=1)


@wrong("no arrastra el estado: usa siempre el inicial")
def rnn_states__no_carry(X, W, U, b, h, lengths):
    new = np.tanh(X @ W + (h @ U + b)[:, None])
    last = np.clip(lengths - 1, 0, None)[:, None]
    hold = np.take_along_axis(new, np.minimum(np.arange(X.shape[1]), last)[..., None], axis=1)
    return np.where((lengths > 0)[:, None, None], hold, h[:, None])


@wrong("solo el último estado")
def rnn_states__last_only(X, W, U, b, h, lengths):
    return rnn_states__only_active_rows(X, W, U, b, h, lengths)[:, -1]


@wrong("el estado inicial también, T + 1 posiciones")
def rnn_states__with_initial(X, W, U, b, h, lengths):
    states = rnn_states__only_active_rows(X, W, U, b, h, lengths)
    return np.concatenate([h[:, None], states], axis=1)


@wrong("el estado antes de leer cada posición")
def rnn_states__before_reading(X, W, U, b, h, lengths):
    return rnn_states__with_initial(X, W, U, b, h, lengths)[:, :-1]


@wrong("con longitud 0 lee una posición")
def rnn_states__at_least_one(X, W, U, b, h, lengths):
    return rnn_states__only_active_rows(X, W, U, b, h, np.maximum(lengths, 1))


@wrong("modifica el estado inicial")
def rnn_states__mutates(X, W, U, b, h, lengths):
    states = []
    for t in range(X.shape[1]):
        h[lengths > t] = np.tanh(X[:, t] @ W + h @ U + b)[lengths > t]
        states.append(h.copy())
    return np.stack(states, axis=1)


@wrong("guarda T veces el mismo array")
def rnn_states__aliased(X, W, U, b, h, lengths):
    h, states = h.copy(), []
    for t in range(X.shape[1]):
        h[lengths > t] = np.tanh(X[:, t] @ W + h @ U + b)[lengths > t]
        states.append(h)
    return np.stack(states, axis=1)


@wrong("redondea a dos decimales")
def rnn_states__rounds(X, W, U, b, h, lengths):
    return np.round(rnn_states__only_active_rows(X, W, U, b, h, lengths), 2)


@wrong("el estado inicial, repetido")
def rnn_states__constant(X, W, U, b, h, lengths):
    return np.repeat(h[:, None], X.shape[1], axis=1)


@wrong("ceros")
def rnn_states__zeros(X, W, U, b, h, lengths):
    return np.zeros((*X.shape[:2], len(b)))


@wrong("devuelve su entrada")
def rnn_states__input(X, W, U, b, h, lengths):
    return X


@wrong("números al azar")
def rnn_states__random(X, W, U, b, h, lengths):
    return np.random.default_rng(0).uniform(-1, 1, (*X.shape[:2], len(b)))


@wrong("el ejemplo, de memoria")
def rnn_states__hard_coded(X, W, U, b, h, lengths):
    return np.array([[[0.46212], [0.68104], [0.68104]], [[0.3], [0.3], [0.3]]])


# --- 3.2 truncated_gradients -----------------------------------------------------------------


@right
def truncated_gradients__by_distance(x, y, w, u, b, k):
    T, h = len(x), forward(x, w, u, b)
    now, slope = h[1:], 1 - h[1:] ** 2
    a, total = 2 * (now - y) / T * slope, np.zeros(3)
    for j in range(min(k, T)):  # a[i]: lo que el error i + j envía al paso i
        total += [a @ x[: T - j], a @ h[: T - j], a.sum()]
        a = a[1:] * u * slope[: T - j - 1]
    return [np.mean((now - y) ** 2), *total]


@right
def truncated_gradients__chapter_prefixes(x, y, w, u, b, k):
    T, h = len(x), forward(x, w, u, b)
    grads = np.zeros(3)
    for t in range(1, T + 1):
        a = backward(x[:t], h[: t + 1], y[t - 1], u)[-k:] * 2 / T
        first = max(t - k, 0)
        grads += [a @ x[first:t], a @ h[first:t], a.sum()]
    return [float(np.mean((h[1:] - y) ** 2)), *grads.tolist()]


@right
def truncated_gradients__band_matrix(x, y, w, u, b, k):
    T, h = len(x), forward(x, w, u, b)
    slope = 1 - h[1:] ** 2
    reach = np.zeros((T, T))
    for s in range(T):
        reach[s, s] = slope[s]
        for t in range(s + 1, T):
            reach[t, s] = reach[t - 1, s] * u * slope[t]
    distance = np.subtract.outer(np.arange(T), np.arange(T))
    band = reach * ((distance >= 0) & (distance < k))
    sources = np.stack([x, h[:-1], np.ones(T)], axis=1)  # (T, 3)
    error = h[1:] - y
    return np.append(error @ error / T, np.einsum("t,ts,sn->n", 2 * error / T, band, sources))


@right
def truncated_gradients__forward_mode(x, y, w, u, b, k):
    T, h = len(x), forward(x, w, u, b)
    result = [0.0] * 4
    for t in range(T):
        moved = np.zeros(3)  # derivada de h respecto a w, u y b, desde k pasos antes
        for s in range(max(0, t + 1 - k), t + 1):
            moved = (1 - h[s + 1] ** 2) * (np.array([x[s], h[s], 1]) + u * moved)
        error = h[t + 1] - y[t]
        result[0] += error * error / T
        for n in range(3):
            result[n + 1] += 2 * error * moved[n] / T
    return result


@right
def truncated_gradients__frozen_state_differences(x, y, w, u, b, k):
    T, h, tiny = len(x), forward(x, w, u, b), 1e-6

    def error(t, w, u, b):
        state = h[max(0, t + 1 - k)]  # congelado: no depende de los pesos
        for s in range(max(0, t + 1 - k), t + 1):
            state = np.tanh(w * x[s] + u * state + b)
        return (state - y[t]) ** 2

    def loss(w, u, b):
        return sum(error(t, w, u, b) for t in range(T)) / T

    theta = np.array([w, u, b], dtype=float)
    slopes = [(loss(*theta + e) - loss(*theta - e)) / (2 * tiny) for e in tiny * np.eye(3)]
    return [loss(w, u, b), *slopes]


@right
def truncated_gradients__recursive(x, y, w, u, b, k):
    T, h = len(x), forward(x, w, u, b)

    def back(delta, s, left):
        if s == 0 or left == 0:
            return np.zeros(3)
        a = delta * (1 - h[s] ** 2)
        return a * np.array([x[s - 1], h[s - 1], 1]) + back(a * u, s - 1, left - 1)

    total = sum(back(2 * (h[t] - y[t - 1]), t, k) for t in range(1, T + 1)) / T
    return (np.square(h[1:] - y).mean(), *total)


@right
def truncated_gradients__float32(x, y, w, u, b, k):
    x, y = x.astype(np.float32), y.astype(np.float32)
    return truncated_gradients__by_distance(x, y, np.float32(w), np.float32(u), np.float32(b), k)


@wrong("la del capítulo: error solo al final, sin truncar")
def truncated_gradients__chapter(x, y, w, u, b, k):
    h = forward(x, w, u, b)
    a = backward(x, h, y[-1], u)
    return [(h[-1] - y[-1]) ** 2 / 2, a @ x, a @ h[:-1], a.sum()]


@wrong("la respuesta del ejercicio 2 del capítulo: los últimos k pasos del texto")
def truncated_gradients__last_steps(x, y, w, u, b, k):
    T, h = len(x), forward(x, w, u, b)
    a = sum(np.pad(backward(x[:t], h[: t + 1], y[t - 1], u), (0, T - t)) for t in range(1, T + 1))
    a = a[-k:] * 2 / T
    return [np.mean((h[1:] - y) ** 2), a @ x[-k:], a @ h[:-1][-k:], a.sum()]


@wrong("sin truncar")
def truncated_gradients__full(x, y, w, u, b, k):
    return truncated_gradients__by_distance(x, y, w, u, b, len(x))


@wrong("siempre un paso")
def truncated_gradients__one_step(x, y, w, u, b, k):
    return truncated_gradients__by_distance(x, y, w, u, b, 1)


@wrong("k pasos además del suyo")
def truncated_gradients__one_more(x, y, w, u, b, k):
    return truncated_gradients__by_distance(x, y, w, u, b, k + 1)


@wrong("un paso de menos")
def truncated_gradients__one_less(x, y, w, u, b, k):
    return truncated_gradients__by_distance(x, y, w, u, b, k - 1)


@wrong("solo el paso más lejano de los k")
def truncated_gradients__only_farthest(x, y, w, u, b, k):
    more = truncated_gradients__by_distance(x, y, w, u, b, k)
    less = truncated_gradients__by_distance(x, y, w, u, b, k - 1)
    return [more[0], *np.subtract(more[1:], less[1:])]


@wrong("corta por tramos de k y no desde cada error")
def truncated_gradients__blocks(x, y, w, u, b, k):
    T, h = len(x), forward(x, w, u, b)
    total = np.zeros(3)
    for t in range(T):
        delta = 2 * (h[t + 1] - y[t]) / T
        for s in range(t, t // k * k - 1, -1):
            a = delta * (1 - h[s + 1] ** 2)
            total += a * np.array([x[s], h[s], 1])
            delta = a * u
    return [np.mean((h[1:] - y) ** 2), *total]


@wrong("empieza la ventana con el estado a cero: corta también la ida")
def truncated_gradients__resets_state(x, y, w, u, b, k):
    T = len(x)
    total, loss = np.zeros(3), 0.0
    for t in range(1, T + 1):
        piece = x[max(0, t - k) : t]
        h = forward(piece, w, u, b)
        a = backward(piece, h, y[t - 1], u) * 2 / T
        loss += (h[-1] - y[t - 1]) ** 2 / T
        total += [a @ piece, a @ h[:-1], a.sum()]
    return [loss, *total]


@wrong("suma en lugar de media")
def truncated_gradients__sum(x, y, w, u, b, k):
    return len(x) * np.array(truncated_gradients__by_distance(x, y, w, u, b, k))


@wrong("la pérdida es la media; el gradiente, el de la suma")
def truncated_gradients__gradient_of_sum(x, y, w, u, b, k):
    loss, *grads = truncated_gradients__by_distance(x, y, w, u, b, k)
    return [loss, *(len(x) * g for g in grads)]


@wrong("sin el factor 2, como con la pérdida del capítulo")
def truncated_gradients__no_two(x, y, w, u, b, k):
    loss, *grads = truncated_gradients__by_distance(x, y, w, u, b, k)
    return [loss, *(g / 2 for g in grads)]


@wrong("el gradiente de u usa el estado del propio paso")
def truncated_gradients__same_state(x, y, w, u, b, k):
    T, h = len(x), forward(x, w, u, b)
    loss, dw, _, db = truncated_gradients__by_distance(x, y, w, u, b, k)
    wrong_du = 0.0
    for t in range(T):
        delta = 2 * (h[t + 1] - y[t]) / T
        for s in range(t, max(t - k, -1), -1):
            a = delta * (1 - h[s + 1] ** 2)
            wrong_du += a * h[s + 1]
            delta = a * u
    return [loss, dw, wrong_du, db]


@wrong("olvida u al retroceder")
def truncated_gradients__no_u(x, y, w, u, b, k):
    T, h = len(x), forward(x, w, u, b)
    total = np.zeros(3)
    for t in range(T):
        delta = 2 * (h[t + 1] - y[t]) / T
        for s in range(t, max(t - k, -1), -1):
            delta = delta * (1 - h[s + 1] ** 2)
            total += delta * np.array([x[s], h[s], 1])
    return [np.mean((h[1:] - y) ** 2), *total]


@wrong("olvida la derivada de la tanh en el paso del error")
def truncated_gradients__no_first_slope(x, y, w, u, b, k):
    T, h = len(x), forward(x, w, u, b)
    total = np.zeros(3)
    for t in range(T):
        a = 2 * (h[t + 1] - y[t]) / T
        for s in range(t, max(t - k, -1), -1):
            total += a * np.array([x[s], h[s], 1])
            a *= u * (1 - h[s] ** 2)
    return [np.mean((h[1:] - y) ** 2), *total]


@wrong("olvida la derivada de la tanh al retroceder")
def truncated_gradients__no_slope(x, y, w, u, b, k):
    T, h = len(x), forward(x, w, u, b)
    total = np.zeros(3)
    for t in range(T):
        a = 2 * (h[t + 1] - y[t]) / T * (1 - h[t + 1] ** 2)
        for s in range(t, max(t - k, -1), -1):
            total += a * np.array([x[s], h[s], 1])
            a *= u
    return [np.mean((h[1:] - y) ** 2), *total]


@wrong("la derivada de la tanh, con el estado del paso siguiente")
def truncated_gradients__wrong_slope(x, y, w, u, b, k):
    T, h = len(x), forward(x, w, u, b)
    total = np.zeros(3)
    for t in range(T):
        a = 2 * (h[t + 1] - y[t]) / T * (1 - h[t + 1] ** 2)
        for s in range(t, max(t - k, -1), -1):
            total += a * np.array([x[s], h[s], 1])
            a *= u * (1 - h[s + 1] ** 2)
    return [np.mean((h[1:] - y) ** 2), *total]


@wrong("divide productos acumulados: 0 / 0 cuando u = 0")
def truncated_gradients__ratios(x, y, w, u, b, k):
    T, h = len(x), forward(x, w, u, b)
    with np.errstate(all="ignore"):
        products = np.cumprod(u * (1 - h[1:] ** 2))
        reach = np.divide.outer(products, products) * (1 - h[1:] ** 2)
    distance = np.subtract.outer(np.arange(T), np.arange(T))
    band = np.where((distance >= 0) & (distance < k), reach, 0)
    a = (2 * (h[1:] - y) / T) @ band
    return [np.mean((h[1:] - y) ** 2), a @ x, a @ h[:-1], a.sum()]


@wrong("divide entre los pasos recorridos")
def truncated_gradients__averages_steps(x, y, w, u, b, k):
    loss, *grads = truncated_gradients__by_distance(x, y, w, u, b, k)
    return [loss, *(g / min(k, len(x)) for g in grads)]


@wrong("los errores que no pueden retroceder k pasos no cuentan")
def truncated_gradients__drops_early(x, y, w, u, b, k):
    T, h = len(x), forward(x, w, u, b)
    early = np.arange(T) < min(k, T) - 1
    _, *grads = truncated_gradients__by_distance(x, np.where(early, h[1:], y), w, u, b, k)
    return [np.mean((h[1:] - y) ** 2), *grads]


@wrong("signo cambiado")
def truncated_gradients__sign(x, y, w, u, b, k):
    loss, *grads = truncated_gradients__by_distance(x, y, w, u, b, k)
    return [loss, *(-g for g in grads)]


@wrong("dw y du cambiados")
def truncated_gradients__swapped(x, y, w, u, b, k):
    loss, dw, du, db = truncated_gradients__by_distance(x, y, w, u, b, k)
    return [loss, du, dw, db]


@wrong("sin la pérdida")
def truncated_gradients__no_loss(x, y, w, u, b, k):
    return truncated_gradients__by_distance(x, y, w, u, b, k)[1:]


@wrong("la pérdida, solo de los k últimos pasos")
def truncated_gradients__loss_of_window(x, y, w, u, b, k):
    _, *grads = truncated_gradients__by_distance(x, y, w, u, b, k)
    return [np.mean((forward(x, w, u, b)[1:] - y)[-k:] ** 2), *grads]


@wrong("ceros")
def truncated_gradients__zeros(x, y, w, u, b, k):
    return [0.0, 0.0, 0.0, 0.0]


@wrong("números al azar")
def truncated_gradients__random(x, y, w, u, b, k):
    return np.random.default_rng(0).normal(size=4)


@wrong("devuelve sus entradas")
def truncated_gradients__input(x, y, w, u, b, k):
    return [k, w, u, b]


@wrong("el ejemplo, de memoria")
def truncated_gradients__hard_coded(x, y, w, u, b, k):
    full = truncated_gradients__by_distance(
        np.array([0.5, 0.2, -0.4]), np.array([0.0, 1.0, 0.5]), 1.0, 0.5, 0.0, k
    )
    return np.round(full, 4)


# --- 3.3 log_norms ---------------------------------------------------------------------------


@right
def log_norms__powers_of_two(states, U):
    product, exponent, logs = np.eye(len(U)), 0, []
    for h in states[::-1]:
        product = np.einsum("im,m,mj->ij", U, 1 - h**2, product)
        _, e = np.frexp(np.abs(product).max())
        product, exponent = np.ldexp(product, -e), exponent + int(e)
        norm = np.sqrt((product**2).sum())
        with np.errstate(divide="ignore"):
            logs.append(np.log(norm) + exponent * np.log(2))
    return logs


@right
def log_norms__lists(states, U):
    C, total, logs = len(U), 0.0, []
    rows, U = np.eye(C).tolist(), U.tolist()
    for h in states[::-1].tolist():
        gains = [[(1 - x * x) * value for value in row] for x, row in zip(h, rows, strict=True)]
        columns = list(zip(*gains, strict=True))
        rows = [[sum(map(float.__mul__, left, column)) for column in columns] for left in U]
        largest = max(abs(value) for row in rows for value in row)
        if largest == 0:
            return logs + [-math.inf] * (len(states) - len(logs))
        total += math.log(largest)
        rows = [[value / largest for value in row] for row in rows]
        logs.append(total + math.log(math.fsum(v * v for row in rows for v in row)) / 2)
    return logs


@right
def log_norms__columns(states, U):
    C = len(U)
    V, sizes, logs = np.eye(C), np.zeros(C), []
    for h in states[::-1]:
        V = U @ ((1 - h**2)[:, None] * V)  # cada columna lleva su propia escala
        norms = np.linalg.norm(V, axis=0)
        with np.errstate(divide="ignore"):
            sizes = sizes + np.log(norms)
        V = V / np.where(norms > 0, norms, 1)
        logs.append(np.logaddexp.reduce(2 * sizes) / 2)
    return np.array(logs)


@right
def log_norms__logarithms_and_signs(states, U):
    S, logs = np.eye(len(U)), []
    L = np.where(S > 0, 0.0, -np.inf)
    for h in states[::-1]:
        with np.errstate(divide="ignore"):
            J, sign = np.log(np.abs(U)) + np.log(1 - h**2), np.sign(U)
            terms = J[:, :, None] + L[None]  # (C, C, C)
            top = terms.max(axis=1, keepdims=True)
            top = np.where(np.isfinite(top), top, 0)
            sums = (sign[:, :, None] * S[None] * np.exp(terms - top)).sum(axis=1)
            L, S = np.log(np.abs(sums)) + top[:, 0], np.sign(sums)
        logs.append(np.logaddexp.reduce(2 * L.ravel()) / 2)
    return np.array(logs)


@right
def log_norms__every_few_steps(states, U):
    product, total, logs = np.eye(len(U)), 0.0, []
    for n, h in enumerate(states[::-1]):
        product = (U * (1 - h**2)) @ product
        norm = np.linalg.norm(product)
        logs.append(total + np.log(norm) if norm else -np.inf)
        if n % 5 == 4 and norm:
            product, total = product / norm, total + np.log(norm)
    return np.array(logs)


@right
def log_norms__transposed(states, U):
    rest, total, logs = np.eye(len(U)), 0.0, []
    for J in jacobians(states, U)[::-1]:
        rest = rest @ J.T  # (J_{T-k+1} … J_T)ᵀ, con la misma norma
        norm = np.linalg.norm(rest, "fro")
        if norm == 0:
            break
        total, rest = total + math.log(norm), rest / norm
        logs.append(total)
    return np.array(logs + [-np.inf] * (len(states) - len(logs)))


def log_norms_naive(J, norm=np.linalg.norm):
    product, norms = np.eye(J.shape[1], dtype=J.dtype), []
    with np.errstate(all="ignore"):
        for step in J[::-1]:
            product = step @ product
            norms.append(norm(product))
        return np.log(np.array(norms))


@wrong("la del capítulo: norma espectral, que se desborda")
def log_norms__chapter(states, U):
    with np.errstate(all="ignore"):
        return np.log(distant_norms(jacobians(states, U)))


@wrong("la norma de Frobenius, sin reescalar")
def log_norms__naive(states, U):
    return log_norms_naive(jacobians(states, U))


@wrong("un tipo más ancho, que solo aplaza el desbordamiento")
def log_norms__longdouble(states, U):
    J = jacobians(states, U).astype(np.longdouble)
    return log_norms_naive(J, lambda A: np.sqrt((A * A).sum())).astype(float)


@wrong("norma espectral, reescalada")
def log_norms__spectral(states, U):
    product, total, logs = np.eye(len(U)), 0.0, []
    for J in jacobians(states, U)[::-1]:
        product = J @ product
        norm = np.linalg.norm(product, 2)
        total, product = (total + np.log(norm), product / norm) if norm else (-np.inf, product)
        logs.append(total)
    return np.array(logs)


@wrong("suma los logaritmos de las normas de cada paso")
def log_norms__sum_of_norms(states, U):
    with np.errstate(divide="ignore"):
        steps = np.log(np.linalg.norm(jacobians(states, U), axis=(1, 2)))
    return np.cumsum(steps[::-1])


@wrong("el producto, en orden contrario")
def log_norms__reversed_product(states, U):
    product, total, logs = np.eye(len(U)), 0.0, []
    for J in jacobians(states, U)[::-1]:
        product = product @ J
        norm = np.linalg.norm(product)
        total, product = (total + np.log(norm), product / norm) if norm else (-np.inf, product)
        logs.append(total)
    return np.array(logs)


@wrong("multiplica filas en lugar de columnas")
def log_norms__rows(states, U):
    product, total, logs = np.eye(len(U)), 0.0, []
    for h in states[::-1]:
        product = ((1 - h**2)[:, None] * U) @ product
        norm = np.linalg.norm(product)
        total, product = (total + np.log(norm), product / norm) if norm else (-np.inf, product)
        logs.append(total)
    return np.array(logs)


@wrong("U traspuesta")
def log_norms__transposed_weights(states, U):
    return log_norms__columns(states, U.T)


@wrong("empieza por el primer estado")
def log_norms__from_the_start(states, U):
    return log_norms__columns(states[::-1], U)


@wrong("de lejos a cerca")
def log_norms__reversed_result(states, U):
    return log_norms__columns(states, U)[::-1]


@wrong("sin el paso que llega a h_0")
def log_norms__no_initial(states, U):
    return log_norms__columns(states[1:], U)


@wrong("la distancia 0 también")
def log_norms__with_identity(states, U):
    return np.append(0.5 * np.log(len(U)), log_norms__columns(states, U))


@wrong("sin los factores de la tanh")
def log_norms__linear(states, U):
    return log_norms__columns(0 * states, U)


@wrong("1 - h en lugar de 1 - h²")
def log_norms__no_square(states, U):
    return log_norms__columns(np.sqrt(np.abs(states)), U)


@wrong("potencias del radio espectral")
def log_norms__eigenvalues(states, U):
    rho = np.abs(np.linalg.eigvals(U)).max()
    with np.errstate(divide="ignore"):
        gains = np.log(rho) + np.log((1 - states[::-1] ** 2).max(axis=1))
    return np.cumsum(gains) + 0.5 * np.log(len(U))


@wrong("cota en lugar de norma")
def log_norms__bound(states, U):
    sigma = np.linalg.norm(U, 2)
    with np.errstate(divide="ignore"):
        gains = np.log(sigma) + np.log((1 - states[::-1] ** 2).max(axis=1))
    return np.cumsum(gains) + 0.5 * np.log(len(U))


@wrong("reescala y olvida guardar la escala")
def log_norms__forgets_scale(states, U):
    product, logs = np.eye(len(U)), []
    for J in jacobians(states, U)[::-1]:
        product = J @ product
        norm = np.linalg.norm(product) or 1
        logs.append(np.log(norm))
        product = product / norm
    return np.array(logs)


@wrong("NaN cuando el producto es 0")
def log_norms__nan(states, U):
    product, total, logs = np.eye(len(U)), 0.0, []
    with np.errstate(all="ignore"):
        for J in jacobians(states, U)[::-1]:
            product = J @ product
            norm = np.linalg.norm(product)
            total, product = total + np.log(norm), product / norm
            logs.append(total)
    return np.array(logs)


@wrong("evita log 0 con una constante")
def log_norms__epsilon(states, U):
    product, total, logs = np.eye(len(U)), 0.0, []
    for J in jacobians(states, U)[::-1]:
        product = J @ product
        norm = np.linalg.norm(product) + 1e-12
        total, product = total + np.log(norm), product / norm
        logs.append(total)
    return np.array(logs)


@wrong("para cuando el producto es 0: faltan las distancias mayores")
def log_norms__stops(states, U):
    logs = log_norms__columns(states, U)
    return logs[np.isfinite(logs)]


@wrong("prolonga con una recta desde los 100 primeros pasos")
def log_norms__extrapolates(states, U):
    near = log_norms_naive(jacobians(states[-100:], U))
    if len(states) <= 100 or not np.isfinite(near).all():
        return np.append(near, np.full(len(states) - len(near), -np.inf))
    far = np.arange(1, len(states) - 99)
    return np.append(near, near[-1] + far * (near[-1] - near[-21]) / 20)


@wrong("logaritmo decimal")
def log_norms__decimal(states, U):
    return log_norms__columns(states, U) / np.log(10)


@wrong("el cuadrado de la norma")
def log_norms__squared(states, U):
    return 2 * log_norms__columns(states, U)


@wrong("la norma, sin logaritmo")
def log_norms__no_log(states, U):
    with np.errstate(over="ignore"):
        return np.exp(log_norms__columns(states, U))


@wrong("el logaritmo del determinante")
def log_norms__determinant(states, U):
    return np.cumsum(np.linalg.slogdet(jacobians(states, U))[1][::-1])


@wrong("ceros")
def log_norms__zeros(states, U):
    return np.zeros(len(states))


@wrong("números al azar")
def log_norms__random(states, U):
    return np.random.default_rng(0).normal(size=len(states))


@wrong("el ejemplo, de memoria")
def log_norms__hard_coded(states, U):
    return np.array([0.81751, 1.21230])


# --- 3.4 effective_memory --------------------------------------------------------------------


def different(tokens, V, rng):
    """Otro token en cada sitio."""
    return (tokens + rng.integers(1, V, np.shape(tokens))) % V


def gap(a, b):
    """Mayor diferencia de cada posición: (B, T, V), (B, T, V) -> (T,)."""
    return np.abs(np.subtract(a, b)).max(axis=(0, 2))


@right
def effective_memory__one_call(log_probs, V, T, tol, seed):
    rng = np.random.default_rng(seed)
    texts = rng.integers(V, size=(1, 64, T))
    batch = np.repeat(texts, T + 1, axis=0)  # (T + 1, 64, T): el original y un cambio por posición
    for s in range(T):
        batch[s, :, s] = different(batch[s, :, s], V, rng)
    logs = np.asarray(log_probs(batch.reshape(-1, T))).reshape(T + 1, 64, T, V)
    moved = (np.abs(logs[:-1] - logs[-1]) > tol).any(axis=(1, 3))  # (s, t)
    s, t = np.nonzero(moved)
    return max(t - s, default=0)


@right
def effective_memory__text_by_text(log_probs, V, T, tol, seed):
    rng, longest = np.random.default_rng(seed), 0
    for _ in range(64):
        text = rng.integers(0, V, T)
        rows = [text.tolist()]
        for s in range(T):
            row = text.copy()
            row[s] = rng.choice([v for v in range(V) if v != text[s]])
            rows.append(row.tolist())
        logs = log_probs(rows)
        for s in range(T):
            moved = (np.abs(np.subtract(logs[s + 1], logs[0])) > tol).any(axis=1).tolist()
            longest = max(longest, *(t - s for t in range(T) if moved[t]), 0)
    return longest


@right
def effective_memory__prefixes(log_probs, V, T, tol, seed):
    rng = np.random.default_rng(seed)
    texts = rng.integers(V, size=(64, T))
    before, found = log_probs(texts), [0]
    for m in range(T - 1):  # cambia a la vez todo hasta m
        after = log_probs(np.hstack([different(texts[:, : m + 1], V, rng), texts[:, m + 1 :]]))
        found += [t - m for t in range(m + 1, T) if gap(after, before)[t] > tol]
    return max(found)


@right
def effective_memory__from_afar(log_probs, V, T, tol, seed):
    rng = np.random.default_rng(seed)
    texts = rng.integers(V, size=(80, T), dtype=np.int32)
    before, cache = log_probs(texts), {}

    def moved(s):
        if s not in cache:
            column = np.arange(T) == s
            cache[s] = gap(log_probs(np.where(column, different(texts, V, rng), texts)), before)
        return cache[s] > tol

    for k in range(T - 1, 0, -1):
        if any(moved(s)[s + k] for s in range(T - k)):
            return k
    return 0


@right
def effective_memory__one_row_per_call(log_probs, V, T, tol, seed):
    rng, far = np.random.default_rng(seed), 0
    for _ in range(64):
        text = rng.integers(V, size=(1, T))
        before = np.array(log_probs(text))[0]
        for s in range(T - 1):
            other = text.copy()
            other[0, s] = (other[0, s] + rng.integers(1, V)) % V
            moved = np.abs(log_probs(other)[0] - before).max(axis=1) > tol
            far = max(far, *(t - s for t in np.flatnonzero(moved)), 0)
    return np.int64(far)


@wrong("la intervención del capítulo: un texto y un token; mira la primera que cambia")
def effective_memory__chapter(log_probs, V, T, tol, seed):
    before = np.random.default_rng(seed).integers(V, size=(1, T))
    after = before.copy()
    after[0, 0] = (after[0, 0] + 1) % V
    moved = np.abs(log_probs(after) - log_probs(before))
    return int(np.argmax(moved.max(axis=-1) > tol))


@wrong("solo cambia el primer token")
def effective_memory__first_token(log_probs, V, T, tol, seed):
    rng = np.random.default_rng(seed)
    texts = rng.integers(V, size=(64, T))
    changed = texts.copy()
    changed[:, 0] = different(changed[:, 0], V, rng)
    moved = gap(log_probs(changed), log_probs(texts)) > tol
    return int(np.flatnonzero(moved).max(initial=0))


@wrong("solo mira la última posición")
def effective_memory__last_position(log_probs, V, T, tol, seed):
    rng = np.random.default_rng(seed)
    texts = rng.integers(V, size=(64, T))
    before = log_probs(texts)
    for s in range(T - 1):
        changed = texts.copy()
        changed[:, s] = different(changed[:, s], V, rng)
        if gap(log_probs(changed), before)[-1] > tol:
            return T - 1 - s
    return 0


def by_distance(log_probs, V, T, tol, seed, texts=None, n=64):
    """Para cada distancia, si algo se mueve: lista de T booleanos."""
    rng = np.random.default_rng(seed)
    texts = rng.integers(V, size=(n, T)) if texts is None else texts
    before, moved = log_probs(texts), np.zeros(T, dtype=bool)
    for s in range(T - 1):
        changed = texts.copy()
        changed[:, s] = different(changed[:, s], V, rng)
        moved[1 : T - s] |= gap(log_probs(changed), before)[s + 1 :] > tol
    return moved


def farthest(moved):
    return int(np.flatnonzero(moved).max(initial=0))


@wrong("un solo texto")
def effective_memory__one_text(log_probs, V, T, tol, seed):
    return farthest(by_distance(log_probs, V, T, tol, seed, n=1))


@wrong("todos los textos son el mismo token repetido")
def effective_memory__constant_texts(log_probs, V, T, tol, seed):
    texts = np.zeros((64, T), dtype=int)
    return farthest(by_distance(log_probs, V, T, tol, seed, texts=texts))


@wrong("para en la primera distancia que no influye")
def effective_memory__stops_at_gap(log_probs, V, T, tol, seed):
    moved = by_distance(log_probs, V, T, tol, seed)
    return int(np.argmin([True, *moved[1:], False])) - 1


@wrong("cuenta las distancias que influyen")
def effective_memory__counts(log_probs, V, T, tol, seed):
    return int(by_distance(log_probs, V, T, tol, seed).sum())


@wrong("la menor distancia")
def effective_memory__nearest(log_probs, V, T, tol, seed):
    return int(np.argmax(by_distance(log_probs, V, T, tol, seed)))


@wrong("una distancia de más")
def effective_memory__one_more(log_probs, V, T, tol, seed):
    found = farthest(by_distance(log_probs, V, T, tol, seed))
    return found + 1 if found else 0


@wrong("una distancia de menos")
def effective_memory__one_less(log_probs, V, T, tol, seed):
    return max(farthest(by_distance(log_probs, V, T, tol, seed)) - 1, 0)


@wrong("busca por bisección con cambios de un solo token")
def effective_memory__bisection(log_probs, V, T, tol, seed):
    moved, low, high = by_distance(log_probs, V, T, tol, seed), 0, T - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if moved[middle] else (low, middle - 1)
    return low


@wrong("cualquier diferencia cuenta")
def effective_memory__no_tolerance(log_probs, V, T, tol, seed):
    return farthest(by_distance(log_probs, V, T, 0.0, seed))


@wrong("una tolerancia fija")
def effective_memory__fixed_tolerance(log_probs, V, T, tol, seed):
    return farthest(by_distance(log_probs, V, T, 1e-6, seed))


@wrong("compara probabilidades y no logaritmos")
def effective_memory__probabilities(log_probs, V, T, tol, seed):
    return farthest(by_distance(lambda ids: np.exp(log_probs(ids)), V, T, tol, seed))


@wrong("la media sobre el vocabulario en lugar del máximo")
def effective_memory__mean(log_probs, V, T, tol, seed):
    rng = np.random.default_rng(seed)
    texts = rng.integers(V, size=(64, T))
    before, longest = log_probs(texts), 0
    for s in range(T - 1):
        changed = texts.copy()
        changed[:, s] = different(changed[:, s], V, rng)
        moved = np.abs(log_probs(changed) - before).mean(axis=(0, 2)) > tol
        longest = max([longest, *(np.flatnonzero(moved) - s)])
    return int(longest)


@wrong("diferencia sin valor absoluto, sumada")
def effective_memory__signed(log_probs, V, T, tol, seed):
    def total(ids):
        return np.array(log_probs(ids)).sum(axis=(0, 2), keepdims=True) + np.zeros((1, 1, V))

    return farthest(by_distance(total, V, T, tol, seed))


@wrong("todos los sustitutos, fuera de presupuesto")
def effective_memory__every_substitute(log_probs, V, T, tol, seed):
    rng, longest = np.random.default_rng(seed), 0
    texts = rng.integers(V, size=(64, T))
    before = log_probs(texts)
    for s in range(T - 1):
        for step in range(1, V):
            changed = texts.copy()
            changed[:, s] = (changed[:, s] + step) % V
            moved = gap(log_probs(changed), before) > tol
            longest = max([longest, *(np.flatnonzero(moved) - s)])
    return int(longest)


@wrong("textos más cortos que T")
def effective_memory__short_texts(log_probs, V, T, tol, seed):
    return max(
        (farthest(by_distance(log_probs, V, n, tol, seed, n=8)) for n in range(2, T + 1)),
        default=0,
    )


@wrong("sustituye por un id que no está en el vocabulario")
def effective_memory__invalid_id(log_probs, V, T, tol, seed):
    rng, longest = np.random.default_rng(seed), 0
    texts = rng.integers(V, size=(64, T))
    before = log_probs(texts)
    for s in range(T - 1):
        changed = texts.copy()
        changed[:, s] = V
        moved = gap(log_probs(changed), before) > tol
        longest = max([longest, *(np.flatnonzero(moved) - s)])
    return int(longest)


@wrong("compara posiciones vecinas del mismo texto")
def effective_memory__no_intervention(log_probs, V, T, tol, seed):
    texts = np.random.default_rng(seed).integers(V, size=(64, T))
    logs = np.array(log_probs(texts))
    moved = np.abs(logs[:, 1:] - logs[:, :-1]).max(axis=(0, 2)) > tol
    return farthest(np.append(False, moved))


@wrong("permuta el token con su vecino en lugar de cambiarlo")
def effective_memory__swaps(log_probs, V, T, tol, seed):
    texts, longest = np.random.default_rng(seed).integers(V, size=(64, T)), 0
    before = log_probs(texts)
    for s in range(T - 1):
        changed = texts.copy()
        changed[:, [s, s + 1]] = changed[:, [s + 1, s]]
        moved = gap(log_probs(changed), before)[s + 2 :] > tol
        longest = max([longest, *(np.flatnonzero(moved) + 2)])
    return int(longest)


@wrong("cambia todo lo posterior y mide desde el final")
def effective_memory__suffix(log_probs, V, T, tol, seed):
    rng = np.random.default_rng(seed)
    texts = rng.integers(V, size=(64, T))
    before, longest = log_probs(texts), 0
    for s in range(T - 1):
        after = log_probs(np.hstack([texts[:, :s], different(texts[:, s:], V, rng)]))
        longest = max([longest, *(np.flatnonzero(gap(after, before) > tol) - s)])
    return int(longest)


@wrong("siempre 2")
def effective_memory__constant(log_probs, V, T, tol, seed):
    return 2


@wrong("siempre 0")
def effective_memory__zero(log_probs, V, T, tol, seed):
    return 0


@wrong("siempre T - 1")
def effective_memory__maximum(log_probs, V, T, tol, seed):
    return T - 1


@wrong("un número al azar")
def effective_memory__random(log_probs, V, T, tol, seed):
    return int(np.random.default_rng(seed).integers(T))


@wrong("devuelve la lista de distancias")
def effective_memory__list(log_probs, V, T, tol, seed):
    return np.flatnonzero(by_distance(log_probs, V, T, tol, seed)).tolist()


# --- 3.5 coupled_cell ------------------------------------------------------------------------


@right
def coupled_cell__slices(x, h, c, W, U, b):
    z, C = x @ W + h @ U + b, c.shape[1]
    f = sigmoid(z[:, :C])
    c = c + (1 - f) * (np.tanh(z[:, C : 2 * C]) - c)
    return sigmoid(z[:, 2 * C :]) * np.tanh(c), c


@right
def coupled_cell__loops(x, h, c, W, U, b):
    (B, C), d = c.shape, x.shape[1]
    new_h, new_c = np.zeros((B, C)), np.zeros((B, C))

    def z(i, n):
        return b[n] + sum(x[i, m] * W[m, n] for m in range(d)) + float(h[i] @ U[:, n])

    for i in range(B):
        for j in range(C):
            f, o = 1 / (1 + math.exp(-z(i, j))), 1 / (1 + math.exp(-z(i, 2 * C + j)))
            new_c[i, j] = f * c[i, j] + (1 - f) * math.tanh(z(i, C + j))
            new_h[i, j] = o * math.tanh(new_c[i, j])
    return [new_h, new_c]


@right
def coupled_cell__tanh_gates(x, h, c, W, U, b):
    z = np.concatenate([x, h], axis=1) @ np.concatenate([W, U]) + b
    f, g, o = np.moveaxis(z.reshape(len(x), 3, -1), 1, 0)
    f, o = (np.tanh(f / 2) + 1) / 2, (np.tanh(o / 2) + 1) / 2
    memory = f * c + (1 - f) * np.tanh(g)
    return np.stack([o * np.tanh(memory), memory])


@right
def coupled_cell__float32(x, h, c, W, U, b):
    return coupled_cell__slices(*(a.astype(np.float32) for a in (x, h, c, W, U, b)))


@right
def coupled_cell__package_lstm(x, h, c, W, U, b):
    def four(a):  # la entrada, con los pesos del olvido cambiados de signo: σ(-z) = 1 - σ(z)
        f, g, o = np.split(a, 3, axis=-1)
        return np.concatenate([-f, f, g, o], axis=-1)

    return list(lstm_cell(x, h, c, four(W), four(U), four(b)))


@wrong("la LSTM del capítulo y del paquete, con cuatro grupos")
def coupled_cell__package(x, h, c, W, U, b):
    return lstm_cell(x, h, c, W, U, b)


@wrong("la LSTM, con la entrada igual al olvido")
def coupled_cell__same_gate(x, h, c, W, U, b):
    def four(a):
        f, g, o = np.split(a, 3, axis=-1)
        return np.concatenate([f, f, g, o], axis=-1)

    return lstm_cell(x, h, c, four(W), four(U), four(b))


@wrong("la LSTM, con la entrada siempre abierta")
def coupled_cell__open_input(x, h, c, W, U, b):
    f, g, o = np.split(x @ W + h @ U + b, 3, axis=-1)
    c = sigmoid(f) * c + np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@wrong("la GRU del capítulo y del paquete")
def coupled_cell__gru(x, h, c, W, U, b):
    h = gru_cell(x, h, W, U, np.stack([b, 0 * b]))
    return h, c


@wrong("olvido y entrada cambiados")
def coupled_cell__swapped_gates(x, h, c, W, U, b):
    f, g, o = np.split(x @ W + h @ U + b, 3, axis=-1)
    c = (1 - sigmoid(f)) * c + sigmoid(f) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@wrong("otro orden de los grupos: candidata, olvido, salida")
def coupled_cell__order(x, h, c, W, U, b):
    g, f, o = np.split(x @ W + h @ U + b, 3, axis=-1)
    c = sigmoid(f) * c + (1 - sigmoid(f)) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@wrong("olvido y salida cambiados")
def coupled_cell__last_first(x, h, c, W, U, b):
    o, g, f = np.split(x @ W + h @ U + b, 3, axis=-1)
    c = sigmoid(f) * c + (1 - sigmoid(f)) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@wrong("candidata sin tanh")
def coupled_cell__linear_candidate(x, h, c, W, U, b):
    f, g, o = np.split(x @ W + h @ U + b, 3, axis=-1)
    c = sigmoid(f) * c + (1 - sigmoid(f)) * g
    return sigmoid(o) * np.tanh(c), c


@wrong("candidata con sigmoide")
def coupled_cell__sigmoid_candidate(x, h, c, W, U, b):
    f, g, o = sigmoid(np.array(np.split(x @ W + h @ U + b, 3, axis=-1)))
    c = f * c + (1 - f) * g
    return o * np.tanh(c), c


@wrong("el estado, sin tanh")
def coupled_cell__linear_output(x, h, c, W, U, b):
    _, c = coupled_cell__slices(x, h, c, W, U, b)
    return sigmoid(np.split(x @ W + h @ U + b, 3, axis=-1)[2]) * c, c


@wrong("el estado, con la memoria anterior")
def coupled_cell__old_memory(x, h, c, W, U, b):
    _, new = coupled_cell__slices(x, h, c, W, U, b)
    return sigmoid(np.split(x @ W + h @ U + b, 3, axis=-1)[2]) * np.tanh(c), new


@wrong("puertas sin sigmoide")
def coupled_cell__raw_gates(x, h, c, W, U, b):
    with np.errstate(all="ignore"):  # sin puertas entre 0 y 1, la memoria estalla
        f, g, o = np.split(x @ W + h @ U + b, 3, axis=-1)
        c = f * c + (1 - f) * np.tanh(g)
        return o * np.tanh(c), c


@wrong("sin sesgo")
def coupled_cell__no_bias(x, h, c, W, U, b):
    return coupled_cell__slices(x, h, c, W, U, 0 * b)


@wrong("no usa el estado anterior")
def coupled_cell__no_state(x, h, c, W, U, b):
    return coupled_cell__slices(x, 0 * h, c, W, U, b)


@wrong("[c, h] en lugar de [h, c]")
def coupled_cell__reversed(x, h, c, W, U, b):
    return coupled_cell__slices(x, h, c, W, U, b)[::-1]


@wrong("solo el estado")
def coupled_cell__only_state(x, h, c, W, U, b):
    return coupled_cell__slices(x, h, c, W, U, b)[0]


@wrong("recorta la memoria a [-1, 1]")
def coupled_cell__clips(x, h, c, W, U, b):
    return coupled_cell__slices(x, h, np.clip(c, -1, 1), W, U, b)


@wrong("olvido abierto solo a medias: f entre 0 y 0.99")
def coupled_cell__leaky(x, h, c, W, U, b):
    f, g, o = np.split(x @ W + h @ U + b, 3, axis=-1)
    f = 0.99999 * sigmoid(f)
    c = f * c + (1 - f) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@wrong("modifica la memoria que recibe")
def coupled_cell__mutates(x, h, c, W, U, b):
    f, g, o = np.split(x @ W + h @ U + b, 3, axis=-1)
    c += (1 - sigmoid(f)) * (np.tanh(g) - c)
    return sigmoid(o) * np.tanh(c), c


@wrong("devuelve lo que recibe")
def coupled_cell__input(x, h, c, W, U, b):
    return h, c


@wrong("ceros")
def coupled_cell__zeros(x, h, c, W, U, b):
    return 0 * h, 0 * c


@wrong("números al azar")
def coupled_cell__random(x, h, c, W, U, b):
    return np.random.default_rng(0).uniform(-1, 1, (2, *c.shape))


@wrong("el ejemplo, de memoria")
def coupled_cell__hard_coded(x, h, c, W, U, b):
    return np.full(c.shape, 0.30708), np.full(c.shape, 0.71553)


# --- 3.6 safe_clip ---------------------------------------------------------------------------


def numbers(grads):
    """Todos los números de todos los gradientes, en una lista de Python."""
    return [float(x) for g in grads if g is not None for x in np.ravel(g)]


def scaled(grads, factor):
    return [None if g is None else g * factor for g in grads]


@right
def safe_clip__hypot(grads, max_norm):
    values = numbers(grads)
    if not all(map(math.isfinite, values)):
        return [[g if g is None else np.zeros(g.shape) for g in grads], math.inf]
    norm = math.hypot(*values)
    return [scaled(grads, 1.0 if norm <= max_norm else max_norm / norm), norm]


@right
def safe_clip__pairwise_hypot(grads, max_norm):
    norm, clean = np.float64(0), True
    for g in grads:
        if g is not None:
            clean = clean and bool(np.all(np.abs(g) < np.inf))
            norm = np.hypot(norm, np.hypot.reduce(np.ravel(g).astype(np.float64)))
    if not clean:
        return [[None if g is None else 0 * np.nan_to_num(g) for g in grads], float("inf")]
    return [grads if norm <= max_norm else scaled(grads, max_norm / norm), norm]


@right
def safe_clip__norm_of_norms(grads, max_norm):
    def norm_of(a):
        largest = np.abs(a).max(initial=0.0)
        return largest if largest == 0 else largest * np.linalg.norm(a / largest)

    arrays = [g.ravel().astype(np.float64) for g in grads if g is not None]
    if any(not np.isfinite(a).all() for a in arrays):
        return ([None if g is None else np.zeros_like(g) for g in grads], np.float64("inf"))
    norm = norm_of(np.array([norm_of(a) for a in arrays]))
    return (scaled(grads, min(1.0, max_norm / norm)) if norm else grads, norm)


@right
def safe_clip__loops(grads, max_norm):
    largest = 0.0
    for x in numbers(grads):
        if math.isnan(x) or math.isinf(x):
            empty = [None if g is None else np.zeros(g.shape).tolist() for g in grads]
            return [empty, math.inf]
        largest = max(largest, abs(x))
    if largest == 0:
        return [grads, 0.0]
    norm = largest * math.sqrt(math.fsum((x / largest) ** 2 for x in numbers(grads)))
    clipped = []
    for g in grads:
        if g is None or norm <= max_norm:
            clipped.append(g)
        else:
            clipped.append(np.array(g, dtype=float) / norm * max_norm)
    return [clipped, norm]


def naive(grads):
    with np.errstate(all="ignore"):
        return float(np.sqrt(sum(np.sum(g**2) for g in grads if g is not None)))


def guarded(grads, clip):
    """Añade a `clip` el tratamiento de lo que no es finito."""
    if not all(map(math.isfinite, numbers(grads))):
        return [[None if g is None else np.zeros(g.shape) for g in grads], np.inf]
    return clip(math.hypot(*numbers(grads)))


@wrong("la del capítulo y del paquete")
def safe_clip__package(grads, max_norm):
    return [clip_by_global_norm(grads, max_norm), naive(grads)]


@wrong("la del capítulo, apartando los None")
def safe_clip__package_without_none(grads, max_norm):
    with np.errstate(all="ignore"):
        kept = iter(clip_by_global_norm([g for g in grads if g is not None], max_norm))
    return [[None if g is None else next(kept) for g in grads], naive(grads)]


@wrong("descarta lo no finito, pero los cuadrados se desbordan")
def safe_clip__overflows(grads, max_norm):
    norm = naive(grads)
    if not math.isfinite(norm):
        return [[None if g is None else np.zeros(g.shape) for g in grads], np.inf]
    return [scaled(grads, min(1, max_norm / max(norm, 1e-12))), norm]


@wrong("cada array con su propia norma")
def safe_clip__each_array(grads, max_norm):
    def clip(norm):
        factors = [0 if g is None else max_norm / (math.hypot(*np.ravel(g)) or 1) for g in grads]
        pairs = zip(grads, factors, strict=True)
        return [[None if g is None else g * min(1, f) for g, f in pairs], norm]

    return guarded(grads, clip)


@wrong("recorta cada número")
def safe_clip__by_value(grads, max_norm):
    def clip(norm):
        limited = [None if g is None else np.clip(g, -max_norm, max_norm) for g in grads]
        return [limited, norm]

    return guarded(grads, clip)


@wrong("lleva siempre la norma al máximo, también por debajo")
def safe_clip__always(grads, max_norm):
    return guarded(grads, lambda norm: [scaled(grads, max_norm / (norm or 1)), norm])


@wrong("la norma de después")
def safe_clip__norm_after(grads, max_norm):
    def clip(norm):
        return [scaled(grads, min(1, max_norm / (norm or 1))), min(norm, max_norm)]

    return guarded(grads, clip)


@wrong("suma una constante a la norma: por debajo no es idéntico")
def safe_clip__epsilon(grads, max_norm):
    def clip(norm):
        return [scaled(grads, min(1, max_norm / (norm + 1e-6)) * (1 - 1e-12)), norm]

    return guarded(grads, clip)


@wrong("quita los None")
def safe_clip__drops_none(grads, max_norm):
    def clip(norm):
        return [[g for g in scaled(grads, min(1, max_norm / (norm or 1))) if g is not None], norm]

    return guarded(grads, clip)


@wrong("None pasa a 0")
def safe_clip__none_to_zero(grads, max_norm):
    return safe_clip__hypot([np.zeros(1) if g is None else g for g in grads], max_norm)


@wrong("un NaN se cambia por 0 y lo demás sigue")
def safe_clip__nan_to_zero(grads, max_norm):
    clean = [None if g is None else np.where(np.isfinite(g), g, 0) for g in grads]
    return safe_clip__hypot(clean, max_norm)


@wrong("solo pone a cero el array con el NaN")
def safe_clip__only_bad_array(grads, max_norm):
    clean = [g if g is None or np.isfinite(g).all() else np.zeros(g.shape) for g in grads]
    clipped, norm = safe_clip__hypot(clean, max_norm)
    return [clipped, norm if all(map(math.isfinite, numbers(grads))) else np.inf]


@wrong("la norma de un paso descartado es NaN")
def safe_clip__nan_norm(grads, max_norm):
    clipped, norm = safe_clip__hypot(grads, max_norm)
    return [clipped, math.nan if any(map(math.isnan, numbers(grads))) else norm]


@wrong("no descarta los infinitos")
def safe_clip__only_nan(grads, max_norm):
    if any(map(math.isnan, numbers(grads))):
        return safe_clip__hypot(grads, max_norm)
    norm = math.hypot(*numbers(grads))
    with np.errstate(all="ignore"):
        return [scaled(grads, min(1, max_norm / (norm or 1))), norm]


@wrong("0 / 0 cuando todo es 0")
def safe_clip__zero_over_zero(grads, max_norm):
    def clip(norm):
        with np.errstate(all="ignore"):
            return [scaled(grads, np.minimum(1, norm and max_norm / norm)), norm or math.nan]

    return guarded(grads, clip)


@wrong("falla sin arrays")
def safe_clip__needs_arrays(grads, max_norm):
    flat = np.concatenate([np.ravel(g) for g in grads if g is not None])
    return safe_clip__hypot(grads, max_norm) if flat.size else [grads, 0.0]


@wrong("el mayor valor en lugar de la norma")
def safe_clip__largest(grads, max_norm):
    def clip(norm):
        norm = max(map(abs, numbers(grads)), default=0.0)
        return [scaled(grads, min(1, max_norm / (norm or 1))), norm]

    return guarded(grads, clip)


@wrong("la suma de las normas")
def safe_clip__sum_of_norms(grads, max_norm):
    def clip(norm):
        norm = sum(math.hypot(*np.ravel(g)) for g in grads if g is not None)
        return [scaled(grads, min(1, max_norm / (norm or 1))), norm]

    return guarded(grads, clip)


@wrong("todo en un solo vector")
def safe_clip__flattens(grads, max_norm):
    clipped, norm = safe_clip__hypot(grads, max_norm)
    return [[None if g is None else np.ravel(g) for g in clipped], norm]


@wrong("recorta en el sitio")
def safe_clip__mutates(grads, max_norm):
    def clip(norm):
        for g in grads:
            if g is not None:
                g *= min(1, max_norm / (norm or 1))
        return [grads, norm]

    return guarded(grads, clip)


@wrong("no recorta")
def safe_clip__input(grads, max_norm):
    return [grads, math.hypot(*numbers(grads))]


@wrong("ceros")
def safe_clip__zeros(grads, max_norm):
    return [[None if g is None else np.zeros(g.shape) for g in grads], 0.0]


@wrong("números al azar")
def safe_clip__random(grads, max_norm):
    rng = np.random.default_rng(0)
    return [[None if g is None else rng.normal(size=g.shape) for g in grads], rng.random()]


@wrong("el ejemplo, de memoria")
def safe_clip__hard_coded(grads, max_norm):
    return [[np.array([0.6, 0]), None, np.array([[0.8]])], 5.0]
