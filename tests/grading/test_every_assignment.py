"""Cada tarea, de la entrega a la devolución: el original tiene todo; lo publicado, un cero."""

import csv
import json
import shutil
import subprocess
import sys

import pytest
from banks import STEMS, assignment


@pytest.fixture(scope="module", params=STEMS)
def graded(request, repo, tmp_path_factory, bwrap):
    """Una tarea y el curso en que se han calificado su original y lo publicado tal cual."""
    task, folder = assignment(request.param), tmp_path_factory.mktemp("course")
    shutil.copytree(repo / "solutions" / task.stem, folder / "solutions" / task.stem)
    shutil.copy(repo / "nbgrader_config.py", folder)
    release = repo / "exercises" / task.stem / f"{task.stem}.ipynb"
    for student, notebook in [("solved", task.source), ("blank", json.loads(release.read_text()))]:
        target = folder / "submitted" / student / task.stem / f"{task.stem}.ipynb"
        target.parent.mkdir(parents=True)
        target.write_text(json.dumps(notebook), encoding="utf-8")
    command = [sys.executable, "-m", "vinogpt", "grade", task.stem, "--submitted", "submitted"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return task, folder


def test_marks_are_all_or_nothing(graded):
    task, folder = graded
    with (folder / f"grades_{task.stem}.csv").open(encoding="utf-8-sig", newline="") as file:
        totals = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert totals == {"solved": sum(cell.points for cell in task.checks), "blank": 0}


def test_feedback_names_every_exercise(graded):
    task, folder = graded
    for student in ("solved", "blank"):
        page = folder / "feedback" / student / task.stem / f"{task.stem}.html"
        text = page.read_text(encoding="utf-8")
        assert [name for name in task.exercises if name not in text] == []
