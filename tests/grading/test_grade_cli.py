"""Las órdenes `grade` y `regrade`, de principio a fin, con un curso de dos ejercicios."""

import csv
import json
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from vinogpt.grading import cli
from vinogpt.grading.export import export_csv

STEM = "91_orden"
RIGHT = {
    "double": "def double(x):\n    return 2 * x",
    "halve": "def halve(x):\n    return x / 2",
}
HALF = {**RIGHT, "halve": "def halve(x):\n    return x // 2"}
CHECK = "@check\ndef {name}_is_right({name}):\n    '''{name} da lo esperado.'''\n    "
CHECKS = {
    "double": CHECK.format(name="double") + "assert double(2) == 4, 'Con 2 no sale 4.'",
    "halve": CHECK.format(name="halve") + "assert halve(3) == 1.5, 'Con 3 no sale 1.5.'",
}


def cell(grade_id, text, **data):
    data = {"grade_id": grade_id, "schema_version": 3, "task": False, **data}
    return new_code_cell(text, metadata={"nbgrader": data}, id=grade_id)


def notebook(answers, checks=CHECKS):
    """El cuaderno de la tarea con esas respuestas, como texto."""
    cells = [cell("imports", "import numpy as np", grade=False, solution=False, locked=True)]
    for name, text in checks.items():
        cells += [
            new_markdown_cell(f"### Ejercicio {name}", id=f"{name}_title"),
            cell(name, answers.get(name, "pass"), grade=False, solution=True, locked=False),
            cell(f"{name}_check", text, grade=True, solution=False, locked=True, points=1),
        ]
    return json.dumps(new_notebook(cells=cells))


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def source_of(course):
    return course / "solutions" / STEM / f"{STEM}.ipynb"


def order(course, *arguments):
    """Ejecuta `python -m vinogpt` en la carpeta del curso."""
    command = [sys.executable, "-m", "vinogpt", *arguments]
    return subprocess.run(command, cwd=course, capture_output=True, text=True, timeout=200)


def grade(course, *arguments, submitted="in"):
    return order(course, "grade", STEM, "--submitted", submitted, "--workers", "1", *arguments)


def marks(course):
    with open(course / f"grades_{STEM}.csv", newline="", encoding="utf-8") as file:
        return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}


def record(course):
    return json.loads((course / ".grading" / f"{STEM}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def graded(bwrap, tmp_path_factory):
    """Curso con cuatro entregas, una rota, y otra persona en la lista; calificado."""
    course = tmp_path_factory.mktemp("course")
    write(source_of(course), notebook(RIGHT))
    write(course / "roster.csv", "student\nana\neva\ngema\nleo\nluis\n")
    write(course / "in" / "received.csv", "student,received\nana,2026-03-03T10:00+01:00\n")
    write(
        course / "deadlines.toml", f"[{STEM}]\ndue = 2026-03-02T10:00:00Z\npercent_per_day = 10\n"
    )
    for student, text in {
        "ana": notebook(RIGHT),
        "luis": notebook(HALF),
        "gema": notebook({}),
        "eva": notebook(RIGHT)[:300],
    }.items():
        write(course / "in" / student / f"{STEM}.ipynb", text)
    return course, grade(course, "--roster", "roster.csv")


@pytest.fixture
def course(graded, tmp_path):
    """Una copia que se puede cambiar."""
    return shutil.copytree(graded[0], tmp_path / "course")


def test_everyone_gets_a_mark_and_the_summary_says_who_needs_attention(graded):
    course, done = graded
    assert done.returncode == 1, done.stderr
    assert marks(course) == {"ana": 1.8, "eva": 0, "gema": 0, "leo": 0, "luis": 1}
    assert "5 entregas, media 0.56 de 2" in done.stdout
    assert "6 ejecutadas y 0 ya guardadas" in done.stdout
    assert "Aislamiento: probado en las 3 entregas" in done.stdout
    assert re.findall(r"(?m)^  (\w+): ", done.stdout) == ["eva", "leo", "ana"]
    assert "3/3 entregas" in done.stderr


def test_every_student_has_a_page(graded):
    pages = (graded[0] / "feedback").glob(f"*/{STEM}/{STEM}.html")
    assert sorted(page.parts[-3] for page in pages) == ["ana", "eva", "gema", "leo", "luis"]


def test_record_answers_a_complaint(graded):
    entry = record(graded[0])["luis"]
    assert [(r["grade_id"], r["points"], r["reason"]) for r in entry["results"]] == [
        ("double_check", 1, ""),
        ("halve_check", 0, "Con 3 no sale 1.5."),
    ]
    assert entry["isolation"] and all(entry["isolation"].values())
    assert len(entry["digest"]) == len(entry["version"]) == 64
    assert entry["seed"] > 0


def test_what_arrived_is_kept_byte_by_byte(graded):
    stored = graded[0] / "submitted" / "luis" / STEM / f"{STEM}.ipynb"
    assert stored.read_bytes() == (graded[0] / "in" / "luis" / f"{STEM}.ipynb").read_bytes()


def test_fixing_a_check_repeats_only_it_and_prints_what_changes(course):
    fixed = {**CHECKS, "halve": CHECKS["halve"].replace("halve(3) == 1.5", "halve(4) == 2")}
    write(source_of(course), notebook(RIGHT, fixed))
    done = order(course, "regrade", STEM)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Notas que cambian: 1.\n  luis · halve_check · 0 → 1 ·")
    assert "3 ejecutadas y 3 ya guardadas" in done.stdout
    assert marks(course) == {"ana": 1.8, "eva": 0, "gema": 0, "leo": 0, "luis": 2}


def test_a_later_download_does_not_erase_those_who_are_not_in_it(course):
    write(course / "late" / "leo" / f"{STEM}.ipynb", notebook(RIGHT))
    grade(course, "--roster", "roster.csv", submitted="late")
    assert marks(course) == {"ana": 1.8, "eva": 0, "gema": 0, "leo": 2, "luis": 1}


def test_only_the_student_asked_for_and_it_can_be_undone(course):
    for student, answers in {"luis": RIGHT, "ana": {}}.items():
        write(course / "in" / student / f"{STEM}.ipynb", notebook(answers))
    assert grade(course, "--student", "luis").returncode == 0
    assert (marks(course)["luis"], marks(course)["ana"]) == (2, 1.8)
    done = order(course, "grade", "--undo")
    assert "CSV" in done.stdout, done.stderr
    export_csv(course, course / f"grades_{STEM}.csv", STEM)
    assert marks(course) == {"ana": 1.8, "eva": 0, "gema": 0, "leo": 0, "luis": 1}


def test_without_isolation_says_so(course):
    done = grade(course, "--no-sandbox", "--student", "luis")
    assert "Aislamiento: NINGUNO" in done.stdout
    assert record(course)["luis"]["isolation"] == {}


@contextmanager
def cluster():
    """Dirección de un planificador de Dask con un proceso que califica, los dos por TCP."""
    program = [sys.executable, "-m"]
    options = ["--no-dashboard", "--host", "127.0.0.1"]
    scheduler = subprocess.Popen(
        [*program, "distributed.cli.dask_scheduler", "--port", "0", *options],
        stderr=subprocess.PIPE,
        text=True,
    )
    line = next(line for line in scheduler.stderr if "Scheduler at:" in line)
    address = line.split()[-1]
    worker = subprocess.Popen(
        [*program, "distributed.cli.dask_worker", address, "--nthreads", "1", *options],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield address
    finally:
        for process in (worker, scheduler):
            process.terminate()
            process.wait(20)


def test_dask_gives_the_same_marks(course):
    shutil.rmtree(course / ".grading")
    with cluster() as address:
        done = grade(course, "--scheduler", address)
    assert "6 ejecutadas y 0 ya guardadas" in done.stdout, done.stderr
    assert marks(course) == {"ana": 1.8, "eva": 0, "gema": 0, "leo": 0, "luis": 1}


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["99_nada", "--submitted", "in"], "No existe .*99_nada.ipynb"),
        ([STEM, "--submitted", "fuera"], "No existe fuera"),
        ([STEM, "--submitted", "in", "--student", "nadie"], "No hay ninguna entrega"),
        ([STEM, "--submitted", "in", "--scheduler", "tcp://127.0.0.1:9"], "No responde"),
        ([STEM], "falta --submitted"),
    ],
)
def test_errors_take_one_line(course, arguments, message):
    shutil.rmtree(course / ".grading")
    done = order(course, "grade", *arguments)
    assert done.returncode == 2
    assert re.search(message, done.stderr)
    assert len(done.stderr.splitlines()) == 1


def test_needs_linux(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "platform", "win32")
    assert cli.main(["grade", STEM, "--submitted", "in"]) == 2
    assert "WSL2" in capsys.readouterr().err
    assert list(Path().iterdir()) == []
