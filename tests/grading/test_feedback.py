"""vinogpt.grading.feedback: qué lee el estudiante, y que la página no pide ni ejecuta nada."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup

from vinogpt.grading import gradebook
from vinogpt.grading.feedback import write_feedback

from .manual_course import ANSWERS, RIGHT, STEM, WRONG, create_course, graded

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
BATCH = [
    graded("ana", [RIGHT[0], WRONG[1]], penalty=0.25, late="Un día tarde: 25 %.", name="Paz, Ana"),
    graded("luis", (), {}, problem="El archivo no es un cuaderno: descárgalo en .ipynb"),
    graded("eva", RIGHT, {**ANSWERS, "why": "a\u202eb < c"}, notes=["Faltaba la celda `x`."]),
]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Curso con tres devoluciones; la de Ana, puntuada a mano."""
    source = create_course(tmp_path_factory.mktemp("feedback"))
    course = source.parents[2]
    gradebook.write(course, source, BATCH)
    with gradebook.gradebook(course) as book:
        book.find_grade("why", STEM, STEM, "ana").manual_score = 2
        book.find_comment("why", STEM, STEM, "ana").manual_comment = "Muy <i>corto</i>"
        book.db.commit()
    gradebook.write(course, source, BATCH[:1])
    write_feedback(course, source, BATCH)
    return course


def path(course, student):
    return course / "feedback" / student / STEM / f"{STEM}.html"


def read(course, student):
    """Texto de una devolución, con los espacios de un solo modo."""
    page = BeautifulSoup(path(course, student).read_text("utf-8"), "html.parser")
    return " ".join(page.body.get_text(" ").split())


def test_points_lateness_marks_by_hand_and_comments(course):
    text = read(course, "ana")
    for part in [
        "Tarea 90. Con preguntas a mano Devolución para Ana Paz",
        "2.25 de 10 puntos ; falta lo que se puntúa a mano",
        "Puntos que se restan por el retraso: 0.75. Un día tarde: 25 %.",
        "Ejercicio 90.1. Doblar 1 de 3 puntos",
        "Tu respuesta: 2 de 3 puntos Sumar es más barato si $a < b$.",
        "Comentario de quien corrige: Muy <i>corto</i>",
        "Tu respuesta: por puntuar, 4 como máximo print('libre')",
    ]:
        assert part in text


def test_every_failed_check_has_a_reason_and_a_next_step(course):
    text = read(course, "luis")
    assert text.count("✘ No superada") == text.count("Siguiente paso:") == 2
    assert text.count("El archivo no es un cuaderno: descárgalo en .ipynb") == 3
    assert "0 de 10 puntos" in text and "Tu respuesta (en blanco)" in text


def test_hidden_check_shows_its_title_and_not_its_code(course):
    html = path(course, "ana").read_text("utf-8")
    assert "double también dobla los negativos." in html
    assert "secret_expected_value" not in html


def test_repairs_and_invisible_characters_are_shown(course):
    text = read(course, "eva")
    assert "se ha arreglado esto, sin quitarte puntos: Faltaba la celda `x`." in text
    assert "a\\u202eb < c" in text


def test_what_to_send_for_a_review(course):
    text = read(course, "ana")
    assert "Archivo (sha256): f00d Recibido (UTC): 2026-11-20 23:30:00" in text
    assert re.search(r"Corrector: [0-9a-f]{12}, aislado", text)


def test_isolation_is_not_claimed_when_it_failed(course, tmp_path):
    source = create_course(tmp_path)
    batch = [graded()._replace(isolation={"network": True, "files": False})]
    gradebook.write(tmp_path, source, batch)
    write_feedback(tmp_path, source, batch)
    assert "sin aislar" in read(tmp_path, "ana")


def test_button_of_formgrader_writes_the_same_page(course, nbgrader):
    before = path(course, "ana").read_bytes()
    nbgrader(course, "generate_feedback", STEM, "--force", "--student=ana")
    assert path(course, "ana").read_bytes() == before


# --- En el navegador -------------------------------------------------------------------------


@pytest.mark.parametrize("student", ["ana", "luis"])
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 375)])
def test_page_is_accessible_fits_and_asks_for_nothing(course, page, student, scheme, width):
    requests, errors = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: errors.append(message.text))
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(path(course, student).as_uri())
    assert (requests, errors) == ([path(course, student).as_uri()], [])
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 253, 251)", "dark": "rgb(24, 20, 21)"}[scheme]
    options = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found] == []


def test_policy_blocks_scripts_and_images(course, page, tmp_path):
    tampered = path(course, "ana").read_text("utf-8")
    bait = "<script>document.title = 'x'</script><img src='http://canario.invalid/x'>"
    file = tmp_path / "page.html"
    file.write_text(tampered.replace("</main>", f"{bait}</main>"), encoding="utf-8")
    requests = []
    page.on("requestfinished", lambda request: requests.append(request.url))
    page.goto(file.as_uri())
    assert page.title() != "x" and requests == [file.as_uri()]


def test_page_prints_in_black_on_white(course, page):
    page.emulate_media(media="print", color_scheme="dark")
    page.goto(path(course, "ana").as_uri())
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
