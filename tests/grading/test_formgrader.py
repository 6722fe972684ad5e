"""Formgrader de verdad en Chromium: nada del alumno se ejecuta y lo puesto a mano se conserva."""

import csv
import json

import nbformat
import pytest

from vinogpt.grading import export, feedback, gradebook

from .injection import PAYLOADS, Detector, everywhere, formgrader
from .manual_course import RIGHT, STEM, WRONG, create_course, graded, manual_source

CONTROLS = ["script", "img", "svg", "mermaid", "link", "image-remote", "refresh", "tex-href"]
CONTROLS += ["link-same-origin", "frame-srcdoc", "textarea-break", "style-import"]


GROUPS = {  # juntos: lo que se escape de uno es una etiqueta, y no puede haber ninguna
    f"group-{i}": "\n\n".join(payload.text for payload in PAYLOADS[i::6]) for i in range(6)
}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Un curso con entregas hostiles, testigos sin limpiar y tres normales."""
    source = create_course(tmp_path_factory.mktemp("formgrader"))
    course, batch = source.parents[2], [everywhere(graded, *each) for each in GROUPS.items()]
    batch += [graded(f"raw-{name}") for name in CONTROLS] + [graded("ana"), graded("eva", WRONG)]
    heading = "# double_check\n\n$\\cssId{double_hidden}{x}$"
    batch.append(graded("luis", WRONG, {"why": heading}))
    gradebook.write(course, source, batch)
    feedback.write_feedback(course, source, batch)
    for payload in PAYLOADS:
        if payload.name in CONTROLS:
            leave_raw(course, payload)
    return source


def leave_raw(course, payload):
    """Deja la respuesta escrita como llegó, que es lo que hace nbgrader."""
    path = course / "autograded" / f"raw-{payload.name}" / STEM / f"{STEM}.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    next(cell for cell in notebook["cells"] if cell["id"] == "why")["source"] = payload.text
    path.write_text(json.dumps(notebook), encoding="utf-8")


@pytest.fixture(scope="module")
def server(source, tmp_path_factory):
    with formgrader(source.parents[2], tmp_path_factory.mktemp("jupyter")) as address:
        yield address


@pytest.fixture
def detector(browser, server):
    """Una pestaña que ya ha entrado en Jupyter."""
    detector = Detector(browser)
    detector.page.goto(f"{server[0]}/gradebook?token={server[1]}")
    yield detector
    detector.close()


@pytest.fixture(scope="module")
def addresses(source):
    """Dirección de cada entrega en formgrader, por estudiante."""
    with gradebook.gradebook(source.parents[2]) as book:
        return {row.student.id: row.id for row in book.notebook_submissions(STEM, STEM)}


def submission(server, addresses, student):
    return f"{server[0]}/submissions/{addresses[student]}/"


# --- Nada se ejecuta -------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONTROLS)
def test_detector_sees_what_nbgrader_would_let_through(detector, server, addresses, name):
    detector.visit(submission(server, addresses, f"raw-{name}"))
    for _ in range(50):  # lo que tarde en abrirse otra página
        if name not in detector.executed:
            detector.page.wait_for_timeout(100)
    assert name in detector.executed


@pytest.mark.parametrize("group", GROUPS)
def test_nothing_runs_in_formgrader_nor_in_the_feedback(detector, server, addresses, source, group):
    detector.visit(submission(server, addresses, group))
    inside = (
        ".nbgrader_cell .rendered_html :not(p, br, script, [class^=MathJax], [class^=MathJax] *)"
    )
    assert detector.page.locator(inside).count() == 0
    page = source.parents[2] / "feedback" / group / STEM / f"{STEM}.html"
    detector.visit(page.as_uri())
    assert detector.executed == {}


@pytest.mark.parametrize(
    "view",
    [
        "gradebook",
        f"gradebook/{STEM}",
        f"gradebook/{STEM}/{STEM}",
        f"manage_submissions/{STEM}",
        "manage_students",
        "manage_students/group-1",
        f"manage_students/group-1/{STEM}",
    ],
)
def test_names_run_nothing_in_the_lists(detector, server, view):
    detector.visit(f"{server[0]}/{view}")
    detector.page.wait_for_function("() => models && models.loaded")
    search = detector.page.locator("input[type=search]")
    if search.count():
        search.fill("img")
    assert detector.executed == {}


def test_headings_and_formulas_do_not_take_the_place_of_a_score(detector, server, addresses):
    detector.visit(submission(server, addresses, "luis"))
    for grade_id in ("double_check", "double_hidden"):
        assert detector.page.locator(f"[id={grade_id}]").count() == 1


# --- Puntuar a mano --------------------------------------------------------------------------


def save(page, selector, value):
    """Escribe en una casilla de formgrader y espera a que se guarde."""
    with page.expect_response(lambda response: response.request.method == "PUT"):
        page.locator(selector).fill(value)
        page.locator(selector).press("Tab")


def test_marks_and_comments_by_hand_reach_the_student_and_survive(
    detector, server, addresses, source
):
    course = source.parents[2]
    detector.visit(submission(server, addresses, "ana"))
    save(detector.page, "#why", "2.5")
    save(detector.page, "#why-comment", "Falta decir por qué <b>importa</b>")
    save(detector.page, "#double_hidden", "1.5")
    gradebook.write(course, source, [graded("ana", RIGHT)])
    feedback.write_feedback(course, source, [graded("ana")])
    with gradebook.gradebook(course) as book:
        grades = {g.name: g.score for g in book.find_submission_notebook(STEM, STEM, "ana").grades}
    assert grades == {"double_check": 1, "double_hidden": 1.5, "why": 2.5, "free": 0}
    detector.page.goto((course / "feedback" / "ana" / STEM / f"{STEM}.html").as_uri())
    text = detector.page.inner_text("main")
    assert "Comentario de quien corrige: Falta decir por qué <b>importa</b>" in text
    assert "2.5 de 3 puntos" in text and "1.5 de 2 puntos, puestos a mano" in text
    export.export_csv(course, course / "grades.csv", STEM)
    with open(course / "grades.csv", encoding="utf-8", newline="") as file:
        [row] = [row for row in csv.DictReader(file) if row["student_id"] == "ana"]
    assert (row["score"], row["Ejercicio 90.2. Explicar"]) == ("5.0", "2.5")


def test_formgrader_shows_the_points_of_each_check(detector, server, addresses):
    detector.visit(submission(server, addresses, "eva"))
    detector.page.wait_for_function("() => formgrader.grades && formgrader.grades.loaded")
    assert detector.page.locator("#double_check").get_attribute("placeholder") == "0"
    assert "✘ double devuelve el doble." in detector.page.inner_text("#notebook")


def test_buttons_of_formgrader_use_the_trusted_grader(detector, server, source, bwrap):
    course = source.parents[2]
    trace = course / "huella.txt"
    notebook = manual_source()
    answer = "def double(x):\n    open({!r}, 'w')\n    return 2 * x"
    next(cell for cell in notebook.cells if cell.id == "double").source = answer.format(str(trace))
    path = course / "submitted" / "pulsar" / STEM / f"{STEM}.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)
    for button in ("autograde", "generate-feedback"):
        detector.page.goto(f"{server[0]}/manage_submissions/{STEM}")
        row = detector.page.locator("#main-table tr").filter(has_text="pulsar")
        row.locator(f".{button} a").click()
        detector.page.locator("#success-modal").wait_for(timeout=60_000)
    text = (course / "feedback" / "pulsar" / STEM / f"{STEM}.html").read_text("utf-8")
    assert "PermissionError" in text or "OSError" in text or "FileNotFoundError" in text
    assert not trace.exists()
