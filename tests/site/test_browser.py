"""Cada página abierta en el navegador: peticiones, consola, peso, anchura y accesibilidad."""

import gzip
import re
from functools import cache
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe

from .conftest import PAGES, PREFIX

VIEWS = [(scheme, width) for scheme in ("light", "dark") for width in (1280, 375)]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
COMPRESSED = {".html", ".css", ".js", ".mjs", ".svg", ".json", ".xml"}
KB = 1024

# Palabras de la interfaz que solo aparecen si algo se quedó sin traducir.
ENGLISH = re.compile(
    r"\b(link to|toggle|search|contents|on this page|skip to|back to|print|copy|color mode|light"
    r"|dark|system settings|next|previous|home|edit|suggest|launch|download|fullscreen|note|warning"
    r"|tip|show|hide|click|navigation|main|page|built with|last updated|by the"
    r"|the|an|of|and|or|to|in|with|for|from|this|your|is|are|not|report|issue|open|close)\b",
    re.IGNORECASE,
)
INTERFACE = """() => {
  const texts = [];
  for (const node of document.querySelectorAll("body *")) {
    for (const name of ["title", "aria-label", "data-bs-title", "data-tooltip", "placeholder"])
      if (node.hasAttribute(name)) texts.push(node.getAttribute(name));
  }
  const copy = document.body.cloneNode(true);
  copy.querySelectorAll("article, script, style, noscript, nav").forEach((node) => node.remove());
  document.querySelectorAll(".admonition-title, summary, .caption-number").forEach(
    (node) => texts.push(node.textContent));
  return [...texts, copy.textContent.replace(/\\s+/g, " ")];
}"""


@cache
def transfer_size(path):
    """Bytes que viajan: comprimidos si GitHub Pages comprime ese tipo de archivo."""
    data = path.read_bytes()
    return len(gzip.compress(data, 6)) if path.suffix in COMPRESSED else len(data)


class Visit:
    """Una página abierta desde cero, con todo lo que pidió y lo que dijo la consola."""

    def __init__(self, browser, base, name):
        self.name, self.paths, self.outside, self.errors = name, [], [], []
        context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
        context.route(lambda url: not url.startswith(base), self.block)
        self.page = context.new_page()
        self.page.on(
            "requestfinished", lambda request: self.paths.append(urlsplit(request.url).path)
        )
        self.page.on("requestfailed", lambda request: self.errors.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self.listen)
        self.page.goto(f"{base}{name}.html", wait_until="networkidle")

    def block(self, route):
        self.outside.append(route.request.url)
        route.abort()

    def listen(self, message):
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def show(self, scheme, width):
        """Cambia tema y anchura sin volver a cargar la página."""
        self.page.emulate_media(color_scheme=scheme)
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
        self.page.wait_for_timeout(400)  # el tema espera 300 ms antes de revisar las cajas

    def unfold(self):
        """Todo a la vista: desplegables abiertos; preguntas contestadas, una bien y otra mal."""
        self.page.evaluate("""() => {
          document.querySelectorAll("article details").forEach((node) => (node.open = true));
          document.querySelectorAll("vino-quiz").forEach((quiz, i) => {
            const right = `[value="${quiz.getAttribute("answer")}"]`;
            quiz.querySelector(i % 2 ? `input${right}` : `input:not(${right})`).checked = true;
            quiz.querySelector("button").click();
          });
        }""")

    def weight(self, site):
        files = [site / unquote(path).removeprefix(f"{PREFIX}/") for path in self.paths]
        return sum(map(transfer_size, files))


@pytest.fixture(scope="module", params=[*PAGES, "search"])
def visit(request, browser, base):
    visit = Visit(browser, base, request.param)
    yield visit
    visit.page.context.close()


def budget(visit):
    """Límite de la página según lo que lleva: texto, fórmulas o figuras."""
    if visit.page.locator("article img").count():
        return 1024 * KB
    return 800 * KB if visit.page.locator("mjx-container").count() else 450 * KB


def violations(page):
    """Reglas incumplidas, cada una con los tres primeros elementos."""
    options = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    return [(rule["id"], [node["html"][:160] for node in rule["nodes"][:3]]) for rule in found]


def test_nothing_is_asked_outside(visit):
    assert visit.outside == []


def test_console_is_silent(visit):
    assert visit.errors == []


def test_page_is_light(visit, site):
    assert visit.weight(site) <= budget(visit)


def test_maths_load_only_where_needed(visit):
    formulas = visit.page.locator("mjx-container").count()
    assert any("mathjax" in path for path in visit.paths) == bool(formulas)


def test_formulas_carry_mathml_for_screen_readers(visit):
    formulas = visit.page.locator("mjx-container").count()
    assert visit.page.locator("mjx-assistive-mml math").count() == formulas


def test_no_english_left_in_the_interface(visit):
    found = [ENGLISH.search(text) for text in visit.page.evaluate(INTERFACE)]
    assert [
        match.string[max(0, match.start() - 20) : match.end() + 20] for match in found if match
    ] == []


@pytest.mark.parametrize(("scheme", "width"), VIEWS)
def test_unfolded_page_is_accessible_and_fits(visit, scheme, width):
    visit.unfold()
    visit.show(scheme, width)
    assert violations(visit.page) == []
    assert visit.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_wide_formulas_are_seen_from_their_start(visit):
    visit.show("light", 375)
    starts = visit.page.evaluate("""() => [...document.querySelectorAll("article div.math")].map(
      (box) => box.querySelector("mjx-container").getBoundingClientRect().left
        - box.getBoundingClientRect().left)""")
    assert all(start >= -1 for start in starts)


def test_figures_keep_a_light_card_in_dark_mode(visit):
    visit.show("dark", 1280)
    for image in visit.page.locator("article img").all():
        style = image.evaluate(
            "(node) => [getComputedStyle(node).backgroundColor, getComputedStyle(node).filter]"
        )
        assert style == ["rgb(255, 255, 255)", "none"]


def test_built_site_has_no_page_outside_the_index(site):
    known = {f"{page}.html" for page in PAGES} | {"index.html", "search.html", "404.html"}
    found = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert {path for path in found if not path.startswith("_static/")} == known
