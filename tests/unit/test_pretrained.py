"""Los modelos que trae el paquete: se cargan y son los que dicen sus fichas."""

import json
import re
import tomllib

import keras
import numpy as np
import pytest

from vinogpt import evaluation, grammar, model, pretrained
from vinogpt.batches import pad_texts
from vinogpt.rnn import build_rnn

FRESH = {"n": 60, "seed": -5}  # ningún entrenamiento ni ficha usa estas reseñas
each_name = pytest.mark.parametrize("name", pretrained.NAMES)


@pytest.fixture(scope="module")
def models():
    return {name: pretrained.load(name) for name in pretrained.NAMES}


@pytest.fixture(scope="module")
def measured(models):
    """Pérdida y brecha de cada uno en las mismas reseñas."""
    vocabulary = models["gpt"][1]
    ids = {word: i for i, word in enumerate(vocabulary)}
    texts = [[ids[word] for word in text] for text in grammar.load().sample(**FRESH)]
    batch, truth = pad_texts(texts, 128), evaluation.Truth(grammar.load(), vocabulary)
    scores = {name: evaluation.measure(net, batch, truth) for name, (net, _) in models.items()}
    return {
        name: {"nats": evaluation.nats_per_token(s), "gap": evaluation.gap(s)}
        for name, s in scores.items()
    }


# -------------------------------------------------------------------------------- los pesos


@each_name
def test_it_knows_the_words_of_the_grammar(models, name):
    assert models[name][1] == ["", "[UNK]", *grammar.load().vocabulary]


@each_name
def test_weights_have_half_precision(name):
    with np.load(pretrained.path_of(name, "npz")) as file:
        kinds = {file[key].dtype.name for key in file.files if key != "about"}
    assert kinds == {"float16"}


def test_the_gpt_takes_little_space():
    assert pretrained.path_of("gpt", "npz").stat().st_size <= 1.5e6


def test_the_gpt_is_the_one_of_the_course(models):
    assert models["gpt"][0].config == model.PRESETS["course"]
    loaded, vocabulary = model.load(pretrained.path_of("gpt", "npz"))  # también sin este módulo
    ids = np.array([[5, 9, 700]])
    assert loaded.log_probs(ids).tolist() == models["gpt"][0].log_probs(ids).tolist()
    assert vocabulary == models["gpt"][1]


def test_the_ladder_only_changes_the_blocks(models):
    ladder = [models[name][0].config for name in ("gpt_0", "gpt_1", "gpt")]
    assert [config.layers for config in ladder] == [0, 1, 2]
    assert len({str(config).replace(f"layers={config.layers}", "") for config in ladder}) == 1


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_recurrent_networks_are_as_big_as_the_gpt(models, name):
    size = models[name][0].count_params() / models["gpt"][0].count_params()
    assert 0.98 <= size <= 1 and models[name][0].name == name


@each_name
def test_unknown_names_are_refused(name):
    with pytest.raises(ValueError, match=rf"No hay ningún modelo 'gpt2'.*\b{name}\b"):
        pretrained.load("gpt2")


def test_the_files_travel_with_the_package(repo):
    project = tomllib.loads((repo / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["setuptools"]["package-data"]["vinogpt"] == ["data/*"]
    assert pretrained.path_of("gpt", "npz").parent == repo / "vinogpt" / "data"


# ------------------------------------------------------------------------- cuánto han aprendido


@each_name
def test_none_is_better_than_possible(measured, name):
    mean, error, _ = measured[name]["gap"]
    assert not evaluation.limit_alarm(mean, error)


def test_the_gpt_is_almost_perfect(measured):
    assert measured["gpt"]["gap"].mean < 0.03


def test_without_blocks_it_only_knows_the_last_word():
    none, one, two = (pretrained.card(name)["gap"] for name in ("gpt_0", "gpt_1", "gpt"))
    assert none > 50 * one and none > 50 * two  # el segundo bloque no se distingue del azar


# ------------------------------------------------------------------------------- las fichas


@each_name
@pytest.mark.parametrize("figure", ["nats", "gap"])
def test_the_card_tells_the_truth(measured, name, figure):
    card, again = pretrained.card(name), measured[name][figure]
    error = np.hypot(again.error, card[f"{figure}_error"])
    assert abs(again.mean - card[figure]) < 3.5 * error  # por azar, una de cada dos mil


@each_name
def test_the_card_tells_every_seed_and_which_was_kept(name):
    card = pretrained.card(name)
    gaps = {run["seed"]: run["gap"] for run in card["seeds"]}
    assert len(gaps) == len(card["seeds"])
    assert card["seed"] == min(gaps) and card["gap"] == gaps[card["seed"]]
    assert all(run["gap_error"] > 0 and run["cpu_minutes"] > 0 for run in card["seeds"])


@each_name
def test_the_card_says_where_it_comes_from(repo, name):
    card = pretrained.card(name)
    assert (repo / card["script"]).is_file()
    assert re.match(r"[0-9a-f]{7}", card["commit"])
    assert card["steps"] > 0 and card["tokens"] > 0 and card["limit"][1] < card["limit"][2]
    assert not re.search(r'(^|[\s":])(/|\\|[A-Z]:)\w', json.dumps(card, ensure_ascii=False))


def test_all_have_read_the_same(models):
    cards = [pretrained.card(name) for name in pretrained.NAMES]
    assert len({(card["steps"], card["recipe"]["batch_size"]) for card in cards}) == 1


# ------------------------------------------------------------------------ guardar y cargar


@pytest.mark.parametrize("kind", ["simple", "lstm", "gru"])
def test_a_network_is_written_and_read(kind, tmp_path):
    keras.utils.set_random_seed(1)
    network, words = build_rnn(kind, V=11, parameters=3000), ["", "[UNK]", "vino"]
    pretrained.write(network, tmp_path / "model.npz", words)
    again, vocabulary = pretrained.read(tmp_path / "model.npz")
    ids = np.random.default_rng(2).integers(0, 11, (3, 9))
    assert again.log_probs(ids).tolist() == network.log_probs(ids).tolist()
    assert vocabulary == words and again.name == kind
