from pathlib import Path

import numpy as np
import pytest

from vinogpt.batches import corpus_batches, fresh_batches, grammar_floor, pad_texts
from vinogpt.grammar import END, load
from vinogpt.training import Recipe

TINY = load(Path(__file__).parent / "tiny_grammar.json")
VOCABULARY = [END, "[UNK]", *TINY.vocabulary]
RECIPE = Recipe(batch_size=4, widths=(8, 12))


def texts_of(lengths):
    """Textos distintos de las longitudes pedidas: el primer id dice cuál es cada uno."""
    return [[2 + i] * length for i, length in enumerate(lengths)]


def first_ids(batches, steps):
    return np.concatenate([batches(i)[:, 0] for i in steps]).tolist()


def test_a_text_is_cut_or_filled_with_zeros():
    assert pad_texts([[5, 6], [7, 8, 9, 9]], 3).tolist() == [[5, 6, 0], [7, 8, 9]]


@pytest.mark.parametrize(
    ("length", "width"), [(3, 8), (7, 8), (8, 12), (11, 12), (12, 16), (15, 16), (30, 16)]
)
def test_each_batch_has_the_narrowest_width_that_holds_its_texts_and_their_end(length, width):
    batches = corpus_batches(texts_of([length] * 4), RECIPE, 16, seed=1)
    assert batches(0).shape == (4, width)


def test_a_window_narrower_than_the_widths_is_the_only_width():
    assert corpus_batches(texts_of([3] * 4), RECIPE, 6, seed=1)(0).shape == (4, 6)


def test_a_batch_joins_texts_of_similar_length():
    batches = corpus_batches(texts_of([3, 14] * 8), RECIPE, 16, seed=1)
    assert sorted(batches(i).shape[1] for i in range(4)) == [8, 8, 16, 16]


def test_each_epoch_reads_every_text_once_in_another_order():
    batches = corpus_batches(texts_of(range(1, 17)), RECIPE, 32, seed=1)
    first, second = first_ids(batches, range(4)), first_ids(batches, range(4, 8))
    assert sorted(first) == sorted(second) == list(range(2, 18))
    assert first != second


def test_texts_left_over_are_not_always_the_same():
    batches = corpus_batches(texts_of([3, 4, 5, 6, 14]), RECIPE, 16, seed=1)
    left_over = {20 - sum(first_ids(batches, [epoch])) for epoch in range(30)}
    assert left_over == {2, 3, 4, 5, 6}


def test_few_texts_make_a_small_batch():
    assert corpus_batches(texts_of([3, 3]), RECIPE, 16, seed=1)(5).shape == (2, 8)


def test_a_batch_depends_only_on_seed_and_step():
    def make(seed):
        return fresh_batches(TINY, VOCABULARY, RECIPE, 32, seed)

    forwards = [make(7)(i).tolist() for i in (0, 3, 600)]
    batches = make(7)
    assert [batches(i).tolist() for i in (600, 3, 0)] == forwards[::-1]
    assert make(8)(3).tolist() != forwards[1]


def test_fresh_reviews_are_possible_and_new():
    english = load()
    batches = fresh_batches(english, [END, "[UNK]", *english.vocabulary], Recipe(), 128, seed=1)
    rows = np.concatenate(
        [np.pad(b, ((0, 0), (0, 128 - b.shape[1]))) for b in map(batches, range(90))]
    )
    texts = [tuple(english.vocabulary[i - 2] for i in row if i) for row in rows.tolist()]
    assert len(set(texts)) == len(texts) == 90 * Recipe().batch_size
    assert not any(map(english.validate, texts[::50]))


def test_the_floor_is_the_surprise_of_the_grammar_per_real_token():
    ids = {word: i for i, word in enumerate(VOCABULARY)}
    texts = TINY.sample(6, seed=3)
    batch = pad_texts([[ids[word] for word in text] for text in texts], 40)
    expected = -sum(map(TINY.log_prob, texts)) / sum(len(text) + 1 for text in texts)
    assert grammar_floor(TINY, VOCABULARY)(batch) == pytest.approx(expected)


def test_the_floor_of_a_cut_text_stops_where_it_is_cut():
    ids = {word: i for i, word in enumerate(VOCABULARY)}
    text = TINY.sample(1, seed=3)[0]
    batch = pad_texts([[ids[word] for word in text]], 3)
    assert grammar_floor(TINY, VOCABULARY)(batch) == pytest.approx(
        -sum(TINY.log_probs(text)[:3]) / 3
    )
