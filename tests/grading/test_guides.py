"""Las tablas de puntos de la tarea y de la guía docente dicen lo que suman las celdas."""

import re

from vinogpt.grading.notebook import cells_of, read_notebook

ROW = re.compile(r"^\| (\d\.\d [^|]+?) \| (\d+) \|", re.MULTILINE)


def given(repo):
    """Puntos de cada ejercicio según sus celdas: {"1.1 Palabras…": 3}."""
    source = read_notebook(repo / "solutions" / "01_embeddings" / "01_embeddings.ipynb")
    points = {}
    for cell in cells_of(source):
        if cell.kind == "check":
            title = re.sub(r"^Ejercicio (\d\.\d)\.", r"\1", cell.exercise)
            points[title] = points.get(title, 0) + cell.points
    return points


def stated(text):
    return {title: float(points) for title, points in ROW.findall(text)}


def test_teacher_guide_states_the_points_of_the_cells(repo):
    guide = (repo / "book" / "guia_docente.md").read_text(encoding="utf-8")
    assert stated(guide) == given(repo)


def test_first_cell_states_the_points_of_the_cells(repo):
    source = read_notebook(repo / "solutions" / "01_embeddings" / "01_embeddings.ipynb")
    assert stated(source["cells"][0]["source"]) == given(repo)


def test_guides_state_the_total(repo):
    total = sum(given(repo).values())
    student = (repo / "book" / "guia_estudiante.md").read_text(encoding="utf-8")
    assert f"{total:g} puntos" in student
