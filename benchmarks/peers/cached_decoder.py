"""Decodificador con caché de KerasHub: ``TransformerDecoder`` y ``samplers.RandomSampler``.

Sigue a los ``CausalLM`` de la biblioteca: un bucle compilado con XLA que pide un token cada vez.
Petición: {"streams": B}. Respuesta: {"seconds": …, "tokens": …}, sin parar en el fin de texto.
"""

import json
import sys
import time

import keras
import keras_hub
import numpy as np
import tensorflow as tf
from keras import ops


class Decoder(keras.Model):
    """Embeddings, bloques y logits, con las medidas que se le dan."""

    def __init__(self, sizes):
        super().__init__()
        self.sizes, d = sizes, sizes["d"]
        self.embed = keras_hub.layers.TokenAndPositionEmbedding(sizes["V"], sizes["context"], d)
        self.blocks = [
            keras_hub.layers.TransformerDecoder(sizes["ff"], sizes["heads"], dropout=0.0)
            for _ in range(sizes["layers"])
        ]
        self.head = keras.layers.Dense(sizes["V"])

    def call(self, ids):
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(x)

    def next_token(self, prompt, cache, index):
        """Logits de la posición ``index``; la interfaz que piden los muestreadores."""
        at = index - 1
        x = self.embed(ops.slice(prompt, [0, at], [ops.shape(prompt)[0], 1]), start_index=at)
        caches = []
        for i, block in enumerate(self.blocks):
            x, new = block(
                x, self_attention_cache=cache[:, i], self_attention_cache_update_index=at
            )
            caches.append(new)
        return ops.squeeze(self.head(x), axis=1), None, ops.stack(caches, axis=1)

    def empty_cache(self, streams):
        sizes = self.sizes
        heads, width = sizes["heads"], sizes["d"] // sizes["heads"]
        return ops.zeros((streams, sizes["layers"], 2, sizes["context"], heads, width))


def compiled(model):
    """``generate(prompt, máscara) -> ids``, (B, context), compilada."""
    sampler = keras_hub.samplers.RandomSampler(seed=1)

    @tf.function(jit_compile=True)
    def generate(prompt, mask):
        cache = model.empty_cache(prompt.shape[0])
        return sampler(model.next_token, prompt, cache=cache, index=1, mask=mask, model=model)

    return generate


def main(sizes):
    keras.utils.set_random_seed(1)
    model = Decoder(sizes)
    model(np.zeros((1, 2), "int32"))
    generate = compiled(model)
    print(json.dumps({"keras_hub": keras_hub.__version__, "parameters": model.count_params()}))
    sys.stdout.flush()
    for line in sys.stdin:
        shape = json.loads(line)["streams"], sizes["context"]
        prompt, mask = np.zeros(shape, "int32"), np.zeros(shape, bool)
        mask[:, 0] = True
        start = time.perf_counter()
        generate(tf.constant(prompt), tf.constant(mask)).numpy()
        tokens = shape[0] * (shape[1] - 1)
        print(json.dumps({"seconds": time.perf_counter() - start, "tokens": tokens}), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
