"""`python -m vinogpt check`: tabla, avisos, archivo de entrega y errores."""

import json

import nbformat
import pytest
from nbgrader.utils import compute_checksum

from vinogpt.check_cli import hand_in_path, main, paragraph
from vinogpt.grading.notebook import NotebookError, checksum, normalise, read_notebook

SETUP = "import numpy as np\nfrom vinogpt.check import check"
CHECK = "@check\ndef doubles(f):\n    '''Dobla.'''\n    assert f(2) == 4, 'No dobla'"
HIDDEN = "# Comprobación oculta: números al azar."
LOCKED, ANSWER = {"locked": True}, {"solution": True}


def graded(points):
    return {"grade": True, "locked": True, "points": points}


def code(text, grade_id, **data):
    data = {"grade": False, "solution": False, "locked": False, "grade_id": grade_id, **data}
    cell = {"cell_type": "code", "source": text, "metadata": {"nbgrader": data}, "outputs": []}
    return cell | {"execution_count": None}


def markdown(text):
    return {"cell_type": "markdown", "source": text, "metadata": {}}


def exercise(text="def f(x):\n    return 2 * x"):
    """Un cuaderno de un ejercicio, como lo genera nbgrader."""
    cells = [
        code(SETUP, "imports", **LOCKED),
        markdown("### Ejercicio 1.1. El doble\n\n**3 puntos** · fácil"),
        code(text, "f", **ANSWER),
        code(CHECK, "f_check", **graded(1)),
        code(HIDDEN, "f_hidden", **graded(2)),
    ]
    for cell in cells:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"]["checksum"] = checksum(cell)
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}


@pytest.fixture
def run(tmp_path, capsys):
    """Escribe el cuaderno, ejecuta la orden y devuelve código de salida, texto y entrega."""

    def run(notebook, *options):
        path = tmp_path / "practica.ipynb"
        path.write_text(json.dumps(notebook), encoding="utf-8")
        status = main([str(path), *options])
        handed = tmp_path / "entrega" / "practica.ipynb"
        return status, capsys.readouterr().out, handed.exists() and read_notebook(handed)

    return run


def test_all_visible_checks_pass(run):
    status, text, handed = run(exercise())
    assert status == 0
    assert "Ejercicio 1.1. El doble: 1 de 1 puntos visibles y 2 ocultos" in text
    assert "✔   1  f_check: Dobla." in text
    assert "·   2  f_hidden: Comprobación oculta: números al azar." in text
    assert "Siguiente paso: entrega el archivo." in text
    assert "⚠" not in text
    assert handed == exercise()


def test_a_failure_says_why_and_what_next(run):
    status, text, handed = run(exercise("def f(x):\n    return x"))
    assert status == 1
    assert "✘   1  f_check: Dobla.\n         No dobla" in text
    assert "Siguiente paso: Ejercicio 1.1. El doble. Tras cambiarlo" in text
    assert "practica.ipynb\n\nArchivo de entrega" in text
    assert handed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def f(x):\n    raise NotImplementedError", "Ejercicio sin hacer: sustituye"),
        ("", "Ejercicio sin hacer: define `f`"),
        ("import os\nos._exit(0)", "termina de golpe (código 0)"),
        ("def f(x):\n    return helper(x)", "Al corregir solo se ejecutan"),
    ],
)
def test_reasons_in_the_table(run, text, reason):
    status, output, _ = run(exercise(text))
    assert status == 1
    assert reason in " ".join(output.split())


def test_optional_exercises_do_not_count(run):
    notebook = exercise("def f(x): return x")
    for cell in notebook["cells"][3:]:
        cell["metadata"]["nbgrader"]["points"] = 0
        cell["metadata"]["nbgrader"]["checksum"] = checksum(cell)
    status, text, _ = run(notebook)
    assert status == 0
    assert "sin puntos" in text and "✘   0  f_check" in text


def test_checksum_equals_that_of_nbgrader():
    for cell in exercise()["cells"]:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"].pop("checksum")
            assert checksum(cell) == compute_checksum(nbformat.from_dict(cell))


def test_edited_setup_cell_is_warned(run):
    notebook = exercise()
    notebook["cells"][0]["source"] += "\nimport math"
    _, text, _ = run(notebook)
    assert "⚠ La celda bloqueada `imports` está modificada" in text


def test_edited_check_is_not_executed(run):
    notebook = exercise()
    notebook["cells"][3]["source"] = "import os\nos._exit(0)"
    status, text, _ = run(notebook)
    assert status == 1
    assert "✘   1  f_check\n         La celda está modificada y no se ejecuta" in text


@pytest.mark.parametrize("text", ["def f(", "x = 1"])
def test_a_broken_check_without_checksum_gets_one_line(tmp_path, capsys, text):
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": [code(text, "c", **graded(1))]}), encoding="utf-8")
    assert main([str(path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_missing_cells_are_warned(run):
    notebook = exercise()
    del notebook["cells"][4]
    assert "el enunciado da 3 puntos y las comprobaciones suman 1" in run(notebook)[1]
    del notebook["cells"][2]
    assert "⚠ Falta `f`: ninguna celda lo define" in run(notebook)[1]


def test_copied_cells_are_warned_and_repaired(run):
    notebook = exercise()
    edited = json.loads(json.dumps(notebook["cells"][3]))
    edited["source"] = "raise ValueError"
    notebook["cells"] += [edited, notebook["cells"][2]]
    status, text, handed = run(notebook)
    assert status == 0
    assert "⚠ La celda `f_check` está repetida 2 veces" in text
    assert "⚠ La celda `f` está repetida 2 veces" in text
    marked = ["nbgrader" in cell["metadata"] for cell in handed["cells"]]
    assert marked == [True, False, False, True, True, False, True]


def test_large_outputs_are_left_out(run):
    notebook = exercise()
    notebook["metadata"] = {"widgets": {}, "language": "python"}
    output = {"output_type": "stream", "name": "stdout", "text": "a" * 2_000_000}
    notebook["cells"][2]["outputs"] = [output]
    _, text, handed = run(notebook)
    assert "⚠ Las salidas ocupan 2.0 MB" in text and "la celda 3" in text
    assert handed["cells"][2]["outputs"] == []
    assert handed["metadata"] == {"language": "python"}


@pytest.mark.parametrize("position", [2, 3])
def test_half_an_emoji_does_not_stop_the_hand_in(run, position):
    notebook = exercise()
    notebook["cells"][position]["source"] += "  # \ud83c"
    _, text, handed = run(notebook)
    assert "Archivo de entrega" in text
    assert handed["cells"][position]["source"].endswith("  # ?")


def test_other_output_file(run, tmp_path):
    status, _, default = run(exercise(), "--out", str(tmp_path / "otra" / "mio.ipynb"))
    assert status == 0 and not default
    assert (tmp_path / "otra" / "mio.ipynb").exists()


@pytest.mark.parametrize(
    "name", ["a.ipynb", "a (1).ipynb", "Copia de a.ipynb", "Copy of a(2).ipynb"]
)
def test_hand_in_keeps_the_original_name(tmp_path, name):
    assert hand_in_path(tmp_path / name) == tmp_path / "entrega" / "a.ipynb"


def test_byte_order_mark_is_tolerated(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(exercise()), encoding="utf-8-sig")
    assert read_notebook(path) == exercise()


def test_windows_line_ends_are_not_edits(tmp_path):
    path, windows = tmp_path / "a.ipynb", exercise()
    for cell in windows["cells"]:
        cell["source"] = cell["source"].replace("\n", "\r\n")
    path.write_text(json.dumps(windows), encoding="utf-8")
    assert read_notebook(path) == exercise()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no es un cuaderno"),
        (b"\xff\xfe\x00", "no es un cuaderno"),
        (b"[]", "formato 4"),
        (b"{}", "formato 4"),
        (b'{"cells": [1]}', "formato 4"),
        (b"[" * 100_000, "no es un cuaderno"),
        (b'{"cells": []}', "no tiene comprobaciones"),
    ],
)
def test_bad_files_get_one_line(tmp_path, capsys, content, message):
    path = tmp_path / "a.ipynb"
    path.write_bytes(content)
    assert main([str(path)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nada.ipynb"], "No existe nada.ipynb"),
        (["."], "No se puede leer ."),
        ([], "uso: python -m vinogpt check NOTEBOOK"),
        (["--raro", "a.ipynb"], "uso:"),
    ],
)
def test_bad_arguments_get_one_line(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert message in line


def test_the_notebook_itself_is_never_overwritten(tmp_path, capsys):
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(exercise()), encoding="utf-8")
    assert main([str(path), "--out", str(path)]) == 2
    assert read_notebook(path) == exercise()


def test_help_says_the_exit_codes(capsys):
    assert main(["--help"]) == 0
    assert "2 si el cuaderno no se puede leer" in capsys.readouterr().out


def test_odd_metadata_is_ignored():
    cells = [{"cell_type": "code", "source": ["a\n", "b"], "metadata": {"nbgrader": [1]}}]
    assert normalise({"cells": cells})["cells"][0]["source"] == "a\nb"
    assert normalise({"cells": cells})["cells"][0]["metadata"] == {}
    with pytest.raises(NotebookError):
        normalise({"worksheets": []})


def test_paragraph_is_indented():
    assert paragraph("⚠ ", "hola " * 30).splitlines()[1].startswith("  hola")
