"""Las tablas de puntos de las tareas y de las guías dicen lo que suman las celdas."""

import re

import pytest
from banks import ROOT, STEMS, assignment

from vinogpt.grading.notebook import every_cell

ROW = re.compile(r"^\| (\d\.\d [^|]+?) \| (\d+) \|", re.MULTILINE)


def given(stem):
    """Puntos de cada ejercicio según sus celdas: {"1.1 Palabras…": 3}."""
    points = {}
    for cell in assignment(stem).checks:
        title = re.sub(r"^Ejercicio (\d\.\d)\.", r"\1", cell.exercise)
        points[title] = points.get(title, 0) + cell.points
    return points


def stated(text):
    return {title: float(points) for title, points in ROW.findall(text)}


def page(name):
    return (ROOT / "book" / name).read_text(encoding="utf-8")


def test_teacher_page_states_the_points_of_the_cells():
    assert stated(page("tareas.md")) == {k: v for stem in STEMS for k, v in given(stem).items()}


@pytest.mark.parametrize("stem", STEMS)
def test_first_cell_states_the_points_of_the_cells(stem):
    assert stated(assignment(stem).source["cells"][0]["source"]) == given(stem)


@pytest.mark.parametrize("stem", STEMS)
def test_student_guide_states_the_total(stem):
    by_hand = sum(c.points for c in every_cell(assignment(stem).source) if c.kind == "answer")
    total = f"{sum(given(stem).values()) + by_hand:g} puntos"
    assert f"exercises/{stem}/{stem}.ipynb), {total}" in page("guia_estudiante.md")
