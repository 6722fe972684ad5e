"""La evaluación contra la enumeración de una gramática pequeña y contra cuentas a mano."""

import random
from pathlib import Path

import numpy as np
import pytest

from vinogpt.evaluation import (
    Scores,
    Truth,
    average,
    bits,
    calibration,
    exact_gap,
    excess_by_distance,
    excess_by_node,
    gap,
    limit_alarm,
    measure,
    memorisation,
    nats_per_review,
    nats_per_token,
    perplexity,
    validity,
)
from vinogpt.grammar import END, load
from vinogpt.ngrams import Uniform, real_tokens

TINY = Path(__file__).parent / "tiny_grammar.json"
CHILEAN = (
    "wine review : chile : maipo valley : carmenère : aromas of plum and mint lead the way . "
    "it tastes like velvet after dark . the tannins beneath the soft oak are firm . "
    "drink this chilean carmenère now with corn pie ."
)


def truth_of(name):
    grammar = load(name)
    return Truth(grammar, [END, "[UNK]", *grammar.vocabulary])


def ids_of(truth, texts):
    ids = np.zeros((len(texts), max(map(len, texts)) + 1), int)
    for row, words in zip(ids, texts, strict=True):
        row[: len(words)] = [truth.ids[word] for word in words]
    return ids


def samples(truth, n, seed):
    return ids_of(truth, truth.grammar.sample(n, seed))


class Blurred:
    """(1 - ε) p* + ε / V."""

    def __init__(self, truth, epsilon):
        self.truth, self.epsilon, self.V = truth, epsilon, len(truth.vocabulary)

    def log_probs(self, ids):
        p = np.exp(self.truth.log_probs(ids))
        return np.log((1 - self.epsilon) * p + self.epsilon / self.V)


class Forgetful:
    """p*, salvo en unas palabras: cuando alguna puede salir, todas valen lo mismo."""

    def __init__(self, truth, words):
        self.truth, self.columns = truth, [truth.ids[word] for word in words]

    def log_probs(self, ids):
        p = np.exp(self.truth.log_probs(ids))
        p[..., self.columns] = p[..., self.columns].mean(axis=-1, keepdims=True)
        with np.errstate(divide="ignore"):
            return np.log(p)


@pytest.fixture(scope="module")
def wine():
    return truth_of("en")


@pytest.fixture(scope="module")
def tiny():
    return truth_of(TINY)


@pytest.fixture(scope="module")
def tiny_texts(tiny):
    """(ids, p*) de todos los textos de la gramática pequeña."""
    texts, pending = {}, [((), 1.0)]
    while pending:
        prefix, p = pending.pop()
        for word, q in tiny.grammar.next_distribution(prefix).items():
            if word == END:
                texts[prefix] = p * q
            else:
                pending.append(((*prefix, word), p * q))
    return ids_of(tiny, list(texts)), np.array(list(texts.values()))


class TestTruth:
    def test_log_probs_are_those_of_the_grammar(self, wine):
        [tokens] = wine.grammar.sample(1, seed=1)
        ids = ids_of(wine, [tokens])
        q = np.take_along_axis(wine.log_probs(ids), ids[..., None], axis=-1)[0, :, 0]
        assert q == pytest.approx(wine.grammar.log_probs(tokens))

    def test_rows_sum_to_one_also_after_the_end(self, wine):
        p = np.exp(wine.log_probs(samples(wine, 20, seed=2)))
        assert p.sum(axis=-1) == pytest.approx(np.ones(p.shape[:2]))

    def test_nodes_are_those_of_the_grammar(self, wine):
        ids = ids_of(wine, [CHILEAN.split()])
        assert wine.nodes(ids)[0].tolist() == wine.grammar.nodes_of(CHILEAN.split())

    @pytest.mark.parametrize(
        ("word", "decided_by"),
        [
            ("maipo", "chile"),  # país -> provincia
            ("tannins", "carmenère"),  # la uva es tinta
            ("are", "tannins"),  # concordancia, a través de «the soft oak»
            ("firm", "tannins"),
            ("chilean", "chile"),
            ("corn", "chile"),
        ],
    )
    def test_distance_reaches_the_word_that_decides(self, wine, word, decided_by):
        words = CHILEAN.split()
        expected = words.index(word) - words.index(decided_by)
        assert wine.distances(ids_of(wine, [words]))[0, words.index(word)] == expected

    def test_distance_of_a_copy_and_of_free_words(self, wine):
        words = CHILEAN.split()
        far = wine.distances(ids_of(wine, [words, words]))
        copy = len(words) - 1 - words[::-1].index("carmenère")
        assert far[0, copy] == copy - words.index("carmenère")
        assert [far[0, words.index(word)] for word in ("wine", "chile", "plum", "pie")] == [0] * 4
        assert (far[0] == far[1]).all()

    def test_impossible_text_is_refused(self, wine):
        with pytest.raises(ValueError, match="reseña 1: posición 4"):
            wine.log_probs(ids_of(wine, words(CHILEAN, "wine review : italy oak")))

    def test_vocabulary_must_hold_every_word(self):
        with pytest.raises(ValueError, match="le faltan palabras"):
            Truth(load(TINY), [END, "malbec"])


class TestLoss:
    def test_uniform_loses_log_v_and_its_perplexity_is_v(self, wine):
        V = len(wine.vocabulary)
        loss = nats_per_token(measure(Uniform(V), samples(wine, 12, 3)))
        assert (loss.mean, loss.error) == pytest.approx((np.log(V), 0))
        assert perplexity(loss.mean) == pytest.approx(V)
        assert bits(loss.mean) == pytest.approx(np.log2(V))

    def test_only_real_tokens_count_and_padding_changes_nothing(self, tiny):
        ids = samples(tiny, 40, seed=4)
        model = Blurred(tiny, 0.1)
        short, padded = (measure(model, i, tiny) for i in (ids, np.pad(ids, ((0, 0), (0, 5)))))
        for figure in (nats_per_token, nats_per_review, gap, exact_gap):
            assert figure(padded) == pytest.approx(figure(short))
        assert nats_per_token(short).count == sum((ids > 0).sum(axis=1) + 1)
        assert calibration(padded).error == pytest.approx(calibration(short).error)

    def test_batches_do_not_matter(self, tiny):
        ids, model = samples(tiny, 40, seed=4), Blurred(tiny, 0.1)
        one, many = (measure(model, ids, tiny, batch_size=size) for size in (1, 64))
        for ours, theirs in zip(one, many, strict=True):
            assert ours == pytest.approx(theirs)

    def test_long_reviews_weigh_more_by_hand(self):
        nats = np.array([[1.0, 1, 9], [4, 7, 7]])
        real = np.array([[True, True, False], [True, False, False]])
        scores = Scores(real, nats, *[nats] * 4)
        assert nats_per_token(scores).mean == pytest.approx((1 + 1 + 4) / 3)
        assert nats_per_review(scores).mean == pytest.approx((2 + 4) / 2)

    def test_without_grammar_there_is_no_gap(self, tiny):
        assert np.isnan(gap(measure(Uniform(13), samples(tiny, 3, seed=1))).mean)


class TestGap:
    def test_of_the_truth_itself_is_zero(self, wine):
        scores = measure(wine, samples(wine, 30, seed=5), wine)
        assert gap(scores)[:2] == exact_gap(scores)[:2] == (0, 0)

    def test_cross_entropy_is_entropy_plus_divergence_exactly(self, tiny, tiny_texts):
        ids, p = tiny_texts
        assert p.sum() == pytest.approx(1)
        s = measure(Blurred(tiny, 0.2), ids, tiny)
        cross, entropy, divergence = (
            p @ np.where(s.real, x, 0).sum(axis=1) for x in (s.nats, s.floor, s.kl)
        )
        assert entropy == pytest.approx(-p @ np.log(p))
        assert cross == pytest.approx(entropy + divergence)
        assert divergence > 0.1

    def test_divergence_by_hand(self, tiny):
        # tras «malbec» p* da todo a «:»; en el inicio, 0.6 y 0.4
        ids, V, e = ids_of(tiny, [["malbec"]]), len(tiny.vocabulary), 0.2
        kl = measure(Blurred(tiny, e), ids[:, :1], tiny).kl[0, 0]
        p, q = np.array([0.6, 0.4]), (1 - e) * np.array([0.6, 0.4]) + e / V
        assert kl == pytest.approx(np.sum(p * np.log(p / q)))

    def test_divergence_is_infinite_when_the_possible_is_denied(self, tiny):
        class Sure:
            def log_probs(self, ids):
                with np.errstate(divide="ignore"):
                    return np.log(np.eye(13)[np.full(ids.shape, 2)])

        assert measure(Sure(), samples(tiny, 2, seed=1), tiny).kl[0, 0] == np.inf

    @pytest.mark.parametrize("epsilon", [0.02, 0.3])
    def test_sampled_and_exact_agree(self, wine, epsilon):
        scores = measure(Blurred(wine, epsilon), samples(wine, 80, seed=6), wine)
        sampled, exact = gap(scores), exact_gap(scores)
        assert abs(sampled.mean - exact.mean) < 4 * np.hypot(sampled.error, exact.error)
        assert sampled.mean == pytest.approx(exact.mean, rel=0.05)

    def test_error_covers_the_exact_gap(self, tiny, tiny_texts):
        ids, p = tiny_texts
        model = Blurred(tiny, 0.2)
        s = measure(model, ids, tiny)
        exact = p @ np.where(s.real, s.kl, 0).sum(axis=1) / (p @ s.real.sum(axis=1))
        extra = np.where(s.real, s.nats - s.floor, 0)
        draws = np.random.default_rng(7).choice(len(p), size=(300, 150), p=p)
        estimates = [average(extra[i], s.real[i]) for i in draws]
        covered = sum(abs(mean - exact) < 1.96 * error for mean, error, _ in estimates)
        assert 270 <= covered <= 297  # binomial(300, 0.95): fuera, una vez de cada 1000

    @pytest.mark.parametrize(
        ("mean", "error", "rings"),
        [(-0.01, 0.002, True), (-0.005, 0.002, False), (0.1, 0.0, False), (-1e-12, 0.0, False)],
    )
    def test_limit_alarm(self, mean, error, rings):
        assert limit_alarm(mean, error) == rings

    def test_alarm_rings_for_a_model_that_sees_the_word(self, tiny):
        class Cheat:
            def log_probs(self, ids):
                return np.log(0.9 * np.eye(13)[ids] + 0.1 / 13)

        assert limit_alarm(*gap(measure(Cheat(), samples(tiny, 200, seed=8), tiny))[:2])


class TestExcess:
    def test_falls_on_the_words_the_model_forgets(self, wine):
        ids, words = samples(wine, 60, seed=9), ["chilean", "italian", "spanish"]
        scores = measure(Forgetful(wine, words), ids, wine)
        by_node = excess_by_node(scores, wine, ids)
        demonym, times = by_node.pop("demonym"), np.isin(ids, [wine.ids[w] for w in words]).sum()
        assert demonym.mean * demonym.count == pytest.approx(times * np.log(3))
        assert max(abs(e.mean) for e in by_node.values()) < 1e-9
        by_distance = excess_by_distance(scores, wine, ids)
        assert by_distance[40].mean > 0.1 > by_distance[5].mean

    def test_parts_add_up_to_the_gap(self, wine):
        ids = samples(wine, 60, seed=10)
        scores = measure(Blurred(wine, 0.1), ids, wine)
        for parts in (excess_by_node(scores, wine, ids), excess_by_distance(scores, wine, ids)):
            assert sum(e.count for e in parts.values()) == gap(scores).count
            total = sum(e.mean * e.count for e in parts.values())
            assert total == pytest.approx(gap(scores).mean * gap(scores).count)

    def test_kinds_of_word_join_the_nodes_of_a_register(self, wine):
        ids = samples(wine, 30, seed=11)
        kinds = excess_by_node(measure(wine, ids, wine), wine, ids)
        assert {"grape", "province", "demonym", "review"} <= set(kinds)
        assert not [kind for kind in kinds if "." in kind]
        assert kinds["country"].count == 30


class TestValidity:
    def test_samples_are_valid_and_shuffled_ones_are_not(self, wine):
        texts = wine.grammar.sample(50, seed=12)
        assert validity(wine.grammar, texts) == (1, {})
        rng = random.Random(13)
        share, broken = validity(wine.grammar, [rng.sample(text, len(text)) for text in texts])
        assert share == 0 and broken.total() == 50

    def test_names_the_broken_rule(self, wine):
        wrong = CHILEAN.replace("chilean", "french"), CHILEAN.replace(" are ", " is "), CHILEAN
        share, broken = validity(wine.grammar, [text.split() for text in wrong])
        assert share == pytest.approx(1 / 3)
        assert broken == {"demonym": 1, "predicate.plural": 1}


class TestCalibration:
    def test_by_hand(self):
        confidence = np.array([[0.82, 0.88, 0.86, 0.84, 0.12, 0.99]])
        hit = np.array([[1, 1, 0, 1, 0, 1]], bool)
        real = np.array([[1, 1, 1, 1, 1, 0]], bool)
        found = calibration(Scores(real, *[hit] * 3, confidence, hit))
        assert found.confidence == pytest.approx([0.12, 0.85])
        assert found.accuracy == pytest.approx([0, 0.75])
        assert found.count.tolist() == [1, 4]
        assert found.error == pytest.approx((0.12 + 4 * 0.1) / 5)

    def test_the_truth_is_calibrated_and_a_blurred_one_is_not(self, wine):
        ids = samples(wine, 120, seed=14)
        assert calibration(measure(wine, ids)).error < 0.015
        assert calibration(measure(Blurred(wine, 0.3), ids)).error > 0.1


def words(*texts):
    return [text.split() for text in texts]


def longest_common_run(a, b):
    return max(
        (
            n
            for n in range(1, len(a) + 1)
            for i in range(len(a) - n + 1)
            if has_run(b, a[i : i + n])
        ),
        default=0,
    )


def has_run(text, run):
    return any(text[i : i + len(run)] == run for i in range(len(text) - len(run) + 1))


class TestMemorisation:
    def test_equals_brute_force(self):
        rng = random.Random(15)
        texts, training = (
            [rng.choices("abcd", k=rng.randint(1, 12)) for _ in range(25)] for _ in range(2)
        )
        for text, found in zip(texts, memorisation(texts, training, n=3), strict=True):
            runs = [longest_common_run(text, other) for other in training]
            assert found.run == max(runs) == runs[found.review]
            grams = [text[i : i + 3] for i in range(len(text) - 2)]
            seen = [any(has_run(other, gram) for other in training) for gram in grams]
            assert found.seen == pytest.approx(np.mean(seen) if seen else 0)

    def test_by_hand(self):
        training = words("oak and plum", "ripe plum and mint")
        copied, mixed, new = memorisation(
            words("ripe plum and mint", "dry oak and plum and salt", "fig"), training, n=3
        )
        assert copied == (4, 1, 1.0)
        assert mixed == (3, 0, 0.25)
        assert new == (0, -1, 0.0)

    def test_runs_do_not_cross_reviews(self):
        [found] = memorisation(words("a b c d"), words("a b", "c d"), n=2)
        assert found.run == 2 and found.seen == pytest.approx(2 / 3)


def test_truth_measures_like_the_scorer(wine):
    ids = samples(wine, 40, seed=16)
    scores = measure(wine, ids, wine)
    logs = [sum(wine.grammar.log_probs(t)) for t in wine.grammar.sample(40, seed=16)]
    assert np.where(scores.real, scores.floor, 0).sum(axis=1) == pytest.approx(-np.array(logs))
    assert (scores.real == real_tokens(ids)).all()
