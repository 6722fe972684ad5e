"""vinogpt.grading.export: las notas en CSV, sin fórmulas, sin nombres si se pide."""

import csv

import pytest

from vinogpt.grading import gradebook
from vinogpt.grading.export import export_csv, harmless

from .manual_course import RIGHT, STEM, WRONG, create_course, graded


@pytest.fixture
def course(tmp_path):
    """Tres estudiantes: Ana, con nota a mano y retraso; Luis, mal; Eva no entrega."""
    source = create_course(tmp_path)
    with gradebook.gradebook(tmp_path) as book:
        book.add_student("ana", last_name='Paz, "la"\nnueva', first_name="=1+1", email="a@b.c")
        book.add_student("eva")
    ana = graded("ana", RIGHT, penalty=0.3)
    gradebook.write(tmp_path, source, [ana, graded("luis", WRONG, {"why": "", "free": ""})])
    with gradebook.gradebook(tmp_path) as book:
        book.find_grade("why", STEM, STEM, "ana").manual_score = 2
        book.db.commit()
    gradebook.write(tmp_path, source, [ana])
    return tmp_path


def rows(course, **options):
    export_csv(course, course / "grades.csv", **options)
    with open(course / "grades.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_one_row_per_student_with_everything(course):
    ana, eva, luis = sorted(rows(course), key=lambda row: row["student_id"])
    assert ana == {
        "assignment": STEM,
        "student_id": "ana",
        "last_name": "Paz, ”la” nueva",
        "first_name": "'=1+1",
        "email": "a@b.c",
        "timestamp": "2026-11-20 23:30:00",
        "raw_score": "5.0",
        "late_submission_penalty": "0.5",
        "score": "4.5",
        "max_score": "10.0",
        "needs_manual_grade": "True",
        "Ejercicio 90.1. Doblar": "3.0",
        "Ejercicio 90.2. Explicar": "2.0",
    }
    assert (luis["score"], luis["needs_manual_grade"]) == ("0.0", "False")
    assert (eva["score"], eva["max_score"], eva["timestamp"]) == ("0.0", "10.0", "")


def test_pseudonyms_are_stable_and_say_nothing(course):
    found = rows(course, pseudonyms=True)
    ids = [row["student_id"] for row in found]
    assert ids == [row["student_id"] for row in rows(course, pseudonyms=True)] == sorted(ids)
    assert all(len(name) == 12 and int(name, 16) for name in ids)
    assert {row[name] for row in found for name in ("last_name", "first_name", "email")} == {""}
    assert sorted(row["score"] for row in found) == ["0.0", "0.0", "4.5"]


def test_pseudonyms_depend_on_the_course(course):
    before = rows(course, pseudonyms=True)
    (course / ".grading" / "secret").write_bytes(b"otro")
    assert {r["student_id"] for r in before}.isdisjoint(
        r["student_id"] for r in rows(course, pseudonyms=True)
    )


def test_only_the_assignment_asked_for(course):
    with gradebook.gradebook(course) as book:
        book.add_assignment("91_otra")
    assert {row["assignment"] for row in rows(course)} == {STEM, "91_otra"}
    assert {row["assignment"] for row in rows(course, assignment=STEM)} == {STEM}


def test_nbgrader_takes_the_option(course, nbgrader):
    nbgrader(course, "export", "--to=own.csv", "--CsvExport.pseudonyms=True")
    rows(course, pseudonyms=True)
    assert (course / "own.csv").read_bytes() == (course / "grades.csv").read_bytes()


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@ana", "\t=1", "\r=1", "\n=1", "＝1", "＋1"])
def test_no_text_is_taken_for_a_formula(text):
    assert harmless(text) == f"'{text}"


def test_numbers_and_other_texts_stay_as_they_are():
    assert [harmless(-1.5), harmless("Ana"), harmless(None)] == ["-1.5", "Ana", ""]
