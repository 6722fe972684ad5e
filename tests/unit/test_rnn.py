"""Las celdas contra las capas de Keras y contra diferencias finitas; los modelos, contra fugas."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from vinogpt.rnn import (
    RNN,
    build_rnn,
    clip_by_global_norm,
    gru_cell,
    jacobians,
    lstm_cell,
    rnn_cell,
    simple_rnn,
)

SIZES = [(3, 5, 7), (2, 11, 1), (13, 3, 4)]  # d, C, T


def with_random_weights(layer, X, seed):
    """Da a la capa pesos al azar, sesgos incluidos, y los devuelve en float64."""
    layer(X)
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(0, 0.5, w.shape) for w in layer.get_weights()])
    return [w.astype(float) for w in layer.get_weights()]


def inputs(d, T, seed):
    return np.random.default_rng(seed).normal(size=(T, d)).astype("float32")


@pytest.mark.parametrize(("d", "C", "T"), SIZES)
def test_simple_rnn_equals_keras(d, C, T):
    X, layer = inputs(d, T, 1), layers.SimpleRNN(C, return_sequences=True)
    W, U, b = with_random_weights(layer, X[None], 2)
    assert simple_rnn(X, np.zeros(C), W, U, b) == pytest.approx(layer(X[None])[0].numpy(), abs=1e-5)


def test_cutting_the_sequence_and_carrying_the_state_gives_the_same():
    rng = np.random.default_rng(3)
    X, h = rng.normal(size=(9, 3)), rng.normal(size=4)
    W, U, b = rng.normal(size=(3, 4)), rng.normal(size=(4, 4)), rng.normal(size=4)
    whole = simple_rnn(X, h, W, U, b)
    head = simple_rnn(X[:5], h, W, U, b)
    assert np.vstack([head, simple_rnn(X[5:], head[-1], W, U, b)]) == pytest.approx(whole)


@pytest.mark.parametrize(("d", "C", "T"), SIZES)
def test_lstm_cell_equals_keras(d, C, T):
    X, layer = inputs(d, T, 4), layers.LSTM(C, return_state=True)
    W, U, b = with_random_weights(layer, X[None], 5)
    h = c = np.zeros(C)
    for x in X:
        h, c = lstm_cell(x, h, c, W, U, b)
    _, keras_h, keras_c = layer(X[None])
    assert h == pytest.approx(keras_h[0].numpy(), abs=1e-5)
    assert c == pytest.approx(keras_c[0].numpy(), abs=1e-5)


@pytest.mark.parametrize(("d", "C", "T"), SIZES)
def test_gru_cell_equals_keras(d, C, T):
    X, layer = inputs(d, T, 6), layers.GRU(C)
    W, U, b = with_random_weights(layer, X[None], 7)
    h = np.zeros(C)
    for x in X:
        h = gru_cell(x, h, W, U, b)
    assert h == pytest.approx(layer(X[None])[0].numpy(), abs=1e-5)


def test_lstm_with_open_forget_gate_keeps_its_memory():
    b = np.concatenate([np.full(4, -50), np.full(4, 50), np.zeros(8)])
    h, c = np.zeros(4), np.arange(4.0)
    for x in np.random.default_rng(8).normal(size=(1000, 3)):
        h, c = lstm_cell(x, h, c, np.zeros((3, 16)), np.zeros((4, 16)), b)
    assert c == pytest.approx(np.arange(4.0))


def test_jacobians_equal_finite_differences():
    rng = np.random.default_rng(9)
    x, h, b = rng.normal(size=3), rng.normal(size=5), rng.normal(size=5)
    W, U = rng.normal(size=(3, 5)), rng.normal(size=(5, 5)) / 2
    shift = 1e-6 * np.eye(5)
    ahead, behind = (rnn_cell(x, h + s, W, U, b) for s in (shift, -shift))
    [exact] = jacobians(rnn_cell(x, h, W, U, b)[None], U)
    assert (ahead - behind) / 2e-6 == pytest.approx(exact, abs=1e-8)


def test_product_of_jacobians_links_distant_states():
    rng = np.random.default_rng(10)
    X, h, b = rng.normal(size=(6, 3)), rng.normal(size=4), rng.normal(size=4)
    W, U = rng.normal(size=(3, 4)), rng.normal(size=(4, 4)) / 2
    product = np.linalg.multi_dot(jacobians(simple_rnn(X, h, W, U, b), U))
    for i, shift in enumerate(1e-6 * np.eye(4)):
        ahead, behind = (simple_rnn(X, h + s, W, U, b)[-1] for s in (shift, -shift))
        assert (ahead - behind) / 2e-6 == pytest.approx(product[i], abs=1e-8)


@pytest.mark.parametrize("max_norm", [0.1, 1.0, 100.0])
def test_clipping_equals_tensorflow(max_norm):
    rng = np.random.default_rng(11)
    grads = [rng.normal(size=shape) for shape in [(3, 4), (4,), (2, 2, 2)]]
    expected, _ = tf.clip_by_global_norm([tf.constant(g) for g in grads], max_norm)
    for ours, theirs in zip(clip_by_global_norm(grads, max_norm), expected, strict=True):
        assert ours == pytest.approx(theirs.numpy())


def test_clipping_leaves_zero_gradients_at_zero():
    assert clip_by_global_norm([np.zeros(2)], 1.0)[0].tolist() == [0, 0]


@pytest.mark.parametrize("kind", ["simple", "lstm", "gru"])
class TestBuildRnn:
    def test_is_the_largest_that_fits(self, kind):
        model = build_rnn(kind, V=37, parameters=20_000)
        bigger = RNN(kind, 37, model.recurrent.units + 1)
        bigger(np.zeros((1, 1), int))
        assert model.count_params() <= 20_000 < bigger.count_params()

    def test_log_probs_are_normalised_and_do_not_see_the_future(self, kind):
        keras.utils.set_random_seed(1)
        model = build_rnn(kind, V=11, parameters=3000)
        ids = np.random.default_rng(2).integers(0, 11, (3, 9))
        q = model.log_probs(ids)
        assert np.exp(q).sum(axis=-1) == pytest.approx(np.ones((3, 9)), abs=1e-5)
        for t in range(9):
            changed = ids.copy()
            changed[:, t] = (ids[:, t] + 1) % 11
            moved = np.abs(model.log_probs(changed) - q).max(axis=(0, 2)) > 1e-5
            assert not moved[: t + 1].any() and moved[t + 1 : t + 2].all()

    def test_logits_are_those_of_the_next_token(self, kind):
        model = build_rnn(kind, V=11, parameters=3000)
        ids = np.array([[4, 7, 2]])
        logits = model(np.array([[0, 4, 7]])).numpy()
        q = model.log_probs(ids)
        assert q - logits == pytest.approx(np.repeat((q - logits)[..., :1], 11, axis=-1), abs=1e-5)
