"""scripts/generate_exercises.py: lo publicado está al día y un original con faltas se rechaza."""

import importlib.util
import json

import pytest

STEM = "01_embeddings"
SECRET = 'signs = f"([{re.escape(string.punctuation)}])"'


@pytest.fixture(scope="module")
def generator(repo):
    path = repo / "scripts" / "generate_exercises.py"
    spec = importlib.util.spec_from_file_location("generate_exercises", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def original(repo):
    path = repo / "solutions" / STEM / f"{STEM}.ipynb"
    return json.loads(path.read_text(encoding="utf-8"))


def find(notebook, grade_id):
    return next(cell for cell in notebook["cells"] if cell["id"] == grade_id)


def refusal(generator, notebook, folder):
    """El mensaje con el que se rechaza un original."""
    path = folder / "original.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    with pytest.raises(generator.Refusal) as caught:
        generator.review(path)
    return str(caught.value)


def test_regenerating_leaves_no_difference(generator, repo):
    path = repo / "exercises" / STEM / f"{STEM}.ipynb"
    before = path.read_bytes()
    assert generator.generate(STEM) == "sin cambios"
    assert path.read_bytes() == before
    assert not (repo / "gradebook.db").exists()


def test_repeated_id_is_refused(generator, original, tmp_path):
    find(original, "words_look")["metadata"] = find(original, "words")["metadata"]
    assert refusal(generator, original, tmp_path).startswith("celda words: el identificador")


def test_points_that_differ_are_refused(generator, original, tmp_path):
    find(original, "bpe_encode_check_cover")["metadata"]["nbgrader"]["points"] = 2
    message = refusal(generator, original, tmp_path)
    assert "el enunciado dice 7.0 puntos y las celdas suman 8.5" in message


def test_total_that_differs_is_refused(generator, original, tmp_path):
    title = find(original, "title")
    title["source"] = "".join(title["source"]).replace("Total: 20", "Total: 21")
    assert "Total: 20 puntos" in refusal(generator, original, tmp_path)


@pytest.mark.parametrize(
    "source, message",
    [
        ("@check\ndef f(x):\n    '''d'''\n\nx == 5", "termina en una expresión"),
        ("def f(x):\n    '''d'''", "una sola función decorada con @check"),
        ("y = 1\n@check\ndef f(x):\n    '''d'''", "una sola función decorada con @check"),
        ("@check\ndef f(x):\n    assert x", "le falta la docstring"),
        ("@check\ndef f(x):\n    '''d'''\n    import tensorflow as tf", "importa TensorFlow"),
        ("@check\ndef f(x):\n    '''d'''\n    from keras import ops", "importa TensorFlow"),
        ("@check\ndef f(x:", "en la línea"),
    ],
)
def test_faulty_check_cell_is_refused(generator, original, tmp_path, source, message):
    find(original, "words_check_tokens")["source"] = source
    found = refusal(generator, original, tmp_path)
    assert found.startswith("celda words_check_tokens: ")
    assert message in found


def test_hidden_test_outside_its_region_is_refused(generator, original, tmp_path):
    cell = find(original, "words_hidden_tokens")
    cell["source"] = "".join(cell["source"]).replace("### BEGIN", "import os\n### BEGIN")
    assert "words_hidden_tokens" in refusal(generator, original, tmp_path)


def test_exercise_without_hidden_check_is_refused(generator, original, tmp_path):
    original["cells"].remove(find(original, "analogy_mul_hidden_reference"))
    assert "no tiene ninguna comprobación oculta" in refusal(generator, original, tmp_path)


def test_secret_line_in_the_release_is_refused(generator, original, repo, tmp_path):
    source = repo / "solutions" / STEM / f"{STEM}.ipynb"
    copied = {**find(original, "words_look"), "source": SECRET}
    release = tmp_path / "release.ipynb"
    release.write_text(json.dumps({**original, "cells": [copied]}), encoding="utf-8")
    with pytest.raises(generator.Refusal, match="celda words: se publica la línea secreta"):
        generator.review_release(source, release)


def test_unknown_exercise_is_explained(generator, capsys):
    assert generator.main(["99_nada"]) == 1
    assert "No existe solutions/99_nada" in capsys.readouterr().err
