"""``WordTokenizer`` da los mismos números que la capa de Keras con los ajustes de la fuente 004."""

import random

import keras
import pytest

from vinogpt.corpus import load_reviews, pad_punctuation
from vinogpt.tokenizer import WordTokenizer, pad

LENGTH = 81  # 80 tokens y uno más para desplazar


def keras_layer(texts, vocab_size):
    layer = keras.layers.TextVectorization(
        standardize="lower", max_tokens=vocab_size, output_sequence_length=LENGTH
    )
    layer.adapt([pad_punctuation(text) for text in texts])
    return layer


def assert_same(texts, vocab_size, others=()):
    layer, tokenizer = keras_layer(texts, vocab_size), WordTokenizer.train(texts, vocab_size)
    assert tokenizer.vocabulary == layer.get_vocabulary()
    texts = [*texts, *others]
    expected = layer([pad_punctuation(text) for text in texts]).numpy().tolist()
    assert [pad(tokenizer.encode(text), LENGTH) for text in texts] == expected


@pytest.mark.parametrize("vocab_size", [500, 10_000, None])
def test_all_real_reviews_have_the_ids_of_keras(reviews_folder, vocab_size):
    reviews = load_reviews(reviews_folder / "winemag-data-130k-v2.head-10001.json.gz")
    assert len(reviews) == 9_996
    assert_same(reviews, vocab_size)


def test_capitals_spaces_and_ties_as_keras():
    """Acentos, espacios que no son ASCII, empates, recorte, relleno y palabras nuevas."""
    texts = ["Église église ÉLAN élan", "a\u00a0b\u2003c\x0bd\x1ce\td", "ñu Ñu ß ẞ İ", "z y x", ""]
    assert_same(texts, None, others=["x " * 200, "[UNK] nueva", "Z Y"])
    assert_same(texts, 6)


def test_random_corpora_have_the_ids_of_keras():
    rng = random.Random(2)
    letters = "abAB.,'-\\ \n\t\r\x0c éÉñÑ\u00a0\u3000😀[]"
    for vocab_size in (3, 7, 30, None):
        texts = ["".join(rng.choices(letters, k=rng.randrange(300))) for _ in range(100)]
        assert_same(texts[:50], vocab_size, others=texts[50:])
