import doctest
import random
from collections import Counter
from itertools import pairwise

import pytest

from vinogpt import tokenizer as module
from vinogpt.corpus import load_reviews
from vinogpt.tokenizer import (
    SPECIAL_TOKENS,
    BPETokenizer,
    CharTokenizer,
    WordTokenizer,
    apply_merges,
    chat_template,
    learn_merges,
    merge,
    pad,
    split_chunks,
    split_words,
)

TEXTS = ["Red wine, red fruit.", "Red oak."]
SOFT = ["soft tannins and soft fruit", "softer tannins", "the softest fruit"]


def random_text(rng, length=40):
    """Mezcla de ASCII, alfabetos, emojis y caracteres de control, sin sustitutos sueltos."""
    blocks = [(9, 126), (160, 591), (0x3040, 0x30FF), (0x1F300, 0x1FAFF), (0, 0xD7FF)]
    return "".join(chr(rng.randint(*rng.choice(blocks))) for _ in range(rng.randrange(length)))


def test_examples_of_the_docstrings():
    assert doctest.testmod(module).failed == 0


# --- palabras ---------------------------------------------------------------------------------


def test_words_are_lower_case_and_keep_punctuation():
    assert split_words("Oak,\nearth; O'Brien") == ["oak", ",", "earth", ";", "o", "'", "brien"]


def test_words_keep_accented_capitals_as_tensorflow_does():
    assert split_words("Église ÉLAN Ñora") == ["Église", "Élan", "Ñora"]


def test_only_ascii_spaces_separate_words():
    assert split_words("a\u00a0b\u2003c\td\x0be") == ["a\u00a0b\u2003c", "d", "e"]


def test_word_vocabulary_orders_by_count_then_backwards_by_unicode():
    vocabulary = WordTokenizer.train(TEXTS).vocabulary
    assert vocabulary == ["", "[UNK]", "red", ".", "wine", "oak", "fruit", ","]


def test_word_ids_and_unknown():
    tokenizer = WordTokenizer.train(TEXTS, vocab_size=4)
    assert tokenizer.vocabulary == ["", "[UNK]", "red", "."]
    assert tokenizer.encode("Red wine.") == [2, 1, 3]
    assert tokenizer.decode([2, 1, 3, 0, 0]) == "red [UNK] ."


def test_pad_fills_and_cuts():
    assert pad([7, 10], 4) == [7, 10, 0, 0]
    assert pad([7, 10, 2, 20, 2], 4) == [7, 10, 2, 20]


# --- caracteres -------------------------------------------------------------------------------


def test_characters_keep_case_and_mark_unknown():
    tokenizer = CharTokenizer.train(["Oo a"])
    assert tokenizer.vocabulary == ["", "[UNK]", "o", "a", "O", " "]
    assert tokenizer.encode("Oz") == [4, 1]


def test_characters_round_trip_on_random_unicode():
    rng = random.Random(7)
    for _ in range(200):
        text = random_text(rng)
        tokenizer = CharTokenizer.train([text])
        assert tokenizer.decode(tokenizer.encode(text)) == text


# --- BPE --------------------------------------------------------------------------------------


def test_merge_goes_from_left_to_right():
    assert merge(list("aaab"), ("a", "a")) == ["aa", "a", "b"]
    assert merge(["ab", "c"], ("a", "bc")) == ["ab", "c"]


def test_learned_merges_by_hand():
    """Parejas de {abc: 3, bc: 2, ab: 1}: bc 5, ab 4; después, a+bc 3. La última es única."""
    assert learn_merges({"abc": 3, "bc": 2, "ab": 1}, 10) == [("b", "c"), ("a", "bc")]


def test_ties_go_to_the_first_pair_in_unicode_order():
    assert learn_merges({"zy": 2, "ab": 2, "éa": 2}, 3) == [("a", "b"), ("z", "y"), ("é", "a")]


def test_merges_apply_in_the_order_learned():
    assert apply_merges("abc", {("b", "c"): 0, ("a", "b"): 1}) == ["a", "bc"]
    assert apply_merges("abc", {("b", "c"): 1, ("a", "b"): 0}) == ["ab", "c"]


def naive_merges(chunk_counts, num_merges):
    """El mismo aprendizaje contando de nuevo todas las parejas en cada paso."""
    pieces, merges = {chunk: list(chunk) for chunk in chunk_counts}, []
    for _ in range(num_merges):
        counts = Counter()
        for chunk, times in chunk_counts.items():
            for pair in pairwise(pieces[chunk]):
                counts[pair] += times
        best = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if best is None or counts[best] < 2:
            break
        merges.append(best)
        pieces = {chunk: merge(parts, best) for chunk, parts in pieces.items()}
    return merges


def test_incremental_training_equals_counting_everything_again():
    rng = random.Random(3)
    for _ in range(30):
        words = ["".join(rng.choices("abc", k=rng.randint(1, 8))) for _ in range(40)]
        counts = Counter(words)
        assert learn_merges(counts, 50) == naive_merges(counts, 50)


def test_trained_pieces_are_whole_frequent_words():
    tokenizer = BPETokenizer.train(SOFT, vocab_size=400)
    assert tokenizer.tokenize("the soft fruit") == ["t", "h", "e", " soft", " fruit"]


def test_chunks_keep_the_space_before_a_word():
    assert split_chunks("red wine,  oak.\n") == ["red", " wine", ",", "  ", "oak", ".", "\n"]
    assert split_chunks("vino<|im_end|>.") == ["vino", "<|im_end|>", "."]


def test_text_is_never_lost_when_split_in_chunks():
    rng = random.Random(5)
    for _ in range(300):
        text = rng.choice(SPECIAL_TOKENS).join(random_text(rng) for _ in range(3))
        assert "".join(split_chunks(text)) == text


def test_bpe_round_trips_on_random_unicode():
    tokenizer = BPETokenizer.train(SOFT, vocab_size=400)
    rng = random.Random(11)
    for _ in range(500):
        text = random_text(rng)
        assert tokenizer.decode(tokenizer.encode(text)) == text


LOOK_ALIKES = ["", " ", "  a  ", "<0x41>", "[UNK]", "<|im_start|", "\x00", "👩‍🍳"]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_bpe_round_trips_on_text_that_looks_like_tokens(text):
    tokenizer = BPETokenizer.train([text] * 3 + SOFT, vocab_size=400)
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_unseen_characters_become_their_bytes():
    tokenizer = BPETokenizer.train(SOFT, vocab_size=400)
    assert tokenizer.tokenize("ñ") == ["<0xC3>", "<0xB1>"]
    assert tokenizer.decode([tokenizer.vocabulary.index("<0xC3>")]) == "�"


def test_vocabulary_obeys_its_size():
    tokenizer = BPETokenizer.train(SOFT, vocab_size=280)
    assert len(tokenizer.vocabulary) == 280
    assert tokenizer.vocabulary[:5] == ["", *SPECIAL_TOKENS, "<0x00>"]


def test_two_merges_that_give_the_same_piece_count_once():
    merges = [("a", "b"), ("ab", "c"), ("b", "c"), ("a", "bc")]
    assert BPETokenizer(list("abc"), merges).vocabulary[260:] == ["a", "b", "c", "ab", "abc", "bc"]


def test_more_merges_never_give_more_tokens():
    full = BPETokenizer.train(SOFT, vocab_size=400)
    alphabet = sorted(set("".join(SOFT)))
    lengths = [
        len(BPETokenizer(alphabet, full.merges[:k]).encode(" ".join(SOFT)))
        for k in range(len(full.merges) + 1)
    ]
    assert lengths == sorted(lengths, reverse=True) and lengths[-1] < lengths[0]


def test_special_tokens_are_never_split():
    """El ejemplo de la fuente 000: cinco tokens si el vocabulario conoce "user" y "Hola"."""
    text = chat_template([{"role": "user", "content": "Hola"}])
    assert text == "<|im_start|>user<|im_sep|>Hola<|im_end|>"
    tokenizer = BPETokenizer.train(["user Hola"] + ["Hola", "user"] * 2, vocab_size=400)
    pieces = ["<|im_start|>", "user", "<|im_sep|>", "Hola", "<|im_end|>"]
    assert tokenizer.tokenize(text) == pieces
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_special_tokens_in_the_training_texts_are_not_learned_as_words():
    tokenizer = BPETokenizer.train(["<|im_end|>"] * 50, vocab_size=400)
    assert tokenizer.merges == []
    assert tokenizer.encode("<|im_end|>") == [3]


# --- gramática y reseñas reales ---------------------------------------------------------------


def test_word_tokens_are_the_tokens_of_the_grammar():
    """Si una palabra de la gramática se partiera, sus probabilidades no serían por token."""
    from vinogpt import grammar

    for tokens in grammar.load().sample(300, seed=4):
        assert split_words(" ".join(tokens)) == tokens


@pytest.fixture(scope="module")
def reviews(reviews_folder):
    return load_reviews(reviews_folder / "winemag-data-130k-v2.head-10001.json.gz")


def test_review_25_has_58_words(reviews):
    assert len(WordTokenizer.train(reviews).encode(reviews[25])) == 58


def test_every_real_review_survives_bpe_and_characters(reviews):
    bpe = BPETokenizer.train(reviews[:2000], vocab_size=1300)
    chars = CharTokenizer.train(reviews)
    assert all(bpe.decode(bpe.encode(review)) == review for review in reviews)
    assert all(chars.decode(chars.encode(review)) == review for review in reviews)


def test_known_words_of_real_reviews_decode_to_their_words(reviews):
    tokenizer = WordTokenizer.train(reviews)
    for review in reviews[:500]:
        assert tokenizer.decode(tokenizer.encode(review)).split(" ") == split_words(review)
