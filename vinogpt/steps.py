"""La pérdida y un paso de entrenamiento compilado, en TensorFlow o en JAX."""

import os

import keras
from keras import ops

from vinogpt.model import END, START

CORES = min(4, os.cpu_count() or 1)  # partes de un lote que se calculan a la vez sin GPU


def loss(model, ids, count_padding=False):
    """-log q medio por token real de ids, (B, T), leído cada uno tras los anteriores."""
    logits = model(before(ids), training=True)
    nats = ops.sparse_categorical_crossentropy(ids, logits, from_logits=True)
    if count_padding:
        return ops.mean(nats)
    return ops.sum(nats * counted(ids)) / ops.sum(counted(ids))


def before(ids):
    """El token anterior a cada uno: delante del primero está el comienzo. (B, T) -> (B, T)."""
    return ops.pad(ids[:, :-1], ((0, 0), (1, 0)), constant_values=START)


def counted(ids):
    """1 en los tokens reales y 0 en el relleno. (B, T) -> (B, T)."""
    first = ops.arange(ops.shape(ids)[1]) == 0
    return ops.cast(ops.logical_or(first, before(ids) != END), "float32")


def tensorflow_step(model, optimizer, loss, xla):
    """``step(ids) -> pérdida``, que actualiza el modelo. XLA solo en lo que más cuesta."""
    import tensorflow as tf

    ids_of_any_shape, parts = [tf.TensorSpec((None, None), "int32")], parts_of(model)

    @tf.function(input_signature=ids_of_any_shape, jit_compile=xla)
    def value_and_gradients(ids):
        with tf.GradientTape() as tape:
            value = loss(model, ids)
        gradients = tape.gradient(value, model.trainable_variables)
        return value, [tf.convert_to_tensor(gradient) for gradient in gradients]

    @tf.function(input_signature=ids_of_any_shape)
    def step(ids):
        rows = [ids[i::parts] for i in range(parts)]
        shares = [ops.sum(counted(part)) / ops.sum(counted(ids)) for part in rows]
        values, gradients = zip(*map(value_and_gradients, rows), strict=True)
        gradients = [weighted(shares, own) for own in zip(*gradients, strict=True)]
        optimizer.apply(gradients, model.trainable_variables)
        return weighted(shares, values)

    return step


def parts_of(model):
    """Partes de un lote que se calculan a la vez: XLA apenas usa más de un núcleo.

    Con GPU, una; y con dropout, para que su azar se gaste en orden. Cada parte pesa según sus
    tokens reales.
    """
    import tensorflow as tf

    whole = tf.config.list_physical_devices("GPU") or model.non_trainable_variables
    return 1 if whole else CORES


def weighted(shares, values):
    """Suma de ``values``, cada uno por su peso."""
    return sum(share * value for share, value in zip(shares, values, strict=True))


def jax_step(model, optimizer, loss, xla):
    """Lo mismo en JAX, que siempre compila; con varios dispositivos, reparte cada lote."""
    import jax

    groups = model.trainable_variables, model.non_trainable_variables, optimizer.variables

    def stateless_loss(weights, rest, ids):
        pairs = zip([*groups[0], *groups[1]], [*weights, *rest], strict=True)
        with keras.StatelessScope(state_mapping=pairs) as scope:
            value = loss(model, ids)
        return value, [scope.get_current_value(variable) for variable in groups[1]]

    @jax.jit
    def update(weights, rest, moments, ids):
        differentiate = jax.value_and_grad(stateless_loss, has_aux=True)
        (value, rest), gradients = differentiate(weights, rest, ids)
        weights, moments = optimizer.stateless_apply(moments, gradients, weights)
        return value, [*weights, *rest, *moments]

    def step(ids):
        values = [[variable.value for variable in group] for group in groups]
        value, new = update(*values, spread(ids))
        for variable, tensor in zip([v for group in groups for v in group], new, strict=True):
            variable.assign(tensor)
        return value

    return step


def spread(ids):
    """Reparte las filas de un lote entre los dispositivos de ``keras.distribution``."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return ids
    return keras.distribution.distribute_tensor(ids, distribution.get_data_layout(ids.shape))


STEPS = {"tensorflow": tensorflow_step, "jax": jax_step}


def several_machines():
    """¿Reparte el entorno este entrenamiento entre varios procesos?"""
    return "KERAS_DISTRIBUTION_JOB_ADDRESSES" in os.environ


def use_devices():
    """Con GPU, cálculos en bfloat16; con JAX y varios dispositivos, cada uno hace parte del lote.

    Los dispositivos pueden ser de varios equipos, si el entorno dice cuáles. Se llama antes de
    calcular nada.
    """
    if several_machines():
        keras.distribution.initialize()
    devices = keras.distribution.list_devices()
    if devices[0].startswith("gpu"):
        keras.config.set_dtype_policy("mixed_bfloat16")
    if keras.backend.backend() == "jax" and len(devices) > 1:
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
