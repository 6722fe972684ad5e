"""El GPT de vinos: un decodificador Transformer en Keras 3, escrito con ``keras.ops``.

Convenios, los mismos para todos los modelos del curso (n-gramas, RNN, GPT):

* El número 0 separa textos: es el comienzo, el fin y el relleno. ``START = END = PAD = 0``.
* Una reseña de n palabras se entrena con n + 1 posiciones: x = [0, w1 … wn], y = [w1 … wn, 0].
  El comienzo no se predice; el fin, sí. Los ceros de ``y`` tras el primero son relleno y no
  cuentan en la pérdida. El relleno va a la derecha: la máscara causal impide que influya.
* ``model(ids)`` da los logits (B, T, V) del token que sigue a cada posición de ``ids`` (B, T),
  con T ≤ ``context``.
* ``model.log_probs(ids)`` da log q (B, T, V) **de cada** ``ids[:, t]`` según los anteriores: pone
  él el comienzo. Es lo que usan ``vinogpt.evaluation`` y ``sampling.generate``.

Formas: B textos, T posiciones, V palabras, d anchura, H cabezas, k anchura de cabeza, y S
posiciones que se pueden mirar: T, o ``context`` con caché.
"""

import json
from dataclasses import asdict, dataclass

import keras
import numpy as np
from keras import layers, ops

START = END = PAD = 0

# -------------------------------------------------------------------------------- capas


class CausalAttention(layers.Layer):
    """Atención de H cabezas: cada posición se mira a sí misma y a las anteriores.

    Proyecta con matrices (d, H k), no con tensores de tres ejes como ``MultiHeadAttention``: así
    las reconoce ``keras.optimizers.Muon``.
    """

    def __init__(self, config):
        super().__init__(name="attention")
        self.heads, self.key_dim, self.rotary = config.heads, config.key_dim, config.rotary
        width = config.heads * config.key_dim
        self.query = layers.Dense(width, name="query")
        self.key = layers.Dense(width, name="key")
        self.value = layers.Dense(width, name="value")
        self.merge = layers.Dense(config.d, name="merge")

    def call(self, x, cache=None, position=0):
        """x: (B, T, d) -> salida (B, T, d), pesos (B, H, T, S) y claves y valores (B, H, S, k)."""
        Q, K, V = (self.split(project(x)) for project in (self.query, self.key, self.value))
        if self.rotary:
            Q, K = rotate(Q, position), rotate(K, position)
        if cache is not None:
            K, V = (
                ops.slice_update(old, (0, 0, position, 0), new)
                for old, new in zip(cache, (K, V), strict=True)
            )
        T, S = ops.shape(Q)[2], ops.shape(K)[2]
        visible = position + ops.arange(T)[:, None] >= ops.arange(S)  # (T, S)
        scores = ops.matmul(Q, ops.transpose(K, (0, 1, 3, 2))) / np.sqrt(self.key_dim)
        weights = ops.softmax(ops.where(visible, ops.cast(scores, "float32"), -1e9))
        mixed = ops.transpose(ops.matmul(ops.cast(weights, V.dtype), V), (0, 2, 1, 3))
        return self.merge(ops.reshape(mixed, (-1, T, self.heads * self.key_dim))), weights, (K, V)

    def split(self, x):
        """Reparte las columnas entre las cabezas: (B, T, H k) -> (B, H, T, k)."""
        return ops.transpose(
            ops.reshape(x, (-1, ops.shape(x)[1], self.heads, self.key_dim)), (0, 2, 1, 3)
        )


def rotate(x, position):
    """RoPE (Su y otros, 2021, https://arxiv.org/abs/2104.09864). (B, H, T, k) -> (B, H, T, k).

    Gira cada par de coordenadas un ángulo proporcional a su posición, desde ``position``.
    """
    T, half = ops.shape(x)[2], x.shape[-1] // 2
    frequencies = 10_000.0 ** (-np.arange(half, dtype="float32") / half)
    angles = ops.cast(position + ops.arange(T), "float32")[:, None] * frequencies
    cos, sin = ops.cos(angles), ops.sin(angles)
    a, b = ops.split(ops.cast(x, "float32"), 2, axis=-1)
    return ops.cast(ops.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1), x.dtype)


class Block(layers.Layer):
    """Atención y red de dos capas, cada una con su suma (residuo) y su normalización.

    Normaliza lo que lee cada una (``pre_norm``: Xiong y otros, 2020,
    https://arxiv.org/abs/2002.04745) o cada suma (Vaswani y otros, 2017).
    """

    def __init__(self, config, name):
        super().__init__(name=name)
        self.pre_norm = config.pre_norm
        self.attention = CausalAttention(config)
        self.norm_1 = layers.LayerNormalization(epsilon=1e-6, name="norm_1")
        self.expand = layers.Dense(config.ff, activation="relu", name="expand")
        self.reduce = layers.Dense(config.d, name="reduce")
        self.norm_2 = layers.LayerNormalization(epsilon=1e-6, name="norm_2")
        self.dropout = layers.Dropout(config.dropout)

    def call(self, x, cache=None, position=0):
        """x: (B, T, d) -> salida (B, T, d), pesos de atención y caché."""
        seen = self.norm_1(x) if self.pre_norm else x
        update, weights, cache = self.attention(seen, cache=cache, position=position)
        x = x + self.dropout(update)
        x = x if self.pre_norm else self.norm_1(x)
        seen = self.norm_2(x) if self.pre_norm else x
        x = x + self.dropout(self.reduce(self.expand(seen)))
        x = x if self.pre_norm else self.norm_2(x)
        return x, weights, cache


# ------------------------------------------------------------------------------- modelo


class GPT(keras.Model):
    """Logits del token siguiente y, si se piden, pesos de atención o caché."""

    def __init__(self, config):
        super().__init__(name="gpt")
        self.config = config
        self.tokens = layers.Embedding(config.vocab_size, config.d, name="tokens")
        if not config.rotary:
            self.positions = layers.Embedding(config.context, config.d, name="positions")
        self.blocks = [Block(config, f"block_{i}") for i in range(config.layers)]
        if config.pre_norm:
            self.norm = layers.LayerNormalization(epsilon=1e-6, name="norm")
        if not config.tied:
            self.head = layers.Dense(config.vocab_size, name="head")

    def call(self, ids, return_attention_scores=False):
        """ids: (B, T) -> logits (B, T, V) y, si se piden, los pesos de cada bloque."""
        logits, weights, _ = self.forward(ids)
        return (logits, weights) if return_attention_scores else logits

    def forward(self, ids, cache=None, position=0):
        """ids: (B, T) -> logits (B, T, V), pesos (B, H, T, S) por bloque y caché por bloque.

        Con la caché de las ``position`` anteriores, ids son solo los tokens que siguen.
        """
        x = self.tokens(ids)
        if not self.config.rotary:
            x = x + self.positions(position + ops.arange(ops.shape(ids)[1]))
        weights, new_cache = [], []
        for block, old in zip(self.blocks, cache or [None] * len(self.blocks), strict=True):
            x, attention, new = block(x, cache=old, position=position)
            weights.append(attention)
            new_cache.append(new)
        x = self.norm(x) if self.config.pre_norm else x
        return ops.cast(self.logits(x), "float32"), weights, new_cache

    def logits(self, x):
        """Compara cada posición con cada palabra: (B, T, d) -> (B, T, V)."""
        if self.config.tied:  # Press y Wolf (2017), https://arxiv.org/abs/1608.05859
            return ops.matmul(x, ops.transpose(ops.cast(self.tokens.embeddings, x.dtype)))
        return self.head(x)

    def log_probs(self, ids):
        """log q de cada token dados los anteriores: (B, T) -> (B, T, V), en nats.

        Más allá de ``context`` cada token se predice con los ``context`` anteriores.
        """
        T, context = np.shape(ids)[1], self.config.context
        width = min(context, -(-T // 32) * 32)  # pocas anchuras distintas
        padded = np.pad(ids, ((0, 0), (1, width)), constant_values=START)
        logits = [self(padded[:, :width])[:, :T]]
        logits += [self(padded[:, i : i + context])[:, -1:] for i in range(1, T - context + 1)]
        return ops.convert_to_numpy(ops.log_softmax(ops.concatenate(logits, axis=1)))


# ------------------------------------------------------------------------ configuración


@dataclass(frozen=True)
class Config:
    """Las medidas de un GPT."""

    vocab_size: int  # V
    context: int  # posiciones que caben, comienzo incluido
    layers: int
    heads: int
    d: int
    key_dim: int  # k; par si hay RoPE
    ff: int  # anchura de la red de dos capas
    dropout: float = 0.0
    pre_norm: bool = True
    rotary: bool = True  # RoPE; si no, un vector aprendido por posición
    tied: bool = False  # la cabeza usa la matriz de embeddings


PRESETS = {
    # Foster, Generative Deep Learning (2.ª ed., 2023), capítulo 9: 5 809 168 parámetros.
    "reference": Config(10_000, 80, 1, 2, 256, 256, 256, 0.1, pre_norm=False, rotary=False),
    # La menor brecha en un minuto con dos núcleos; vocabulario de la gramática.
    "course": Config(753, 128, 2, 4, 64, 16, 256),
    # Lo mismo sin bloques, que solo ve la última palabra, y con uno.
    "gpt_0": Config(753, 128, 0, 4, 64, 16, 256),
    "gpt_1": Config(753, 128, 1, 4, 64, 16, 256),
    # Para unas miles de reseñas reales, que se acaban, y dos núcleos.
    "reviews": Config(10_000, 128, 2, 4, 128, 32, 512, 0.3, tied=True),
    # Para una GPU y todas las reseñas de Kaggle.
    "large": Config(10_000, 128, 6, 6, 384, 64, 1536, 0.1),
}


def build(config: Config) -> GPT:
    """Hace un GPT con pesos al azar, los que fije ``keras.utils.set_random_seed``."""
    model = GPT(config)
    model(np.zeros((1, 2), "int32"))  # crea los pesos
    return model


def empty_cache(config: Config, batch: int):
    """Claves y valores a cero, por bloque: parejas de (B, H, context, k)."""
    shape = (batch, config.heads, config.context, config.key_dim)
    dtype = keras.config.dtype_policy().compute_dtype
    return [(ops.zeros(shape, dtype), ops.zeros(shape, dtype)) for _ in range(config.layers)]


def save(model: GPT, path, vocabulary: list[str], dtype: str = "float32"):
    """Guarda pesos, medidas y vocabulario en un archivo .npz; con float16 ocupa la mitad."""
    pack(model, path, asdict(model.config), vocabulary, dtype)


def load(path) -> tuple[GPT, list[str]]:
    """Devuelve el modelo guardado con ``save`` y su vocabulario."""
    return unpack(path, lambda config: build(Config(**config)))


def pack(model, path, config: dict, vocabulary: list[str], dtype: str):
    """Lo mismo que ``save``, con cualquier modelo. config: las medidas con que se reconstruye."""
    weights = {w.path: ops.convert_to_numpy(w).astype(dtype) for w in model.weights}
    about = json.dumps({"config": config, "vocabulary": vocabulary})
    with open(path, "wb") as file:
        np.savez_compressed(file, about=np.array(about), **weights)


def unpack(path, make):
    """El modelo ``make(config)``, con los pesos guardados en ``path``, y su vocabulario."""
    with np.load(path) as file:
        about = json.loads(str(file["about"]))
        model = make(about["config"])
        for weight in model.weights:
            weight.assign(file[weight.path])
    return model, about["vocabulary"]
