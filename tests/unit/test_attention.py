"""Las piezas que enseña el capítulo 04, contra ejemplos a mano, propiedades y capas de Keras."""

import keras
import numpy as np
import pytest
from keras import ops

from vinogpt.attention import (
    attention,
    causal_mask,
    feed_forward,
    layer_norm,
    lookup,
    merge_heads,
    multi_head,
    rotate,
    sinusoidal_positions,
    softmax,
    split_heads,
)
from vinogpt.model import Block, Config


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_causal_mask():
    assert causal_mask(2).tolist() == [[1, 0], [1, 1]]
    assert causal_mask(2, 3).tolist() == [[1, 1, 0], [1, 1, 1]]


def test_softmax_by_hand_and_with_huge_numbers():
    assert softmax(np.log([1.0, 2.0, 5.0])) == pytest.approx([0.125, 0.25, 0.625])
    assert softmax(np.array([1e4, -1e4])).tolist() == [1, 0]


def test_lookup_returns_the_value_of_a_key_like_the_query():
    keys, values = np.eye(3), np.array([[10.0], [20.0], [30.0]])
    assert lookup(100 * keys[1], keys, values) == pytest.approx([20])
    assert lookup(np.zeros(3), keys, values) == pytest.approx([20])  # la media


def test_attention_is_one_lookup_per_row(rng):
    Q, K, V = rng.normal(size=(5, 3)), rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    output, weights = attention(Q, K, V, np.ones((5, 7)))
    assert output == pytest.approx(np.array([lookup(q, K, V) for q in Q]))
    assert weights.sum(axis=-1) == pytest.approx(np.ones(5))


def test_attention_equals_keras(rng):
    Q, K, V = (rng.normal(size=(2, 3, 7, 5)) for _ in range(3))  # (B, H, T, k)
    output, _ = attention(Q, K, V, causal_mask(7))
    moved = (x.swapaxes(1, 2).astype("float32") for x in (Q, K, V))
    expected = ops.dot_product_attention(*moved, is_causal=True)
    assert output.swapaxes(1, 2) == pytest.approx(np.array(expected), abs=1e-5)


def test_masked_positions_have_no_weight(rng):
    mask = causal_mask(4)
    _, weights = attention(*rng.normal(size=(3, 4, 2)), mask)
    assert (weights > 0).tolist() == mask.astype(bool).tolist()


def test_heads_split_and_merge():
    x = np.arange(12).reshape(2, 6)
    assert split_heads(x, 3)[1].tolist() == [[2, 3], [8, 9]]
    assert merge_heads(split_heads(x, 3)).tolist() == x.tolist()


def test_sinusoids_give_every_distance_the_same_rotation():
    P = sinusoidal_positions(9, 6)
    assert P[0].tolist() == [0, 0, 0, 1, 1, 1]
    assert P[1, [0, 3]] == pytest.approx([np.sin(1), np.cos(1)])
    products = P @ P.T
    assert np.diag(products, 4) == pytest.approx(products[0, 4])


def test_rotated_product_depends_only_on_the_distance(rng):
    q, k = rng.normal(size=(2, 1, 8))

    def product(i, j):
        return (rotate(q, [i]) @ rotate(k, [j]).T).item()

    assert product(3, 10) == pytest.approx(product(23, 30))
    assert product(3, 10) != pytest.approx(product(3, 11))
    assert np.linalg.norm(rotate(q, [5])) == pytest.approx(np.linalg.norm(q))


@pytest.mark.parametrize("pre_norm", [True, False])
def test_the_pieces_make_the_block_of_the_model(rng, pre_norm):
    config = Config(0, 7, 1, 3, d=11, key_dim=5, ff=13, pre_norm=pre_norm, rotary=False)
    block = Block(config, "block")
    x = rng.normal(size=(7, 11)).astype("float32")
    block(x[None])
    for weight in block.weights:
        weight.assign(rng.normal(size=weight.shape))
    for layer in (block.attention.query, block.attention.key, block.attention.value):
        layer.bias.assign(ops.zeros_like(layer.bias))
    block.attention.merge.bias.assign(np.zeros(11))
    expected, weights, _ = block(x[None])

    output, own_weights = numpy_block(x, block, pre_norm)
    assert output == pytest.approx(np.array(expected[0]), abs=1e-3)
    assert own_weights == pytest.approx(np.array(weights[0]), abs=1e-4)


def numpy_block(x, block, pre_norm):
    """El bloque, escrito con las piezas del capítulo y los pesos de la capa."""
    heads = block.attention
    kernels = [np.asarray(p.kernel) for p in (heads.query, heads.key, heads.value, heads.merge)]
    dense = [np.asarray(w) for p in (block.expand, block.reduce) for w in (p.kernel, p.bias)]
    norm_1, norm_2 = (
        [np.asarray(n.gamma), np.asarray(n.beta)] for n in (block.norm_1, block.norm_2)
    )
    mask = causal_mask(len(x))
    if pre_norm:
        update, weights = multi_head(layer_norm(x, *norm_1), *kernels, 3, mask)
        x = x + update
        return x + feed_forward(layer_norm(x, *norm_2), *dense), weights
    update, weights = multi_head(x, *kernels, 3, mask)
    x = layer_norm(x + update, *norm_1)
    return layer_norm(x + feed_forward(x, *dense), *norm_2), weights


def test_layer_norm_equals_keras(rng):
    x = rng.normal(size=(5, 11)).astype("float32")
    layer = keras.layers.LayerNormalization(epsilon=1e-6)
    assert layer_norm(x, 1, 0) == pytest.approx(np.array(layer(x)), abs=1e-5)
