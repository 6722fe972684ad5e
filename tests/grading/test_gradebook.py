"""vinogpt.grading.gradebook: qué ve el estudiante de una prueba oculta y qué sale en el CSV."""

import csv
import os
import sys
from pathlib import Path

from nbformat.v4 import new_code_cell, new_notebook, new_output
from nbgrader.api import Gradebook
from nbgrader.preprocessors import IgnorePattern
from traitlets.config.loader import PyFileConfigLoader

from vinogpt.grading.gradebook import CsvExport, HideHiddenTests, harmless

HIDDEN = """# Comprobación oculta: textos nuevos.
### BEGIN HIDDEN TESTS
assert answer(secret_input) == 42, "No sale lo esperado"
### END HIDDEN TESTS"""


def shown(*outputs):
    """La celda oculta tras pasar por la devolución."""
    cell = new_code_cell(HIDDEN, outputs=list(outputs))
    cell.metadata["nbgrader"] = {"grade": True}
    notebook, _ = HideHiddenTests().preprocess(new_notebook(cells=[cell]), {})
    return notebook.cells[0]


def error(message):
    frames = ["Traceback", 'assert answer(secret_input) == 42, "No sale lo esperado"', message]
    return new_output("error", ename="CheckFailed", evalue=message, traceback=frames)


def test_feedback_keeps_only_the_public_line():
    assert shown().source == "# Comprobación oculta: textos nuevos."


def test_feedback_keeps_the_message_and_not_the_traceback():
    [output] = shown(error("No sale lo esperado")).outputs
    assert output.traceback == ["No sale lo esperado"]


def test_feedback_erases_quoted_hidden_lines():
    quoted = 'falla en `assert answer(secret_input) == 42, "No sale lo esperado"`'
    [output] = shown(error(quoted)).outputs
    assert (output.evalue, output.traceback) == ("falla en `…`", ["falla en `…`"])


def test_feedback_drops_what_the_answer_printed():
    assert shown(new_output("stream", name="stdout", text="secret_input = 7")).outputs == []


def test_cells_with_a_leading_formula_sign_are_made_harmless():
    assert harmless("=HYPERLINK(1)") == "'=HYPERLINK(1)"
    assert harmless("@ana") == "'@ana"
    assert harmless("Ana") == "Ana"
    assert harmless(-1.5) == "-1.5"
    assert harmless(None) == ""


def test_export_survives_commas_and_lists_who_did_not_submit(tmp_path, monkeypatch):
    # nbgrader llama al programa alembic, que está junto a este Python.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as gradebook:
        gradebook.add_assignment("01_embeddings")
        gradebook.add_student("ana", last_name='Paz, "la"\nnueva', first_name="=1+1")
        gradebook.add_student("luis")
        export = CsvExport()
        export.to = str(tmp_path / "grades.csv")
        export.student = ["ana"]
        export.export(gradebook)
    with open(tmp_path / "grades.csv", encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["student_id"], row["last_name"]) == ("ana", 'Paz, "la"\nnueva')
    assert (row["first_name"], row["score"]) == ("'=1+1", "0.0")


def test_stderr_is_removed_before_the_mark_is_decided(repo):
    config = PyFileConfigLoader("nbgrader_config.py", path=str(repo)).load_config()
    warning = new_output("stream", name="stderr", text="\naviso de una biblioteca")
    cell = new_code_cell(outputs=[warning])
    IgnorePattern(config=config).preprocess_cell(cell, {}, 0)
    assert cell.outputs == []
