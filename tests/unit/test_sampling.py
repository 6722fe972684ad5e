"""Muestreadores contra su distribución exacta; la generación rápida, contra el bucle enseñado."""

import numpy as np
import pytest
from scipy.stats import chisquare

from vinogpt.model import Config, build
from vinogpt.ngrams import Uniform
from vinogpt.sampling import (
    FastGenerator,
    compiled,
    draw,
    generate,
    greedy,
    temperature,
    top_k,
    top_p,
)

SAMPLERS = {
    "temperature": (temperature(1.7), lambda p: normal(p ** (1 / 1.7))),
    "top_k": (top_k(4, 0.8), lambda p: normal(most_likely(p, 4) ** (1 / 0.8))),
    "top_p": (top_p(0.75), lambda p: normal(most_likely(p, smallest_set(p, 0.75)))),
}
each_sampler = pytest.mark.parametrize("name", SAMPLERS)


def normal(weights):
    return weights / weights.sum()


def most_likely(p, k):
    """p con ceros fuera de sus k mayores valores."""
    return np.where(np.argsort(np.argsort(-p)) < k, p, 0)


def smallest_set(p, mass):
    """Cuántas palabras hacen falta, de más a menos probable, para juntar ``mass``."""
    return int(np.searchsorted(np.cumsum(np.sort(p)[::-1]), mass)) + 1


@pytest.mark.parametrize("seed", [1, 2, 3])
@each_sampler
def test_frequencies_are_those_of_the_distribution(name, seed):
    rng, (sampler, expected) = np.random.default_rng(seed), SAMPLERS[name]
    logits = rng.normal(size=11)
    p = expected(normal(np.exp(logits)))
    ids = sampler(np.tile(logits, (20_000, 1)), rng.random(20_000))
    counts = np.bincount(ids, minlength=11)
    assert counts[p == 0].sum() == 0
    assert chisquare(counts[p > 0], 20_000 * p[p > 0]).pvalue > 1e-6


@each_sampler
def test_compiled_sampler_gives_the_same_ids(name):
    rng, (sampler, _) = np.random.default_rng(4), SAMPLERS[name]
    logits, u = rng.normal(size=(2, 300, 11)).astype("float32"), rng.random((2, 300))
    u = u.astype("float32")
    ids = sampler(logits, u)
    assert ids.shape == (2, 300)
    assert np.mean(np.asarray(ids) == compiled(sampler)(logits, u)) > 0.999


def test_greedy_and_the_limits_of_the_others():
    logits = np.random.default_rng(5).normal(size=(50, 11))
    best, u = logits.argmax(axis=-1).tolist(), np.random.default_rng(6).random(50)
    for sampler in (greedy, temperature(1e-3), top_k(1), top_p(1e-6)):
        assert np.asarray(sampler(logits, u)).tolist() == best
    everything = np.asarray(temperature(1.0)(logits, u)).tolist()
    for sampler in (top_k(11), top_p(1.0)):
        assert np.asarray(sampler(logits, u)).tolist() == everything


def test_a_constant_in_the_logits_changes_nothing():
    logits, u = np.random.default_rng(7).normal(size=(50, 11)), np.linspace(0, 0.99, 50)
    for sampler in (greedy, temperature(0.7), top_k(3), top_p(0.6)):
        assert (
            np.asarray(sampler(logits + 9, u)).tolist() == np.asarray(sampler(logits, u)).tolist()
        )


def test_draw_never_takes_a_word_without_weight():
    weights = np.tile(np.array([0, 2, 0, 1, 0], "float32"), (4, 1))
    assert np.asarray(draw(weights, np.array([0, 0.6, 0.7, 1 - 1e-12]))).tolist() == [1, 1, 3, 3]


@pytest.mark.parametrize("V", [1, 2, 9, 10, 753])
def test_draw_lands_where_the_whole_ruler_says(V):
    rng = np.random.default_rng(V)
    weights, u = rng.random((2, 100, V)) * (rng.random(V) < 0.7) + 1e-9, rng.random((2, 100))
    marks = weights.cumsum(axis=-1)
    expected = (marks <= u[..., None] * marks[..., -1:]).sum(axis=-1)
    assert np.asarray(draw(weights, u)).tolist() == expected.tolist()


class Counting:
    """Tras cada número va el siguiente; tras el 5, el fin."""

    def log_probs(self, ids):
        shifted = np.pad(ids[:, :-1], ((0, 0), (1, 0)))
        return np.log(np.eye(6)[(shifted + 1) % 6] + 1e-30)


@pytest.mark.parametrize(
    ("prompt", "length", "expected"),
    [([], 9, [1, 2, 3, 4, 5]), ([3], 9, [4, 5]), ([1, 2], 2, [3, 4]), ([5], 9, []), ([1], 0, [])],
)
def test_loop_goes_on_until_the_end_or_the_length(prompt, length, expected):
    rng = np.random.default_rng(1)
    assert generate(Counting(), prompt, greedy, rng, length) == expected
    assert generate(Counting(), prompt, temperature(1.0), rng, length) == expected


def test_loop_serves_any_model():
    words = generate(Uniform(4), [], temperature(1.0), np.random.default_rng(1), 40)
    assert set(words) <= {1, 2, 3}


CONFIG = Config(31, context=8, layers=2, heads=2, d=12, key_dim=4, ff=16)
PROMPTS = [[], [3, 4, 5], list(range(1, 12)), [7] * 7]  # el tercero no cabe en la ventana
LENGTH = 7


@pytest.fixture(scope="module")
def model():
    model, rng = build(CONFIG), np.random.default_rng(8)
    for weight in model.weights:
        weight.assign(rng.normal(scale=0.4, size=weight.shape))
    model.head.bias.assign(np.eye(31)[0])  # que algunos textos acaben pronto
    return model


@pytest.fixture(scope="module")
def generator(model):
    return FastGenerator(model, top_p(0.9, 1.2))


def loop(model, sampler, prompts, seed):
    """El bucle enseñado, texto a texto, con las semillas de ``FastGenerator``."""
    rngs = [np.random.default_rng(seed + i) for i in range(len(prompts))]
    return [generate(model, p, sampler, r, LENGTH) for p, r in zip(prompts, rngs, strict=True)]


def test_fast_generator_writes_the_texts_of_the_loop(model, generator):
    texts = generator.generate(PROMPTS, LENGTH, seed=1)
    assert texts == loop(model, generator.sampler, PROMPTS, seed=1)


def test_stream_alone_equals_its_text_in_the_batch(generator):
    texts = generator.generate(PROMPTS, LENGTH, seed=5)
    assert [list(generator.stream(p, LENGTH, 5 + i)) for i, p in enumerate(PROMPTS)] == texts


def test_long_prompt_keeps_its_last_tokens(generator):
    long = PROMPTS[2]
    texts = generator.generate([long, long[-8:], long[-9:], [9, *long]], LENGTH, seed=2)
    assert texts == generator.generate([long[-8:]] * 4, LENGTH, seed=2)


def test_generator_compiles_once_and_reads_the_weights_of_now(model, generator):
    old = model.get_weights()
    texts = generator.generate(PROMPTS, LENGTH, seed=0)
    model.set_weights([weight[::-1] for weight in old])
    new = generator.generate(PROMPTS, LENGTH, seed=0)
    expected = loop(model, generator.sampler, PROMPTS, seed=0)
    model.set_weights(old)
    assert new == expected != texts
    sizes = generator._advance.experimental_get_tracing_count()
    assert sizes <= 2  # lotes de cuatro y, en ``stream``, de uno
