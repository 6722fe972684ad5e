"""Los n-gramas contra recuentos a mano y contra la fórmula escrita con diccionarios."""

from collections import Counter, defaultdict
from functools import partial

import numpy as np
import pytest

from vinogpt.grammar import load
from vinogpt.ngrams import (
    NGram,
    Uniform,
    absolute_discount,
    add_k,
    discounts,
    kneser_ney,
    left_tokens,
    real_tokens,
)

V = 6
WORDS = np.array(
    [[2, 3, 2, 4, 0], [2, 3, 3, 0, 0], [4, 2, 3, 2, 4], [2, 3, 2, 3, 0], [5, 0, 0, 0, 0]]
)


def random_texts(n, seed, V=V, T=9):
    """Textos en que cada token se parece al que está dos antes; algunos, sin sitio para el fin."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(2, V, (n, T))
    copied = rng.random((n, T)) < 0.7
    for t in range(2, T):
        ids[:, t] = np.where(copied[:, t], ids[:, t - 2], ids[:, t])
    return ids * (np.arange(T) < rng.integers(1, T + 1, n)[:, None])


def sentences(ids):
    """Cada texto como lista, con su comienzo y, si cabe, su fin."""
    for row in ids.tolist():
        yield [0, *row[: row.index(0) + 1]] if 0 in row else [0, *row]


class BruteDiscount:
    """Descuento absoluto interpolado con diccionarios."""

    def __init__(self, ids, V, window):
        self.V, self.following = V, defaultdict(Counter)
        for text in sentences(ids):
            for t in range(1, len(text)):
                for k in range(min(window, t) + 1):
                    self.following[tuple(text[t - k : t])][text[t]] += 1

    def p(self, word, context, cut=0.75):
        shorter = self.p(word, context[1:]) if context else 1 / self.V
        seen = self.following[context]
        if not seen:
            return shorter
        return (max(seen[word] - cut, 0) + cut * len(seen) * shorter) / seen.total()


class BruteKneserNey:
    """Chen y Goodman (1999) con diccionarios: una ventana es una tupla y 0, el comienzo."""

    def __init__(self, ids, V, window):
        self.V, raw = V, [Counter() for _ in range(window + 1)]
        for text in sentences(ids):
            for j in range(1, len(text)):
                for k in range(min(window, j) + 1):
                    raw[k][tuple(text[j - k : j]), text[j]] += 1
        self.counts = [self.adjusted(raw, k) for k in range(window + 1)]
        self.discounts = [self.discount(Counter(c.values())) for c in self.counts]
        self.words = [defaultdict(dict) for _ in self.counts]
        for words, counts in zip(self.words, self.counts, strict=True):
            for (context, word), count in counts.items():
                words[context][word] = count

    @staticmethod
    def adjusted(raw, k):
        if k == len(raw) - 1:
            return raw[k]
        preceding = Counter((context[1:], word) for context, word in raw[k + 1])
        return {(c, w): raw[k][c, w] if c and c[0] == 0 else preceding[c, w] for c, w in raw[k]}

    @staticmethod
    def discount(n):
        n = {i: max(n[i], 1) for i in (1, 2, 3, 4)}
        Y = n[1] / (n[1] + 2 * n[2])
        return [min(max(i - (i + 1) * Y * n[i + 1] / n[i], 0.1), i) for i in (1, 2, 3)]

    def p(self, word, context):
        k = len(context)
        lower = self.p(word, context[1:]) if context else 1 / self.V
        following = self.words[k].get(context)
        if not following:
            return lower
        cut = {w: self.discounts[k][min(c, 3) - 1] for w, c in following.items()}
        own = following.get(word, 0) - cut.get(word, 0)
        return (own + sum(cut.values()) * lower) / sum(following.values())


def test_real_tokens_are_the_words_and_the_first_zero():
    assert real_tokens(np.array([[5, 4, 0, 0], [5, 4, 3, 2]])).tolist() == [
        [True, True, True, False],
        [True, True, True, True],
    ]


def test_left_tokens_reach_the_start_and_nothing_before():
    assert left_tokens(np.array([[5, 4, 3]]), 1).tolist() == [[0, 5, 4]]
    assert left_tokens(np.array([[5, 4, 3]]), 2).tolist() == [[-1, 0, 5]]


def test_uniform_gives_every_token_the_same():
    assert np.exp(Uniform(4).log_probs([[1, 2, 0]])) == pytest.approx(np.full((1, 3, 4), 0.25))


@pytest.mark.parametrize(
    ("prefix", "word", "p"),
    [
        ([], 2, (3 + 0.5) / (5 + 3)),  # al comienzo, el 2 sale 3 veces de 5
        ([2], 3, (5 + 0.5) / (7 + 3)),  # tras el 2, 5 veces sale el 3 y 2 el 4
        ([2], 5, 0.5 / (7 + 3)),
        ([3], 0, (2 + 0.5) / (6 + 3)),
        ([1], 3, 1 / 6),  # ventana nunca vista
    ],
)
def test_add_k_by_hand(prefix, word, p):
    bigram = NGram(WORDS, V, 1, smooth=partial(add_k, k=0.5))
    assert np.exp(bigram.log_probs([[*prefix, word]])[0, -1, word]) == pytest.approx(p)


@pytest.mark.parametrize("window", [0, 1, 2, 3, 5])
@pytest.mark.parametrize(
    ("smooth", "Brute"), [(kneser_ney, BruteKneserNey), (absolute_discount, BruteDiscount)]
)
def test_probabilities_equal_the_formula_with_dictionaries(smooth, Brute, window):
    ids, new = random_texts(60, seed=1), random_texts(20, seed=2)
    ours, brute = np.exp(NGram(ids, V, window, smooth).log_probs(new)), Brute(ids, V, window)
    for i, text in enumerate(sentences(new)):
        for t in range(len(text) - 1):
            context = tuple(text[max(0, t + 1 - window) : t + 1])
            exact = [brute.p(word, context) for word in range(V)]
            assert ours[i, t] == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("window", range(9))
@pytest.mark.parametrize("smooth", [kneser_ney, absolute_discount, add_k])
def test_probabilities_sum_to_one_and_none_is_zero(window, smooth):
    model = NGram(random_texts(30, 3), V, window, smooth)
    q = np.exp(model.log_probs(random_texts(30, 4)))
    assert q.sum(axis=-1) == pytest.approx(np.ones((30, 9)))
    assert q.min() > 0


def test_small_k_gives_frequencies_and_large_k_uniform():
    mle = np.exp(NGram(WORDS, V, 1, partial(add_k, k=1e-9)).log_probs([[2, 3]]))[0, 1]
    assert mle == pytest.approx([0, 0, 0, 5 / 7, 2 / 7, 0], abs=1e-6)
    flat = np.exp(NGram(WORDS, V, 1, partial(add_k, k=1e9)).log_probs([[2, 3]]))
    assert flat == pytest.approx(np.full((1, 2, V), 1 / V), abs=1e-6)


def test_discounts_by_hand():
    counts = np.array([1] * 20 + [2] * 8 + [3] * 6 + [4] * 4 + [7, 9])
    Y = 20 / 36
    hand = [1 - 2 * Y * 8 / 20, 2 - 3 * Y * 6 / 8, 3 - 4 * Y * 4 / 6]
    assert discounts(counts) == pytest.approx(hand)


@pytest.mark.parametrize("counts", [[9, 9], [1], [4] * 50 + [3], [2] * 9])
def test_discounts_stay_between_zero_and_the_count(counts):
    cut = discounts(np.array(counts))
    assert (cut > 0).all() and (cut <= [1, 2, 3]).all()


@pytest.mark.parametrize("window", [1, 4])
def test_order_of_texts_does_not_matter(window):
    ids, new = random_texts(40, 5), random_texts(5, 6)
    shuffled = np.random.default_rng(7).permutation(ids)
    assert NGram(ids, V, window).log_probs(new) == pytest.approx(
        NGram(shuffled, V, window).log_probs(new)
    )


@pytest.mark.parametrize("window", [0, 1, 2, 4])
def test_only_the_window_matters(window):
    model = NGram(random_texts(200, 8), V, window)
    before = np.array([[2, 3, 4, 5, 2, 3, 4, 5, 2]])
    changed = before.copy()
    changed[0, 8 - window - 1] = 4  # justo fuera de la ventana de la última posición
    same = model.log_probs(before)[0, 8] == pytest.approx(model.log_probs(changed)[0, 8])
    assert same


def test_the_future_does_not_matter():
    model, ids = NGram(random_texts(50, 9), V, 3), random_texts(10, 10)
    changed = ids.copy()
    changed[:, 5:] = 3
    assert (model.log_probs(ids)[:, :6] == model.log_probs(changed)[:, :6]).all()


@pytest.fixture(scope="module")
def reviews():
    """Reseñas de la gramática como ids: 1500 para contar y 40 nuevas."""
    grammar = load()
    number = {word: i for i, word in enumerate(["", "[UNK]", *grammar.vocabulary])}
    ids = np.zeros((1540, 121), int)
    for row, tokens in zip(ids, grammar.sample(1540, seed=1), strict=True):
        row[: len(tokens)] = [number[word] for word in tokens]
    return ids[:1500], ids[1500:], len(number)


def test_kneser_ney_beats_add_k_on_new_reviews(reviews):
    train, new, V = reviews

    def loss(model):
        return -np.take_along_axis(model.log_probs(new), new[..., None], 2)[..., 0][
            real_tokens(new)
        ].mean()

    losses = [loss(NGram(train, V, window)) for window in (0, 1, 2, 3)]
    assert losses == sorted(losses, reverse=True)
    best_add_k = min(loss(NGram(train, V, 2, partial(add_k, k=k))) for k in (0.001, 0.01, 0.1))
    assert losses[2] < best_add_k - 0.02
