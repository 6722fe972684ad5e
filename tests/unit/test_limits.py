"""H* y H_k contra la fuerza bruta y por caminos independientes."""

import math
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from vinogpt.grammar import END, load
from vinogpt.limits import joint_entropy, state_graph

TINY = Path(__file__).parent / "tiny_grammar.json"


@pytest.fixture(scope="module")
def tiny_texts():
    """Textos posibles de la gramática pequeña, recorridos palabra a palabra, con su p*."""
    grammar, texts, pending = load(TINY), {}, [((), 1.0)]
    while pending:
        prefix, p = pending.pop()
        for word, q in grammar.next_distribution(prefix).items():
            if word == END:
                texts[prefix] = p * q
            else:
                pending.append(((*prefix, word), p * q))
    return texts


def brute_window_limit(texts, k):
    """(H_k, {ventana completa: {palabra: p}}) contando todas las posiciones de todos los textos."""
    counts = defaultdict(Counter)
    for text, p in texts.items():
        for t, word in enumerate([*text, END]):
            counts[text[max(0, t - k) : t], t < k][word] += p
    length = sum(p * (len(text) + 1) for text, p in texts.items())
    nats = 0.0
    for words in counts.values():
        total = sum(words.values())
        nats -= sum(p * math.log(p / total) for p in words.values()) / length
    full = {
        window: {word: p / sum(words.values()) for word, p in words.items()}
        for (window, short), words in counts.items()
        if not short
    }
    return nats, full


def test_joint_entropy_and_length_equal_brute_force(tiny_texts):
    grammar = load(TINY)
    nats, length = joint_entropy(grammar.rules)
    surprisal = -sum(p * math.log(p) for p in tiny_texts.values())
    hidden = 0.0
    for text, p in tiny_texts.items():
        *_, (_, belief, _, _) = grammar.walk([*text, END])
        hidden -= p * sum(b * math.log(b) for b in belief)
    assert nats == pytest.approx(surprisal + hidden)
    assert length == pytest.approx(sum(p * (len(text) + 1) for text, p in tiny_texts.items()))


@pytest.mark.parametrize("k", [0, 1, 2, 3, 5])
def test_window_predictor_equals_brute_force(tiny_texts, k):
    graph = state_graph(load(TINY))
    _, exact = brute_window_limit(tiny_texts, k)
    for window, distribution in exact.items():
        ours = {word: p for word, p in graph.predict(window).items() if p}
        assert ours == pytest.approx(distribution)


@pytest.mark.parametrize("k", [0, 1, 2, 4])
def test_window_limit_interval_holds_the_exact_value(tiny_texts, k):
    exact, _ = brute_window_limit(tiny_texts, k)
    limit = load(TINY).window_limit(k, n=3000, seed=1)
    assert limit.low <= exact <= limit.high
    assert limit.high - limit.low < 0.05


def test_impossible_window_predicts_nothing():
    assert state_graph(load(TINY)).predict((":", ":")) == {}


@pytest.mark.parametrize(("name", "n"), [("en", 1200), ("es", 1200), ("elephant", 2500)])
def test_two_methods_agree_on_the_entropy_rate(name, n):
    surprisal = load(name).entropy_rate(n, seed=2)
    posterior = load(name).entropy_rate(n, seed=3, method="posterior")
    assert max(surprisal.low, posterior.low) <= min(surprisal.high, posterior.high)
    assert surprisal.high - surprisal.low < 0.03
    assert posterior.high - posterior.low < 0.001


@pytest.mark.parametrize("method", ["surprisal", "posterior"])
def test_interval_covers_the_exact_entropy_rate(tiny_texts, method):
    length = sum(p * (len(text) + 1) for text, p in tiny_texts.items())
    exact = -sum(p * math.log(p) for p in tiny_texts.values()) / length
    rates = [load(TINY).entropy_rate(200, seed, method) for seed in range(100)]
    covered = sum(rate.low <= exact <= rate.high for rate in rates)
    assert covered >= 88  # binomial(100, 0.95): por debajo de 88, una vez de cada 300


def test_nodes_share_out_the_entropy_rate():
    rate = load("en").entropy_rate(300, seed=4)
    assert sum(rate.by_node.values()) == pytest.approx(rate.nats)
    assert rate.by_node["fruit"] > 0.03
    assert rate.by_node["review"] == 0  # «wine review :» nunca sorprende


def test_unknown_method_is_refused():
    with pytest.raises(ValueError, match=r"usa .surprisal. o .posterior."):
        load(TINY).entropy_rate(10, seed=1, method="magic")


def test_longer_windows_never_lose():
    grammar = load("elephant")
    limits = [grammar.window_limit(k, n=400, seed=5).nats for k in range(0, 13, 2)]
    assert all(a >= b - 1e-9 for a, b in pairwise(limits))
    surprisals = [-grammar.log_prob(tokens) for tokens in grammar.sample(400, seed=5)]
    lengths = [len(tokens) + 1 for tokens in grammar.sample(400, seed=5)]
    # doce palabras atrás siempre se ve el verbo, pero a veces ya no el animal
    assert limits[-1] == pytest.approx(np.sum(surprisals) / np.sum(lengths), abs=0.02)


def test_window_limit_of_wine_is_above_the_entropy_rate():
    grammar = load("en")
    one, two = (grammar.window_limit(k, n=30, seed=6) for k in (1, 2))
    assert one.low > two.high and two.low > grammar.entropy_rate(500, seed=6).high


def test_words_that_only_the_style_decides_are_hidden_from_short_windows():
    # dos reseñas con la misma ventana y distinta uva: p* las distingue, la ventana no
    grammar = load(TINY)
    after = [grammar.next_distribution([grape, ":"]) for grape in ("malbec", "gamay")]
    graph = state_graph(grammar)
    assert after[0] != after[1]
    mixed = {w: 0.6 * after[0][w] + 0.4 * after[1][w] for w in ("cherry", "plum")}
    assert graph.predict((":",)) == pytest.approx(mixed)


def test_expected_visits_add_up_to_the_expected_length():
    graph = state_graph(load("en"))
    assert graph.visits.shape[1] == 6
    # todo texto pasa una vez por el inicio y termina una vez
    assert graph.visits[0].sum() == pytest.approx(1)
    _, length = joint_entropy(load("en").rules)
    assert graph.visits.sum() == pytest.approx(length)
