import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from vinogpt import pretrained, runs, train_cli
from vinogpt.__main__ import main
from vinogpt.train_cli import describe, progress_line
from vinogpt.training import RECIPES

ROW = {"step": 20, "progress": 0.25, "seconds": 5.0, "tokens": 40_000, "loss": 1.2345, "gap": 0.5}
NO_VALUES = {"nats_error": 0.001, "tokens": 900, "nats_per_review": 50.0, "exact_gap": 0.1}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Carpeta de un modelo que apenas ha aprendido."""
    folder = tmp_path_factory.mktemp("modelo") / "grammar"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "HELD_OUT", 40)
        assert main(["train", "--steps", "4", "--seed", "2", "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def records(tmp_path):
    """Archivo con 40 reseñas."""
    words = ["dry", "ripe", "tart", "firm", "soft"]
    record = {"country": "US", "province": "California", "variety": "Merlot"}
    rows = [record | {"description": f"A {words[i % 5]} wine, number {i}."} for i in range(40)]
    path = tmp_path / "vinos.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def output_of(capsys, *argv):
    assert main(list(map(str, argv))) == 0
    return capsys.readouterr().out


def error_of(capsys, *argv):
    try:
        code = main(list(map(str, argv)))
    except SystemExit as end:
        code = end.code
    captured = capsys.readouterr()
    assert code == 2 and captured.err.count("\n") == 1
    return captured.err


# -------------------------------------------------------------------------------- train


def test_train_leaves_a_folder_that_explains_itself(trained):
    card = json.loads((trained / "card.json").read_text())
    assert card["budget"] == {"seconds": None, "steps": 4, "epochs": None}
    assert (card["preset"], card["source"], card["seed"]) == ("course", "grammar", 2)
    assert card["spent"]["steps"] == 4
    assert len(json.loads((trained / "history.json").read_text())) == 4
    assert {path.suffix for path in trained.iterdir()} == {".json", ".npz"}


def test_resume_goes_on_with_the_options_of_the_folder(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(runs, "HELD_OUT", 5)
    folder = shutil.copytree(trained, tmp_path / "copia")
    card = json.loads((folder / "card.json").read_text())
    card["budget"]["steps"] = 6
    (folder / "card.json").write_text(json.dumps(card))
    out = output_of(capsys, "train", "--resume", "--out", folder)
    assert "100% · paso 6" in out and "paso 4" not in out
    assert json.loads((folder / "history.json").read_text())[-1]["step"] == 6


def test_train_reads_a_file_for_some_epochs(records, tmp_path, capsys):
    folder = tmp_path / "modelo"
    argv = ["--preset", "reference", "--source", records, "--epochs", "2", "--out", folder]
    out = output_of(capsys, "train", *argv)
    assert "Pérdida:" in out and "Brecha" not in out
    assert json.loads((folder / "card.json").read_text())["spent"]["steps"] == 2
    assert "Pérdida:" in output_of(capsys, "evaluate", folder)


def test_real_reviews_start_from_ignorance(reviews_folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(runs, "HELD_OUT", 20)
    path = min(reviews_folder.glob("*.json*"))
    output_of(capsys, "train", "--source", path, "--steps", "1", "--out", tmp_path / "m")
    card = json.loads((tmp_path / "m" / "card.json").read_text())
    assert card["validation"]["nats"] == pytest.approx(np.log(10_000), abs=0.5)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["train"], "falta --out"),
        (["train", "--out", "m", "--steps", "0"], "'0' no es un entero mayor que 0"),
        (["train", "--out", "m", "--seconds", "nan"], "'nan' no es un número mayor que 0"),
        (["train", "--out", "m", "--steps", "1", "--seconds", "1"], "no se puede usar con"),
        (["train", "--out", "m", "--preset", "x"], "no vale 'x'"),
        (["train", "--out", "m", "--epochs", "1"], "La gramática no se acaba"),
        (["train", "--out", "m", "--source", "nada.json"], "No existe nada.json"),
        (["train", "--out", "m", "--resume"], "no hay nada que reanudar"),
        (["evaluate", "nada"], "No hay modelo en nada"),
        (["info", "nada"], "No hay modelo en nada"),
        (["generate"], "falta FOLDER"),
        (["generate", "m", "--top-p", "1.5"], "'1.5' es mayor que 1"),
        (["generate", "m", "--top-p", "0.5", "--top-k", "3"], "no se puede usar con"),
        (["generate", "m", "--temperature", "frío"], "'frío' no es un número mayor que 0"),
    ],
)
def test_errors_take_one_line(capsys, tmp_path, monkeypatch, argv, message):
    monkeypatch.chdir(tmp_path)
    assert message in error_of(capsys, *argv)
    assert not any(tmp_path.iterdir())


def test_a_folder_with_a_model_is_not_overwritten(trained, capsys):
    before = (trained / "model.npz").read_bytes()
    assert "ya tiene un modelo" in error_of(capsys, "train", "--out", trained)
    assert (trained / "model.npz").read_bytes() == before


def test_too_few_reviews(records, tmp_path, capsys):
    records.write_text(json.dumps(json.loads(records.read_text())[:9]))
    argv = ["train", "--source", records, "--out", tmp_path / "m"]
    assert "tiene 9 reseñas" in error_of(capsys, *argv)


@pytest.mark.parametrize("content", [b"", b"texto", b"PK\x03\x04 a medias"])
def test_a_damaged_model_is_named(tmp_path, capsys, content):
    (tmp_path / "model.npz").write_bytes(content)
    assert "model.npz no es un modelo" in error_of(capsys, "generate", tmp_path)


def test_a_damaged_card_is_named(trained, tmp_path, capsys):
    folder = shutil.copytree(trained, tmp_path / "copia")
    (folder / "card.json").write_text("{")
    assert "card.json está dañado" in error_of(capsys, "info", folder)


# --------------------------------------------------------------- evaluate, generate, info


def test_evaluate_reports_the_gap(trained, capsys, monkeypatch):
    monkeypatch.setattr(runs, "HELD_OUT", 40)
    out = output_of(capsys, "evaluate", trained)
    card = json.loads((trained / "card.json").read_text())
    gap = float(out.partition("Brecha al límite: ")[2].split()[0])
    assert gap == pytest.approx(card["validation"]["gap"], rel=0.02)


def test_each_review_has_its_own_seed(trained, capsys):
    argv = ["generate", trained, "--prompt", "wine review : chile", "--top-p", "0.9"]
    both = output_of(capsys, *argv, "--n", "2", "--seed", "5").splitlines()
    assert both[0] != both[1]
    assert all(line.startswith("wine review : chile ") for line in both)
    assert output_of(capsys, *argv, "--seed", "6").splitlines() == both[1:]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--top-k", "1"], "a a"),  # la más probable
        (["--top-p", "0.3"], "a a"),  # la primera ya junta 0.5
        (["--temperature", "0.01"], "a a"),
        (["--top-k", "2"], "a b"),
        ([], "a c"),
    ],
)
def test_options_choose_the_sampler(trained, capsys, monkeypatch, options, words):
    monkeypatch.setattr("vinogpt.sampling.FastGenerator", TwoDraws)
    monkeypatch.setattr(runs, "read_model", lambda folder: (TwoDraws, ["", "wine", *"abc"]))
    out = output_of(capsys, "generate", trained, "--prompt", "wine", *options)
    assert out == f"wine {words}\n"


class TwoDraws:
    """Un generador que saca dos palabras, con un dardo bajo y otro alto."""

    config = SimpleNamespace(context=9)

    def __init__(self, model, sampler):
        self.sampler = sampler

    def stream(self, ids, length, seed):
        logits = np.log(np.array([[1e-9, 1e-9, 0.5, 0.3, 0.2]], "float32"))
        return [int(self.sampler(logits, np.array([u], "float32"))[0]) for u in (0.1, 0.99)]


def test_words_the_model_does_not_know_are_named(trained, capsys):
    argv = ["generate", trained, "--prompt", "wine review : narnia , merlot y más"]
    assert "no conoce: narnia, y, más" in error_of(capsys, *argv)


def test_info_shows_sizes_and_card(trained, capsys):
    out = output_of(capsys, "info", trained)
    assert "753 palabras" in out and "  d: 64" in out and "  source: grammar" in out


# ------------------------------------------------------------------- los modelos del curso


def test_the_names_are_those_of_the_package():
    assert train_cli.BUNDLED == pretrained.NAMES
    assert set(train_cli.PRESETS) == set(RECIPES)


@pytest.mark.parametrize("name", ["gpt", "lstm"])
def test_a_name_takes_the_place_of_a_folder(capsys, monkeypatch, name):
    monkeypatch.setattr(runs, "HELD_OUT", 40)
    gap = float(output_of(capsys, "evaluate", name).partition("límite: ")[2].split()[0])
    assert gap == pytest.approx(pretrained.card(name)["gap"], rel=0.5)
    [line] = output_of(capsys, "generate", name, "--seed", "3").splitlines()
    assert line.startswith("wine review : ") and len(line.split()) > 20
    assert "  steps: " in output_of(capsys, "info", name)


def test_the_help_names_them(capsys):
    with pytest.raises(SystemExit):
        main(["generate", "--help"])
    assert "gpt_0" in capsys.readouterr().out


def test_a_folder_may_have_the_name_of_a_model(trained, tmp_path, capsys, monkeypatch):
    shutil.copytree(trained, tmp_path / "gpt")
    monkeypatch.chdir(tmp_path)
    assert "  steps: " in output_of(capsys, "info", "gpt")
    assert "  preset: course" in output_of(capsys, "info", "./gpt")


def test_a_recurrent_network_is_trained_read_and_measured(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(runs, "HELD_OUT", 20)
    folder = tmp_path / "modelo"
    output_of(capsys, "train", "--preset", "gru", "--steps", "2", "--out", folder)
    assert "  kind: gru" in output_of(capsys, "info", folder)
    assert "Brecha al límite" in output_of(capsys, "evaluate", folder)


# ------------------------------------------------------------------------------ mensajes


def test_the_progress_line():
    line = " 25% · paso 20 · pérdida 1.234 · brecha 0.500 · 8000 tokens/s · quedan 15 s"
    assert progress_line(ROW) == line
    assert "brecha" not in progress_line({name: ROW[name] for name in ROW if name != "gap"})


@pytest.mark.parametrize(("gap", "alarm"), [(0.2, False), (-0.001, False), (-0.2, True)])
def test_a_gap_below_the_limit_is_an_alarm(gap, alarm):
    result = NO_VALUES | {"nats": 0.7, "gap": gap, "gap_error": 0.001}
    assert ("ALARMA" in describe(result)) == alarm
