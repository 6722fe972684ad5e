"""El modelo: igual que las capas de Keras, sin ver el futuro, y el mismo con caché, disco o JAX."""

import os
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import ops

from vinogpt.model import PRESETS, CausalAttention, Config, build, empty_cache, load, save

ROTARY = Config(vocab_size=31, context=11, layers=2, heads=3, d=13, key_dim=6, ff=17)
LEARNED = replace(ROTARY, key_dim=5, pre_norm=False, rotary=False)
TIED = replace(ROTARY, tied=True)
STYLES = pytest.mark.parametrize(
    "config", [ROTARY, LEARNED, TIED], ids=["rotary", "learned", "tied"]
)


def random_model(config, seed=3):
    """Un modelo con pesos grandes: así un error se nota."""
    model, rng = build(config), np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(rng.normal(scale=0.5, size=weight.shape))
    return model


def random_ids(B, T, seed=5):
    return np.random.default_rng(seed).integers(1, 31, (B, T))


def parameters(c):
    """Cuántos pesos tiene un modelo, contados a mano."""
    width, norm = c.heads * c.key_dim, 2 * c.d
    attention = 3 * (c.d * width + width) + width * c.d + c.d
    network = c.d * c.ff + c.ff + c.ff * c.d + c.d
    positions = 0 if c.rotary else c.context * c.d
    head = 0 if c.tied else c.d * c.vocab_size + c.vocab_size
    blocks = c.layers * (attention + network + 2 * norm)
    return c.vocab_size * c.d + positions + blocks + norm * c.pre_norm + head


@pytest.mark.parametrize("config", [*PRESETS.values(), ROTARY, LEARNED, TIED])
def test_number_of_parameters(config):
    assert build(config).count_params() == parameters(config)


def test_reference_has_the_parameters_of_its_source():
    model = build(PRESETS["reference"])
    assert model.count_params() == 5_809_168
    assert model.blocks[0].count_params() == 658_688


def test_first_loss_is_that_of_chance():
    config = PRESETS["course"]
    q = build(config).log_probs(np.random.default_rng(1).integers(1, config.vocab_size, (8, 50)))
    assert -q.mean() == pytest.approx(np.log(config.vocab_size), abs=0.1)


def test_attention_equals_multi_head_attention_of_keras():
    layer = CausalAttention(LEARNED)
    x = np.random.default_rng(2).normal(size=(2, 7, 13)).astype("float32")
    layer(x)
    theirs = keras.layers.MultiHeadAttention(num_heads=3, key_dim=5)
    theirs(x, x)
    for own, other in zip(layer.weights, theirs.weights, strict=True):
        own.assign(np.random.default_rng(4).normal(size=own.shape))
        other.assign(ops.reshape(own, other.shape))
    expected, scores = theirs(x, x, use_causal_mask=True, return_attention_scores=True)
    output, weights, _ = layer(x)
    assert np.array(output) == pytest.approx(np.array(expected), abs=1e-5)
    assert np.array(weights) == pytest.approx(np.array(scores), abs=1e-5)


@STYLES
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_future_changes_nothing(config, dropout):
    """Cambiar los tokens tras t no mueve logits ni pesos hasta t, tampoco al entrenar."""
    model, ids = random_model(replace(config, dropout=dropout)), random_ids(1, 9)
    logits, weights = train_outputs(model, ids)
    for t in range(8):
        changed = ids.copy()
        changed[:, t + 1 :] = 31 - ids[:, t + 1 :]
        new_logits, new_weights = train_outputs(model, changed)
        assert new_logits[:, : t + 1] == pytest.approx(logits[:, : t + 1], abs=1e-5)
        assert new_weights[..., : t + 1, :] == pytest.approx(weights[..., : t + 1, :], abs=1e-6)
        assert abs(new_logits[:, t + 1] - logits[:, t + 1]).max() > 1e-3


def train_outputs(model, ids):
    """Logits y pesos de cada bloque al entrenar, con el mismo azar en cada llamada."""
    for state in model.non_trainable_variables:
        state.assign(ops.ones_like(state))
    logits, weights = model(ids, training=True, return_attention_scores=True)
    return np.array(logits), np.array(weights)


def test_dropout_acts_only_in_training():
    model, ids = random_model(replace(ROTARY, dropout=0.4)), random_ids(1, 9)
    logits, _ = train_outputs(model, ids)
    assert np.array(model(ids)) == pytest.approx(np.array(model(ids)), abs=0)
    assert abs(np.array(model(ids)) - logits).max() > 0.1


@STYLES
@pytest.mark.parametrize("cuts", [[5], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]], ids=["halves", "tokens"])
def test_cache_gives_the_logits_of_the_whole_text(config, cuts):
    model, ids = random_model(config), random_ids(2, 11)
    cache, t, logits = empty_cache(config, 2), 0, []
    for part in np.split(ids, cuts, axis=1):
        new, _, cache = model.forward(part, cache, t)
        t += part.shape[1]
        logits.append(np.array(new))
    expected = np.array(model(ids))
    assert np.concatenate(logits, axis=1) == pytest.approx(expected, abs=1e-5, rel=1e-5)


def test_log_probs_are_those_of_each_token_after_the_previous_ones():
    model, ids = random_model(ROTARY), random_ids(2, 9)
    expected = ops.log_softmax(model(np.pad(ids[:, :-1], ((0, 0), (1, 0)))))
    log_q = model.log_probs(ids)
    assert log_q == pytest.approx(np.array(expected), abs=1e-5)
    assert np.exp(log_q).sum(axis=-1) == pytest.approx(np.ones((2, 9)), abs=1e-5)


def test_log_probs_of_a_long_text_read_the_last_context_tokens():
    model, ids = random_model(LEARNED), random_ids(1, 15)
    for t in (10, 11, 14):
        window = np.pad(ids, ((0, 0), (1, 0)))[:, : t + 1][:, -LEARNED.context :]
        expected = ops.log_softmax(model(window)[:, -1])
        assert model.log_probs(ids)[:, t] == pytest.approx(np.array(expected), abs=1e-5)


@STYLES
def test_save_and_load(config, tmp_path):
    model, ids, vocabulary = random_model(config), random_ids(2, 7), ["", "[UNK]", "vino"]
    save(model, tmp_path / "model.npz", vocabulary)
    loaded, words = load(tmp_path / "model.npz")
    assert (loaded.config, words) == (config, vocabulary)
    assert np.array(loaded(ids)).tolist() == np.array(model(ids)).tolist()


def test_course_model_in_half_precision_takes_little_space(tmp_path):
    config = PRESETS["course"]
    model, path = build(config), tmp_path / "model.npz"
    save(model, path, [f"palabra{i}" for i in range(config.vocab_size)], dtype="float16")
    ids = random_ids(2, 9)
    assert path.stat().st_size < 1.5e6
    assert load(path)[0].log_probs(ids) == pytest.approx(model.log_probs(ids), abs=5e-3)


def test_half_precision_arithmetic():
    exact, ids = random_model(ROTARY), random_ids(2, 9)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = build(ROTARY)
        mixed.set_weights(exact.get_weights())
        logits, _, cache = mixed.forward(ids, empty_cache(ROTARY, 2))
    finally:
        keras.config.set_dtype_policy("float32")
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    assert keras.backend.standardize_dtype(cache[0][0].dtype) == "bfloat16"
    assert np.array(logits) == pytest.approx(np.array(exact(ids)), abs=0.3)


OTHER_BACKEND = """
import sys
import keras, numpy as np
from vinogpt.model import load
assert keras.backend.backend() == "jax"
model, _ = load(sys.argv[1])
np.save(sys.argv[2], model.log_probs(np.load(sys.argv[3])))
"""


def test_jax_agrees(tmp_path, repo):
    model, ids, paths = random_model(TIED), random_ids(2, 9), [tmp_path / n for n in "mqi"]
    save(model, paths[0], [])
    np.save(f"{paths[2]}.npy", ids)
    arguments = [paths[0], f"{paths[1]}.npy", f"{paths[2]}.npy"]
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", OTHER_BACKEND, *arguments]
    subprocess.run(command, env=environment, cwd=repo, check=True)
    assert np.load(f"{paths[1]}.npy") == pytest.approx(model.log_probs(ids), abs=1e-4)
