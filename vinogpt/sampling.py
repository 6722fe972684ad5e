"""Del modelo al texto: muestreadores, el bucle que genera y su versión rápida.

Un muestreador es una función ``sampler(logits, u) -> ids``: ``logits`` (…, V), valores sin
normalizar; ``u`` (…), números al azar entre 0 y 1, uno por cada id que se pide. No guarda estado:
los mismos números dan los mismos ids en Python, compilado o en otro lenguaje.

``generate`` es el bucle que se enseña y sirve para cualquier modelo. ``FastGenerator`` hace lo
mismo con un GPT: muchos textos a la vez, con caché y en un bucle compilado.
"""

import math

import keras
import numpy as np
from keras import ops

from vinogpt.model import END, START, empty_cache

# --------------------------------------------------------------------------- muestreadores


def draw(weights, u):
    """Elige cada id en proporción a su peso. weights: (…, V) no negativos; u: (…) -> ids (…).

    Los pesos puestos en fila forman una regla; u dice en qué punto de la regla cae un dardo. Para
    no marcar los V, se parte en unos √V tramos iguales: primero el tramo y, dentro, el id.
    """
    *rows, V = weights.shape
    size = math.ceil(math.sqrt(V))
    padding = [(0, 0)] * len(rows) + [(0, size * size - V)]
    parts = ops.reshape(ops.pad(weights, padding), (*rows, size, size))
    lengths = ops.sum(parts, axis=-1)
    i, rest = land(lengths, ops.cast(u, lengths.dtype) * ops.sum(lengths, axis=-1))
    j, _ = land(ops.take_along_axis(parts, i[..., None, None], axis=-2)[..., 0, :], rest)
    return i * size + j


def land(lengths, point):
    """En qué trozo de la regla cae cada punto y a qué distancia de su comienzo. (…, N), (…)."""
    marks = ops.cumsum(lengths, axis=-1)
    point = ops.minimum(point, marks[..., -1] * (1 - 2**-24))[..., None]  # aunque se redondee
    i = ops.argmax(ops.logical_and(marks > point, lengths > 0), axis=-1)[..., None]
    rest = point - ops.take_along_axis(marks - lengths, i, axis=-1)
    return i[..., 0], rest[..., 0]


def greedy(logits, u):
    """Siempre el id más probable; no usa u."""
    return ops.argmax(logits, axis=-1)


def temperature(value):
    """Softmax de logits / value: menos de 1 prefiere lo probable; más de 1, iguala."""

    def sampler(logits, u):
        return draw(ops.softmax(logits / value), u)

    return sampler


def top_k(k, temperature=1.0):
    """Como ``temperature``, entre los k ids más probables (y los que empaten con el último).

    Fan, Lewis y Dauphin (2018), https://arxiv.org/abs/1805.04833.
    """

    def sampler(logits, u):
        worst = ops.top_k(logits, k)[0][..., -1:]
        return draw(ops.where(logits >= worst, ops.softmax(logits / temperature), 0.0), u)

    return sampler


def top_p(p, temperature=1.0):
    """Como ``temperature``, entre los menos ids posibles que juntan una probabilidad p.

    Holtzman y otros (2020), https://arxiv.org/abs/1904.09751. No ordena: busca por bisección la
    menor probabilidad que se admite.
    """

    def sampler(logits, u):
        probs = ops.softmax(logits / temperature)

        def halve(_, bounds):
            low, high = bounds  # lo que está por encima de low junta p; lo de high, no
            middle = (low + high) / 2
            mass = ops.sum(ops.where(probs >= middle, probs, 0.0), axis=-1, keepdims=True)
            enough = mass >= p
            return ops.where(enough, middle, low), ops.where(enough, high, middle)

        high = ops.max(probs, axis=-1, keepdims=True)
        low, _ = ops.fori_loop(0, 30, halve, (ops.zeros_like(high), high))
        return draw(ops.where(probs >= low, probs, 0.0), u)

    return sampler


# -------------------------------------------------------------------------------- el bucle


def generate(model, prompt, sampler, rng, length):
    """Continúa ``prompt``, token a token, hasta el fin o hasta añadir ``length``.

    model: cualquiera con ``log_probs``; prompt: lista de ids; rng: ``np.random.default_rng(seed)``.
    Devuelve la lista de ids nuevos, sin el fin.
    """
    ids = list(prompt)
    for _ in range(length):
        logits = model.log_probs(np.array([[*ids, END]]))[0, -1]  # (V,): lo que va en el hueco
        token = int(sampler(logits, rng.random()))
        if token == END:
            break
        ids.append(token)
    return ids[len(prompt) :]


# -------------------------------------------------------------------------- generación rápida


class FastGenerator:
    """Lo mismo que ``generate``, con un GPT, para muchos textos a la vez.

    El modelo solo ve los últimos ``context`` tokens. De un prompt más largo se queda con el final;
    un texto que llena la ventana sigue con una que avanza, sin caché y por eso más despacio.
    """

    def __init__(self, model, sampler):
        self.model, self.sampler = model, sampler
        self._advance, self._slide = compiled(self._cached_steps), compiled(self._window_step)

    def generate(self, prompts, length, seed=0):
        """Hasta ``length`` ids nuevos por prompt, sin el fin: una lista por texto.

        El texto i es el de ``generate`` con ``default_rng(seed + i)``: no depende de los demás.
        """
        texts = np.hstack(list(self._run(prompts, length, seed, self.model.config.context)))
        return [
            until_end(text[len(row) - 1 :])
            for text, row in zip(texts.tolist(), map(self._row, prompts), strict=True)
        ]

    def stream(self, prompt, length, seed=0):
        """Da los ids de ``generate([prompt], length, seed)[0]`` según salen."""
        for step, token in enumerate(self._run([prompt], length, seed, 1), 1):
            if step >= len(self._row(prompt)) and token[0, 0] != END:
                yield int(token[0, 0])

    def _row(self, prompt):
        return [START, *prompt][-self.model.config.context :]

    def _run(self, prompts, length, seed, size):
        """Da los tokens de las posiciones 1, 2, …, en arrays de hasta ``size`` columnas."""
        rows, context = [self._row(prompt) for prompt in prompts], self.model.config.context
        text, u, last = plan(rows, length, seed, size)
        weights = [variable.value for variable in self.model.variables]
        cache, t = empty_cache(self.model.config, len(rows)), 0
        while t < last and (t == 0 or (text[:, t] != END).any()):
            if t < context:
                steps, after = min(size, context - t, last - t), slice(t + 1, t + 1 + size)
                start = text[:, t], np.int32(t), np.int32(steps)
                new, cache = self._advance(weights, cache, *start, text[:, after], u[:, after])
            else:
                steps, window = 1, text[:, t + 1 - context : t + 1]
                new = self._slide(weights, window, text[:, t + 1], u[:, t + 1])
            text[:, t + 1 : t + 1 + steps] = np.asarray(new)[:, :steps]
            yield text[:, t + 1 : t + 1 + steps]
            t += steps

    def _cached_steps(self, weights, cache, token, t, steps, given, u):
        """``steps`` pasos desde la posición t. given, u: (B, size) -> tokens (B, size) y caché."""

        def unfinished(i, token, cache, out):
            return ops.logical_and(i < steps, ops.any(ops.logical_or(token != END, t + i == 0)))

        def step(i, token, cache, out):
            logits, _, cache = self.model.forward(token[:, None], cache, t + i)
            ended = ops.logical_and(token == END, t + i > 0)
            token = self._next(logits[:, 0], ended, given[:, i], u[:, i])
            return i + 1, token, cache, ops.slice_update(out, (0, i), token[:, None])

        with keras.StatelessScope(state_mapping=zip(self.model.variables, weights, strict=True)):
            start = ops.zeros((), "int32"), token, cache, ops.zeros_like(given)
            *_, cache, out = ops.while_loop(unfinished, step, start)
        return out, cache

    def _window_step(self, weights, window, given, u):
        """Un paso sin caché. window: (B, context) -> tokens (B, 1)."""
        with keras.StatelessScope(state_mapping=zip(self.model.variables, weights, strict=True)):
            logits = self.model(window)[:, -1]
        return self._next(logits, window[:, -1] == END, given, u)[:, None]

    def _next(self, logits, ended, given, u):
        """El token dado, si no es negativo; si lo es, uno al azar, o el fin tras el fin. (B,)."""
        token = ops.where(ended, END, ops.cast(self.sampler(logits, u), "int32"))
        return ops.where(given >= 0, given, token)


def plan(rows, length, seed, size):
    """Lo que se sabe antes de empezar: tokens (B, W), -1 donde hay que generar, y azar (B, W).

    Devuelve también la última posición. ``size`` columnas de más dejan tomar tramos iguales.
    """
    last = max(map(len, rows)) + length - 1
    text = np.full((len(rows), last + 1 + size), END, "int32")
    u = np.zeros(text.shape, "float32")
    for i, row in enumerate(rows):
        end = len(row) + length
        text[i, : len(row)], text[i, len(row) : end] = row, -1
        u[i, len(row) : end] = np.random.default_rng(seed + i).random(length)
    return text, u, last


def until_end(ids):
    """Los ids que van antes del primer fin."""
    return ids[: ids.index(END)] if END in ids else ids


def compiled(function):
    """``function`` compilada con XLA por el motor de Keras en uso (TensorFlow o JAX)."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function, jit_compile=True)
