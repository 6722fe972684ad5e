"""Lo que hace quien lee: teclado, cuestionarios, búsqueda, menús y tema."""

import re

import pytest

from .conftest import PAGES
from .test_browser import violations


@pytest.fixture(scope="module")
def quiz_page(site):
    """La primera página con un cuestionario."""
    return next(
        page for page in PAGES if "<vino-quiz" in (site / f"{page}.html").read_text("utf-8")
    )


def focused(page, attribute):
    return page.evaluate(f"document.activeElement.{attribute}")


def test_first_tab_jumps_to_the_content(page, base):
    page.goto(f"{base}book/intro.html")
    page.keyboard.press("Tab")
    assert focused(page, "textContent").strip() == "Saltar al contenido principal"
    page.wait_for_timeout(300)  # termina de bajar
    assert violations(page) == []
    page.keyboard.press("Enter")
    assert page.url.endswith("#main-content")


def test_quiz_is_answered_with_the_keyboard_alone(page, base, quiz_page):
    page.goto(f"{base}{quiz_page}.html")
    quiz = page.locator("vino-quiz").first
    quiz.locator("input").first.focus()
    page.keyboard.press("Space")
    for _ in range(1, int(quiz.get_attribute("answer"))):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    assert focused(page, "textContent") == "Comprobar"
    page.keyboard.press("Enter")
    assert quiz.get_by_role("status").inner_text() == "Correcto."
    assert quiz.locator("details").get_attribute("open") is not None


def test_quiz_says_when_the_answer_is_wrong_or_missing(page, base, quiz_page):
    page.goto(f"{base}{quiz_page}.html")
    quiz = page.locator("vino-quiz").first
    quiz.get_by_role("button").click()
    assert quiz.get_by_role("status").inner_text() == "Elige antes una respuesta."
    wrong = quiz.locator(f'input:not([value="{quiz.get_attribute("answer")}"])').first
    wrong.check()
    quiz.get_by_role("button").click()
    assert quiz.get_by_role("status").inner_text().startswith("No es esa.")
    assert quiz.locator("details").get_attribute("open") is None


def test_quiz_is_plain_text_without_scripts(browser, base, quiz_page):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{base}{quiz_page}.html")
    quiz = page.locator("vino-quiz").first
    assert quiz.inner_text().startswith("Pregunta.")
    assert quiz.locator("li").count() > 1 and quiz.locator("summary").is_visible()
    context.close()


def results(page, base, words):
    """Páginas que encuentra el buscador, una vez ha terminado."""
    page.goto(f"{base}search.html?q={words}")
    done = re.compile("Páginas encontradas|No hay páginas")
    page.locator("#search-results .search-summary").filter(has_text=done).wait_for()
    links = page.locator("#search-results ul.search li > a").all()
    return {link.get_attribute("href").split("?")[0].split("#")[0] for link in links}


def test_search_ignores_the_accent(page, base, html):
    found = results(page, base, "formula")
    assert found and found == results(page, base, "fórmula")
    assert found <= {f"{name}.html" for name in html}


def test_search_shows_the_word_in_its_sentence(page, base):
    found = results(page, base, "formula")
    summaries = page.locator("#search-results p.context")
    summaries.nth(len(found) - 1).wait_for()
    for text in summaries.all_inner_texts():
        assert re.search("f[óo]rmul", text, re.IGNORECASE), text


@pytest.mark.parametrize("word", ["reseña", "atención", "gramática", "vocabulario"])
def test_search_finds_spanish_words(page, base, word):
    assert results(page, base, word)


def test_search_says_in_spanish_that_there_is_nothing(page, base):
    assert results(page, base, "zzzz") == set()
    assert "No hay" in page.locator("#search-results").inner_text()


def test_search_box_opens_with_the_keyboard(page, base):
    page.goto(f"{base}book/intro.html")
    page.keyboard.press("Control+k")
    assert focused(page, "placeholder") == "Buscar en el curso"
    assert violations(page) == []
    page.keyboard.type("glosario")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=glosario")


@pytest.mark.parametrize("menu", [".primary-toggle", ".secondary-toggle"])
def test_phone_menus_open_and_are_accessible(page, base, menu):
    page.set_viewport_size({"width": 375, "height": 700})
    page.goto(f"{base}book/intro.html")
    page.locator(f"article, {menu}").last.wait_for()
    page.locator(f".header-article-items {menu}").click()
    assert page.locator("dialog[open] nav").is_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0


def test_theme_button_changes_and_remembers(page, base):
    page.goto(f"{base}book/intro.html")
    page.locator(".theme-switch-button").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.goto(f"{base}book/glosario.html")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_site_root_leads_to_the_course(page, base):
    page.goto(base)
    page.wait_for_url("**/book/intro.html")
