import gzip
import json
import subprocess
import sys
import types

import pytest

from vinogpt.__main__ import in_columns, main, visible
from vinogpt.corpus import load_reviews

RECORD = {"country": "US", "province": "California", "variety": "Merlot"}


def output_of(capsys, *argv):
    assert main(list(argv)) == 0
    return capsys.readouterr().out


def test_corpus_writes_one_review_per_line(capsys, tmp_path):
    path = tmp_path / "corpus.txt"
    out = output_of(capsys, "corpus", "--n", "20", "--seed", "4", "--out", str(path))
    assert out == f"20 reseñas escritas en {path}\n"
    assert path.read_text(encoding="utf-8").splitlines() == load_reviews(n=20, seed=4)


def test_corpus_goes_to_the_screen_without_out(capsys):
    assert output_of(capsys, "corpus", "--n", "3").splitlines() == load_reviews(n=3)


def test_line_breaks_inside_a_review_become_spaces(capsys, tmp_path):
    path = tmp_path / "vinos.json.gz"
    path.write_bytes(gzip.compress(json.dumps([RECORD | {"description": "Uno\r\ndos"}]).encode()))
    out = output_of(capsys, "corpus", "--source", str(path))
    assert out == "wine review : US : California : Merlot : Uno dos\n"


def test_tokens_shows_the_three_tokenizers(capsys):
    out = output_of(capsys, "tokens", "cherry, zz€")
    titles = [line.split(":")[0] for line in out.splitlines() if "tokens" in line]
    assert titles == ["Palabras", "Caracteres", "Subpalabras (BPE)"]
    assert out.splitlines()[1].split() == ["cherry", ",", "zz€"]
    assert out.splitlines()[2].split()[2] == "1"
    assert "El 1 es [UNK]" in out and "<0xE2>  <0x82>  <0xAC>" in out


def test_tokens_of_one_tokenizer(capsys):
    out = output_of(capsys, "tokens", "--tokenizer", "bpe", "<|im_start|>user")
    assert out.count("tokens, vocabulario de") == 1
    assert out.splitlines()[1].split()[0] == "<|im_start|>"
    assert out.splitlines()[2].split()[0] == "1" and "[UNK]" not in out


def test_tokens_of_nothing(capsys):
    assert "Palabras: 0 tokens" in output_of(capsys, "tokens", "")


def test_columns_put_each_piece_over_its_number():
    assert in_columns(["oak", ","], ["7", "12"]) == "  oak  ,\n  7    12"
    assert in_columns(["a"] * 9, ["1"] * 9, width=12).splitlines() == ["  a  a  a", "  1  1  1"] * 3


def test_spaces_and_control_characters_are_visible():
    assert visible(" añ\n\x1b👩") == "␣añ↵\\x1b👩"


def test_check_hands_its_arguments_over(monkeypatch):
    received = []
    module = types.ModuleType("vinogpt.check_cli")
    module.main = lambda argv: received.append(argv) or 1
    monkeypatch.setitem(sys.modules, "vinogpt.check_cli", module)
    monkeypatch.setattr("vinogpt.check_cli", module, raising=False)
    assert main(["check", "--help", "a.ipynb"]) == 1
    assert received == [["--help", "a.ipynb"]]


@pytest.mark.parametrize("argv", [["--help"], ["corpus", "--help"], ["tokens", "-h"]])
def test_help_is_in_spanish(capsys, argv):
    with pytest.raises(SystemExit) as end:
        main(argv)
    out = capsys.readouterr().out
    assert end.value.code == 0
    assert out.startswith("uso: python -m vinogpt") and "muestra esta ayuda" in out
    assert not {"usage:", "options:", "positional", "show"} & set(out.split())


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "falta VERBO"),
        (["vino"], "no vale 'vino'"),
        (["corpus", "--n", "dos"], "en --n: 'dos' no es un número entero"),
        (["corpus", "--n"], "en --n: falta su valor"),
        (["corpus", "--seeds", "1"], "no se conoce --seeds 1"),
        (["tokens"], "falta TEXT"),
        (["tokens", "a", "--tokenizer", "x"], "en --tokenizer: no vale 'x'"),
        (["corpus", "--n", "0"], "pide 1 o más"),
        (["corpus", "--source", "nada.json"], "No existe nada.json"),
        (["corpus", "--n", "1", "--out", "nada/x.txt"], "No se puede escribir en nada/x.txt"),
        (["tokens", "\udcff"], "no se pueden escribir en UTF-8"),
    ],
)
def test_errors_take_one_line_and_code_2(capsys, tmp_path, monkeypatch, argv, message):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(argv)
    except SystemExit as end:
        code = end.code
    captured = capsys.readouterr()
    assert code == 2 and captured.out == ""
    assert captured.err.startswith("python -m vinogpt") and captured.err.count("\n") == 1
    assert message in captured.err


def test_a_reader_that_stops_early_is_no_error():
    command = [sys.executable, "-m", "vinogpt", "corpus", "--n", "2000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline().startswith(b"wine review : ")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_a_terminal_without_all_the_signs_still_shows_the_tokens():
    command = [sys.executable, "-m", "vinogpt", "tokens", "a b", "--tokenizer", "chars"]
    done = subprocess.run(command, capture_output=True, env={"PYTHONIOENCODING": "cp1252"})
    assert done.returncode == 0 and done.stdout.splitlines()[1].split() == [b"a", b"?", b"b"]
