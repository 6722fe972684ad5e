"""vinogpt.grading.gradebook: qué queda en el libro de notas y en autograded/, y cómo se deshace."""

import itertools
import json
import random
import sqlite3
from datetime import UTC, datetime, timedelta, timezone

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory

from vinogpt.grading import gradebook
from vinogpt.grading.autograded import guarded, literal, settings, visible
from vinogpt.grading.gradebook import undo, write

from .injection import PAYLOADS
from .manual_course import (
    ANSWERS,
    HIDDEN,
    RIGHT,
    STEM,
    WRONG,
    create_course,
    graded,
    manual_source,
    marked,
)


@pytest.fixture
def source(tmp_path):
    """Original de un curso recién creado en `tmp_path`."""
    return create_course(tmp_path)


def course_of(source):
    return source.parents[2]


def grades(source, student="ana"):
    """{celda: (automática, a mano, pendiente)} de un estudiante."""
    with gradebook.gradebook(course_of(source)) as book:
        row = book.find_submission_notebook(STEM, STEM, student)
        return {g.name: (g.auto_score, g.manual_score, g.needs_manual_grade) for g in row.grades}


def mark(source, cell, score=None, comment=None, extra=None, student="ana"):
    """Lo que hace una persona en formgrader."""
    with gradebook.gradebook(course_of(source)) as book:
        grade = book.find_grade(cell, STEM, STEM, student)
        grade.manual_score, grade.extra_credit, grade.needs_manual_grade = score, extra, False
        if comment:
            book.find_comment(cell, STEM, STEM, student).manual_comment = comment
        book.db.commit()


def penalty(source, student="ana"):
    with gradebook.gradebook(course_of(source)) as book:
        return book.find_submission_notebook(STEM, STEM, student).late_submission_penalty


def autograded(source, student="ana"):
    path = course_of(source) / "autograded" / student / STEM / f"{STEM}.ipynb"
    return nbformat.read(path, as_version=4)


def cell(source, grade_id, student="ana"):
    return next(c for c in autograded(source, student).cells if c.id == grade_id)


# --- Libro de notas --------------------------------------------------------------------------


def test_every_cell_gets_its_points_and_manual_ones_wait(source):
    write(course_of(source), source, [graded(results=[RIGHT[0], WRONG[1]])])
    assert grades(source) == {
        "double_check": (1.0, None, False),
        "double_hidden": (0.0, None, False),
        "why": (None, None, True),
        "free": (None, None, True),
    }


@pytest.mark.parametrize("text", ["", "  \n", "Escribe aquí tu respuesta."])
def test_blank_written_answer_gets_zero_and_nobody_has_to_look(source, text):
    write(course_of(source), source, [graded(answers={**ANSWERS, "why": text})])
    assert grades(source)["why"] == (0.0, None, False)


def test_cell_without_result_gets_zero_and_a_reason(source):
    write(course_of(source), source, [graded(results=RIGHT[:1])])
    assert grades(source)["double_hidden"] == (0.0, None, False)
    assert "No hay resultado" in cell(source, "double_hidden").outputs[0].evalue


def test_unusable_file_erases_the_old_points(source):
    write(course_of(source), source, [graded()])
    broken = graded(results=(), answers={}, problem="El archivo está vacío")
    write(course_of(source), source, [broken])
    assert {score for score, _, _ in grades(source).values()} == {0.0}
    assert cell(source, "double_check").outputs[0].evalue == "El archivo está vacío"


def test_what_people_wrote_survives_another_grading(source):
    write(course_of(source), source, [graded()])
    mark(source, "why", 2.5, "Bien visto", extra=0.5)
    mark(source, "double_check", 0.25)
    write(course_of(source), source, [graded(results=WRONG)])
    assert grades(source)["why"] == (None, 2.5, False)
    assert grades(source)["double_check"] == (0.0, 0.25, False)
    with gradebook.gradebook(course_of(source)) as book:
        assert book.find_comment("why", STEM, STEM, "ana").manual_comment == "Bien visto"
        assert book.find_grade("why", STEM, STEM, "ana").extra_credit == 0.5


def test_a_new_written_answer_is_looked_at_again(source):
    write(course_of(source), source, [graded()])
    mark(source, "why", 2.5)
    mark(source, "free", 4)
    write(course_of(source), source, [graded(answers={**ANSWERS, "why": "Otra cosa"})])
    assert grades(source)["why"] == (None, 2.5, True)
    assert grades(source)["free"] == (None, 4, False)


def test_who_is_not_in_the_batch_stays_as_it_was(source):
    write(course_of(source), source, [graded("ana"), graded("luis", WRONG)])
    before = grades(source, "luis"), autograded(source, "luis")
    write(course_of(source), source, [graded("ana", WRONG)])
    assert (grades(source, "luis"), autograded(source, "luis")) == before


def test_the_date_is_the_collectors(source):
    received = datetime(2026, 1, 1, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    write(course_of(source), source, [graded(received=received)])
    with gradebook.gradebook(course_of(source)) as book:
        assert book.find_submission(STEM, "ana").timestamp == datetime(2025, 12, 31, 23, 0)


def test_lateness_takes_the_same_part_of_what_people_mark(source):
    write(course_of(source), source, [graded(penalty=0.75)])  # 25 % de 3 puntos
    assert penalty(source) == 0.75
    mark(source, "why", 2)
    write(course_of(source), source, [graded(penalty=0.75)])
    assert penalty(source) == 0.25 * 5
    write(course_of(source), source, [graded()])
    assert penalty(source) is None


def test_name_is_noted_once_and_cannot_be_html(source):
    write(course_of(source), source, [graded(name="Paz, <b>Ana</b>\u202e")])
    write(course_of(source), source, [graded(name="Otra")])
    with gradebook.gradebook(course_of(source)) as book:
        student = book.find_student("ana")
        assert (student.last_name, student.first_name) == ("Paz", "‹b›Ana‹/b›＼u202e")


# --- El original cambia ----------------------------------------------------------------------


def test_changed_source_keeps_what_people_wrote(source):
    write(course_of(source), source, [graded("ana"), graded("luis")])
    mark(source, "why", 2, "Sí")
    notebook = manual_source()
    del notebook.cells[4]  # double_check
    notebook.cells[4].metadata["nbgrader"]["points"] = 5
    new = marked(nbformat.v4.new_code_cell(HIDDEN.replace("negative", "zero")), "double_zero", 1)
    notebook.cells.insert(5, new)
    nbformat.write(notebook, source)
    results = [RIGHT[1]._replace(points=5.0), RIGHT[0]._replace(grade_id="double_zero")]
    write(course_of(source), source, [graded("ana", results)])
    assert grades(source) == {
        "double_hidden": (5.0, None, False),
        "double_zero": (1.0, None, False),
        "why": (None, 2.0, False),
        "free": (None, None, True),
    }
    assert "double_check" not in grades(source, "luis")
    with gradebook.gradebook(course_of(source)) as book:
        assert book.find_assignment(STEM).max_score == 5 + 1 + 3 + 4
        assert book.find_comment("why", STEM, STEM, "ana").manual_comment == "Sí"


# --- Copias ----------------------------------------------------------------------------------


def snapshot(course):
    """Todo lo que hay en el libro de notas y en autograded/."""
    with sqlite3.connect(course / "gradebook.db") as database:
        rows = sorted(database.iterdump())
    return rows, {p: p.read_bytes() for p in sorted(course.glob("autograded/**/*.ipynb"))}


def test_undo_goes_back_one_grading_at_a_time(source):
    course = course_of(source)
    write(course, source, [graded("ana")])
    first = snapshot(course)
    write(course, source, [graded("ana", WRONG), graded("luis")])
    second = snapshot(course)
    message = undo(course)
    assert snapshot(course) == first
    assert message.startswith(f"Repuestos el libro de notas y los cuadernos de {STEM}")
    [undone] = (course / ".grading" / "undone").iterdir()
    assert snapshot(undone)[0] == second[0]
    undo(course)
    assert list(course.glob("autograded/*/*")) == []
    with pytest.raises(FileNotFoundError, match="No hay ninguna copia"):
        undo(course)


def test_only_the_last_copies_are_kept(source):
    course = course_of(source)
    saved = [write(course, source, [graded()], keep=2) for _ in range(4)]
    assert sorted((course / ".grading" / "backups").iterdir()) == saved[-2:]


@pytest.mark.parametrize("step", ["register", "submitted", "auto_score", "os.replace"])
def test_a_failure_in_the_middle_leaves_everything_as_it_was(source, monkeypatch, step):
    course = course_of(source)
    write(course, source, [graded("ana"), graded("luis")])
    before = snapshot(course)

    def fail(*arguments):
        raise OSError("el disco está lleno")

    monkeypatch.setattr(f"vinogpt.grading.gradebook.{step}", fail)
    with pytest.raises(OSError, match="lleno"):
        write(course, source, [graded("ana", WRONG), graded("eva", WRONG)])
    assert snapshot(course) == before


# --- Cuadernos -------------------------------------------------------------------------------


def test_notebook_is_the_teachers_with_the_students_text(source):
    write(course_of(source), source, [graded()])
    notebook = autograded(source)
    nbformat.validate(notebook)
    assert [c.id for c in notebook.cells] == [c.id for c in manual_source().cells]
    assert cell(source, "double").source == ANSWERS["double"]
    assert cell(source, "double_hidden").source == HIDDEN
    assert "la del docente" not in json.dumps(notebook) + "lo dice el docente"


def test_only_our_outputs_are_kept(source):
    write(course_of(source), source, [graded(results=[RIGHT[0], WRONG[1]])])
    outputs = {c.id: c.outputs for c in autograded(source).cells if c.get("outputs")}
    assert list(outputs) == ["double_check", "double_hidden"]
    assert outputs["double_check"][0].text == "✔ double devuelve el doble.\n"
    assert outputs["double_hidden"][0].traceback == [
        "✘ double también dobla los negativos.",
        "No se cumple `…`",
    ]


# --- Texto ajeno -----------------------------------------------------------------------------


def test_what_cannot_be_seen_becomes_visible():
    assert visible("a\u202eb\u200b\x1b[31m\x00\r\ud800ñ🍷\n\t") == (
        "a\\u202eb\\u200b\\x1b[31m\\x00\\r\\ud800ñ🍷\n\t"
    )


def test_reason_loses_only_the_hidden_lines():
    reason = "Sale 5: assert double(-3) == secret_expected_value, en la línea 3"
    assert guarded(reason, HIDDEN) == "Sale 5: …, en la línea 3"
    assert guarded("def doubled(x)", "def doubled(x)") == "def doubled(x)"


def rendered(text):
    """El HTML que hace nbconvert de una respuesta escrita."""
    html = MarkdownWithMath(renderer=IPythonRenderer(escape=False)).render(literal(text))
    return BeautifulSoup(html, "html.parser")


def squeezed(text):
    return "".join(text.replace("\\ ", "\\").split())


TOKENS = ["\\", "`", "```", "*", "_", "<b>", "&lt;", "$", "$$", "\\(", "\\)", "\\begin{a}", "\n"]
TOKENS += ["\n\n", "    ", "\t", "#", "- ", "1. ", "> ", "[x](y)", "![x](y)", "[x]: y", "|", "---"]
TOKENS += ["http://a.b", "<http://a.b>", "~~", ":", "word", "\r", "\x0b", "\u2028", "é"]


def mixtures():
    """Textos al azar de todo lo que significa algo en Markdown."""
    rng = random.Random(0)
    return ["".join(rng.choices(TOKENS, k=rng.randint(1, 12))) for _ in range(3_000)]


def test_written_answers_render_letter_by_letter_and_nothing_else():
    for text in itertools.chain(mixtures(), (payload.text for payload in PAYLOADS)):
        page = rendered(text)
        assert {tag.name for tag in page.find_all()} <= {"p", "br"}, text
        assert squeezed(page.get_text()) == squeezed(visible(text)), text


def test_formulas_and_comparisons_read_well():
    assert rendered("si $a_1 < b_2$ y a < b:\n  - `x`").decode() == (
        "<p>si $a_1 &lt; b_2$ y a &lt; b:<br/>\n\xa0\xa0- `x`</p>\n"
    )


@pytest.mark.parametrize("command", ["href", "require", "cssId", "class", "style", "unicode"])
def test_formulas_that_do_more_than_draw_are_switched_off(command):
    assert f"\\{command}" not in rendered(f"$\\{command}{{x}}{{y}}$").get_text()


def test_received_is_kept_as_utc(source):
    write(course_of(source), source, [graded(received=datetime(2026, 5, 1, tzinfo=UTC))])
    with gradebook.gradebook(course_of(source)) as book:
        assert book.find_submission(STEM, "ana").timestamp == datetime(2026, 5, 1)


@pytest.mark.parametrize("received", [None, datetime(2026, 5, 1, 8, 30, 1, 250, tzinfo=UTC)])
def test_nbgrader_takes_the_submission_as_graded(source, received):
    folder = course_of(source) / "submitted" / "ana" / STEM
    folder.mkdir(parents=True)
    (folder / "timestamp.txt").write_text("2001-01-01 00:00:00 UTC")  # la del alumno no cuenta
    write(course_of(source), source, [graded(received=received)])
    config = settings(course_of(source))
    nbgrader = NbGraderAPI(CourseDirectory(config=config, root=str(course_of(source))))
    assert nbgrader.get_autograded_students(STEM) == {"ana"}
