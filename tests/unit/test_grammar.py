"""La gramática contra la enumeración, contra sí misma y contra la lengua que dice escribir."""

import json
import math
import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chisquare

from vinogpt.grammar import END, Grammar, load
from vinogpt.limits import joint_entropy
from vinogpt.rules import Rules

TINY = Path(__file__).parent / "tiny_grammar.json"
FALSE_ALARM = 1e-3  # probabilidad de que una prueba χ² falle sin motivo; la semilla es fija

CALIFORNIAN = "wine review : us : california : pinot noir :"
CHILEAN = (
    "wine review : chile : maipo valley : carmenère : aromas of plum and mint lead the way . "
    "it tastes like velvet after dark . the tannins beneath the soft oak are firm . "
    "drink this chilean carmenère now with corn pie ."
)


def expansions(data, symbols, registers, z):
    """Fuerza bruta: (palabras, registros, probabilidad) de cada derivación con el estilo z."""
    if not symbols:
        yield [], registers, 1.0
        return
    head, rest = symbols[0], symbols[1:]
    if head[0] != "<":
        for words, after, p in expansions(data, rest, registers, z):
            yield [head, *words], after, p
        return
    if head == "<style>":
        prior = data["styles"]["rows"][registers["grape"]][z]
        for words, after, p in expansions(data, rest, registers, z):
            yield words, after, prior * p
        return
    node = data["nodes"][head[1:-1].replace("$grape", registers.get("grape", ""))]
    for p, text, *sets in node["rows"] if isinstance(node, dict) else node:
        here = {**registers, **dict(s.split("=") for s in sets)}
        for words, after, q in expansions(data, text.split() + rest, here, z):
            yield words, after, (p[z] if isinstance(p, list) else p) * q


def enumerate_tiny():
    """Probabilidad de cada texto de la gramática pequeña, sumada sobre los dos estilos."""
    data = json.loads(TINY.read_text(encoding="utf-8"))
    total = Counter()
    for z in (0, 1):
        for words, _, p in expansions(data, ["<note>"], {}, z):
            total[tuple(words)] += p
    return total


def short_grammar():
    """Como la pequeña, pero el estilo decide si tras la fruta el texto acaba o sigue."""
    data = json.loads(TINY.read_text(encoding="utf-8"))
    ending = [[[0.9, 0.1], ""], [[0.1, 0.9], ", <doubt>"]]
    data["nodes"] = {name: data["nodes"][name] for name in ("grape", "fruit", "doubt")} | {
        "note": [[1, "<grape> <style> : <fruit> <ending>"]],
        "ending": {"by": "style", "columns": ["bright", "dark"], "rows": ending},
    }
    data["lexicon"] = {w: f for w, f in data["lexicon"].items() if w not in ("wine", "(", ")")}
    return Grammar(Rules(data))


def test_the_end_also_tells_about_the_style():
    grammar = short_grammar()
    surprisal = grammar.entropy_rate(4000, seed=1)
    posterior = grammar.entropy_rate(4000, seed=2, method="posterior")
    assert surprisal.low <= posterior.nats <= surprisal.high


@pytest.mark.parametrize("name", ["en", "es", "elephant"])
class TestEveryGrammar:
    def test_next_distribution_sums_to_one_on_random_prefixes(self, name):
        grammar, rng = load(name), random.Random(3)
        for tokens in grammar.sample(150, seed=11):
            prefix = tokens[: rng.randint(0, len(tokens))]
            assert sum(grammar.next_distribution(prefix).values()) == pytest.approx(1, abs=1e-9)

    def test_every_sample_is_valid_and_fits_in_128_tokens(self, name):
        grammar = load(name)
        samples = grammar.sample(800, seed=12)
        assert [tokens for tokens in samples if grammar.validate(tokens)] == []
        assert max(map(len, samples)) <= grammar.rules.longest <= 128

    def test_log_probs_are_those_of_the_next_distribution(self, name):
        grammar = load(name)
        [tokens] = grammar.sample(1, seed=13)
        direct = [
            math.log(grammar.next_distribution(tokens[:t])[word])
            for t, word in enumerate([*tokens, END])
        ]
        assert grammar.log_probs(tokens) == pytest.approx(direct)

    def test_redraw_changes_probabilities_and_keeps_support(self, name):
        grammar, other = load(name), load(name).redraw(seed=4)
        assert all(map(math.isfinite, map(other.log_prob, grammar.sample(100, seed=14))))
        assert all(map(math.isfinite, map(grammar.log_prob, other.sample(100, seed=14))))
        [tokens] = grammar.sample(1, seed=15)
        assert grammar.log_prob(tokens) != pytest.approx(other.log_prob(tokens))

    def test_permuting_words_keeps_the_entropy(self, name):
        plain, permuted = load(name).redraw(seed=5), load(name).redraw(seed=5, permute=True)
        assert joint_entropy(permuted.rules) == pytest.approx(joint_entropy(plain.rules))
        assert sorted(permuted.vocabulary) == sorted(plain.vocabulary)
        [tokens] = permuted.sample(1, seed=16)
        assert permuted.validate(tokens) is None and plain.validate(tokens) is not None


class TestTinyGrammar:
    def test_probabilities_of_all_texts_sum_to_one(self):
        probabilities = [math.exp(load(TINY).log_prob(text)) for text in enumerate_tiny()]
        assert sum(probabilities) == pytest.approx(1, abs=1e-12)

    def test_log_prob_equals_brute_force_over_styles(self):
        exact = enumerate_tiny()
        assert len(exact) == 126
        ours = {text: math.exp(load(TINY).log_prob(text)) for text in exact}
        assert ours == pytest.approx(exact, abs=1e-14)

    def test_sampler_follows_the_scorer(self):
        exact = enumerate_tiny()
        counts = Counter(map(tuple, load(TINY).sample(30_000, seed=21)))
        common = [text for text in exact if exact[text] * 30_000 >= 5]
        rest = 1 - sum(exact[text] for text in common)
        observed = [counts[text] for text in common]
        expected = [30_000 * exact[text] for text in common]
        observed, expected = [*observed, 30_000 - sum(observed)], [*expected, 30_000 * rest]
        assert chisquare(observed, expected).pvalue > FALSE_ALARM

    def test_filter_is_bayes_rule(self):
        # p(cherry | malbec) = .2 * .7 + .8 * .2 = .30; tras «cherry», p(bright) = .14 / .30
        after = load(TINY).next_distribution(["malbec", ":", "cherry", ","])
        assert after == pytest.approx({"cherry": 0.13 / 0.3, "plum": 0.17 / 0.3})


class TestSamples:
    def test_each_grammar_is_read_once(self):
        assert load() is load("en") is load("en")

    def test_sample_i_depends_only_on_seed_and_i(self):
        assert load("en").sample(5, seed=2) == load("en").sample(9, seed=2)[:5]
        assert load("en").sample(5, seed=2) != load("en").sample(5, seed=3)

    def test_sampler_follows_the_scorer_on_first_aromas(self):
        grammar = load("en")
        header = CALIFORNIAN.split()
        starts = [r for r in grammar.sample(12_000, seed=22) if r[: len(header)] == header]
        counts = Counter(r[len(header)] for r in starts)
        exact = grammar.next_distribution(header)
        common = [word for word in exact if exact[word] * len(starts) >= 5]
        observed = [counts[word] for word in common]
        expected = [exact[word] * len(starts) for word in common]
        observed.append(len(starts) - sum(observed))
        expected.append(len(starts) - sum(expected))
        assert chisquare(observed, expected).pvalue > FALSE_ALARM

    def test_length_and_vocabulary(self):
        reviews = load("en").sample(3000, seed=23)
        assert 55 <= np.mean([len(r) for r in reviews]) <= 70
        assert 400 <= len(load("en").vocabulary) <= 1000

    def test_words_follow_zipf(self):
        counts = Counter(word for r in load("en").sample(3000, seed=24) for word in r)
        frequencies = np.array(sorted(counts.values(), reverse=True))
        ranks = np.arange(1, len(frequencies) + 1)
        slope, _ = np.polyfit(np.log(ranks), np.log(frequencies), 1)
        assert -1.6 < slope < -0.9

    def test_aroma_lists_do_not_repeat_a_word(self):
        grammar = load("en")
        aroma = {w for w, f in grammar.lexicon.items() if set(f.classes) & AROMA_CLASSES}
        for review in grammar.sample(1000, seed=25):
            for sentence in " ".join(review[4:]).split(" . "):
                listed = [w for w in sentence.partition(" with ")[2].split() if w in aroma]
                assert len(listed) == len(set(listed)), sentence


AROMA_CLASSES = {"fruit", "flower", "spice", "herb", "wood", "earth", "sweet", "nut"}


class TestImpossibleTexts:
    def test_reference_review_is_valid(self):
        assert load("en").validate(CHILEAN.split()) is None

    @pytest.mark.parametrize(
        ("old", "new", "word", "node"),
        [
            ("are firm", "is firm", "is", "predicate.plural"),
            ("this chilean", "this french", "french", "demonym"),
            ("chilean carmenère", "chilean malbec", "malbec", "grape.carmenère"),
            ("maipo valley", "mosel valley", "mosel", "province.chile"),
            ("of plum", "of lemon", "lemon", "fruit"),
            ("the tannins", "the bubbles", "bubbles", "head.red"),
            ("plum and mint", "plum and unknown", "unknown", "fruit-or-flower"),
        ],
    )
    def test_broken_rule_is_found_where_it_breaks(self, old, new, word, node):
        tokens = CHILEAN.replace(old, new, 1).split()
        violation = load("en").validate(tokens)
        assert (tokens[violation.position], violation.found, violation.node) == (word, word, node)
        assert word not in violation.expected and node in violation.message
        assert load("en").log_prob(tokens) == -math.inf

    def test_missing_end_and_extra_words_are_found(self):
        tokens = CHILEAN.split()
        early, late = load("en").validate(tokens[:-1]), load("en").validate([*tokens, "wine"])
        assert (early.position, early.found, early.expected) == (len(tokens) - 1, END, ["."])
        assert late.position == len(tokens) and END in late.expected

    def test_impossible_prefix_is_minus_infinity_from_there_on(self):
        logs = load("en").log_probs(["wine", "review", ":", "mars", ":", "."])
        assert logs[:3] == [0, 0, 0] and logs[3:] == [-math.inf] * 4
        assert load("en").next_distribution(["mars"]) == {}

    def test_only_padding_fits_after_the_end(self):
        # «cherry» puede cerrar el texto o seguir: un fin en medio no es un texto
        grammar = short_grammar()
        whole = ["malbec", ":", "cherry", ",", "really"]
        assert grammar.log_prob([*whole, END, END]) == grammar.log_prob(whole) > -math.inf
        assert grammar.log_prob([*whole[:3], END, *whole[3:]]) == -math.inf
        assert grammar.validate([*whole[:3], END, *whole[3:]]).position == 4
        assert grammar.next_distribution([*whole, END]) == {END: 1}

    def test_nodes_of_an_impossible_text_says_why(self):
        assert load("en").nodes_of(CHILEAN.split())[:4] == ["review"] * 3 + ["country"]
        with pytest.raises(ValueError, match="incumple el nodo «review»"):
            load("en").nodes_of(["beer"])


class TestLanguage:
    def test_english_verbs_agree_with_their_head(self):
        lexicon, seen = load("en").lexicon, Counter()
        for review in load("en").sample(2000, seed=31):
            nodes = load("en").nodes_of(review)
            number = None
            for word, node in zip(review, nodes, strict=False):
                if node.startswith(("head", "subject")):
                    number = lexicon[word].number
                if node.startswith(("predicate", "force")) and lexicon[word].number:
                    assert lexicon[word].number == number, " ".join(review)
                    seen[number] += 1
                    number = lexicon[word].number
        assert min(seen["singular"], seen["plural"]) > 300

    def test_english_articles_agree_with_the_next_sound(self):
        texts = [" ".join(review) for review in load("en").sample(2000, seed=32)]
        assert not [t for t in texts if any(f" a {vowel}" in t for vowel in "aeio")]
        assert not [t for t in texts if any(f" an {consonant}" in t for consonant in "bcdfgw")]

    @pytest.mark.parametrize("feature", ["number", "gender"])
    def test_spanish_determiners_and_adjectives_agree(self, feature):
        lexicon, checked = load("es").lexicon, 0
        for review in load("es").sample(2000, seed=33):
            for left, right in pairwise(review):
                a, b = lexicon[left], lexicon[right]
                if AGREE & {(x, y) for x in a.classes for y in b.classes}:
                    values = getattr(a, feature), getattr(b, feature)
                    assert None in values or values[0] == values[1], f"{left} {right}"
                    checked += None not in values
        assert checked > 3000

    def test_spanish_predicates_agree_with_a_distant_head(self):
        lexicon, checked = load("es").lexicon, 0
        for review in load("es").sample(2000, seed=34):
            nodes = load("es").nodes_of(review)
            for word, node in zip(review, nodes, strict=False):
                if node.startswith("head."):
                    head = lexicon[word] if lexicon[word].classes == ["structure"] else None
                if node.startswith("trait."):
                    trait = lexicon[word]
                    assert trait.number in (None, head.number), " ".join(review)
                    assert trait.gender in (None, head.gender), " ".join(review)
                    checked += 1
        assert checked > 300

    def test_translations_are_one_to_one(self):
        english, spanish = load("en").lexicon, load("es").lexicon
        there = {w: f.translation for w, f in english.items() if f.translation}
        back = {f.translation: w for w, f in spanish.items() if f.translation}
        assert there == back and len(there) == len(set(there.values())) >= 300

    def test_ambiguous_words_have_two_classes_in_different_nodes(self):
        lexicon, nodes = load("en").lexicon, {}
        for review in load("en").sample(4000, seed=35):
            for word, node in zip(review, load("en").nodes_of(review), strict=False):
                nodes.setdefault(word, set()).add(node)
        ambiguous = {word for word, features in lexicon.items() if len(features.classes) == 2}
        assert ambiguous >= {"orange", "plum", "violet", "rose", "mint", "finish", "toast", "date"}
        assert [word for word in sorted(ambiguous) if len(nodes[word]) < 2] == []


AGREE = {
    ("determiner", "structure"),
    ("determiner", "grape"),
    ("determiner", "fruit"),
    ("determiner", "flower"),
    ("grape", "demonym"),
    ("grape", "quality"),
    ("structure", "trait"),
    ("fruit", "ripeness"),
}


class TestElephant:
    PHRASE = "the {} elephant tried to {} but it was too"

    def last(self, adjective, attempt):
        return load("elephant").next_distribution(self.PHRASE.format(adjective, attempt).split())

    def test_the_colour_has_exactly_no_effect(self):
        for attempt in ("get into the car", "squash the car", "get into the swimming pool"):
            assert self.last("pink", attempt) == self.last("grey", attempt)

    def test_verb_and_object_decide_the_last_word(self):
        def likeliest(attempt):
            words = self.last("pink", attempt)
            return max(words, key=words.get)

        assert likeliest("get into the car") == "big"
        assert likeliest("get into the swimming pool") == "scared"
        assert likeliest("squash the car") == "fast"
