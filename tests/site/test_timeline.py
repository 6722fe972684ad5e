"""La línea de tiempo: lo que dice el cuaderno y lo que hace en el navegador."""

import ast
import re

import nbformat
import pytest
from docutils import nodes

from . import test_extension
from .test_browser import violations

PAGE = "book/00_modelos_generativos"
ext = test_extension.ext
HEADER = ["Año", "Sistema", "Familia", "Qué aportó"]


@pytest.fixture(scope="module")
def notebook(repo):
    return nbformat.read(repo / f"{PAGE}.ipynb", as_version=4)


@pytest.fixture(scope="module")
def rows(notebook):
    """Las filas de la tabla del cuaderno: año, sistema, familia y qué aportó."""
    cell = next(c.source for c in notebook.cells if c.source.startswith("**Línea de tiempo.**"))
    table = [line for line in cell.splitlines() if line.startswith("|")]
    return [[part.strip() for part in line.strip("|").split(" | ")] for line in table[2:]]


@pytest.fixture
def timeline(page, base):
    page.goto(f"{base}{PAGE}.html")
    page.locator("vino-timeline fieldset").wait_for()
    return page.locator("vino-timeline")


def table_of(header, *rows):
    """Una tabla de docutils con esos textos."""

    def line(texts):
        return nodes.row("", *[nodes.entry("", nodes.paragraph(text=text)) for text in texts])

    lines = map(line, (header, *rows))
    return nodes.table("", nodes.tgroup("", nodes.tbody("", *lines)))


def visible(timeline):
    return timeline.locator(".timeline-years li li:visible")


# --- La fuente -----------------------------------------------------------------------------


def test_figure_counts_the_same_years_as_the_table(notebook, rows):
    cell = next(c.source for c in notebook.cells if c.source.startswith("years = {"))
    drawn = ast.literal_eval(cell.removeprefix("years = "))
    listed = {}
    for year, _, family, _ in rows:
        listed.setdefault(family, []).append(year)
    assert {name.replace("\n", " "): years.split() for name, years in drawn.items()} == listed


def test_every_system_has_its_link(rows):
    assert len(rows) > 35
    assert [row[1] for row in rows if not re.match(r"\[.+\]\(https://\S+\) \(.+\)$", row[1])] == []


def test_a_good_table_becomes_a_timeline(ext):
    label = nodes.paragraph("", "", nodes.strong(text="Línea de tiempo."))
    section = nodes.section("", label, table_of(HEADER, ["2014", "GAN", "GAN", "Compiten."]))
    assert ext.timeline.is_label(label)
    assert ext.timeline.upgrade(label) is None
    assert section.children[0].astext() == "<vino-timeline>"
    assert section.children[-1].astext() == "</vino-timeline>"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (nodes.paragraph(text="nada"), "una tabla"),
        (table_of(HEADER[:3], ["2014", "GAN", "GAN"]), "cabecera"),
        (table_of(HEADER, ["2015", "a", "b", "c"], ["2014", "a", "b", "c"]), "en orden"),
        (table_of(HEADER, ["hoy", "a", "b", "c"]), "números"),
        (table_of(HEADER, ["2014", "a", "", "c"]), "vacía"),
    ],
)
def test_a_bad_table_says_what_is_wrong(ext, table, message):
    assert message in ext.timeline.problem(table)


# --- El navegador --------------------------------------------------------------------------


def test_all_systems_are_seen_at_first(timeline, rows):
    assert visible(timeline).count() == len(rows)
    assert timeline.get_by_role("status").inner_text().startswith(f"{len(rows)} sistemas")
    assert timeline.locator("table").count() == 0


def test_one_family_is_chosen_with_the_keyboard_alone(page, timeline, rows):
    timeline.get_by_role("checkbox").first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    chosen = page.evaluate("document.activeElement.value")
    many = sum(row[2] == chosen for row in rows)
    assert visible(timeline).count() == many
    status = timeline.get_by_role("status").inner_text()
    assert status == f"{many} de {len(rows)} sistemas: {chosen}."


def test_two_families_add_up_and_none_means_all(timeline, rows):
    boxes = timeline.get_by_role("checkbox").all()
    names = [box.get_attribute("value") for box in boxes[:2]]
    for box in boxes[:2]:
        box.check()
    assert visible(timeline).count() == sum(row[2] in names for row in rows)
    for box in boxes[:2]:
        box.uncheck()
    assert visible(timeline).count() == len(rows)


def test_years_without_systems_keep_their_place(timeline):
    timeline.get_by_label("Flujo").check()
    assert timeline.locator(".timeline-year:visible").count() == 10
    assert timeline.locator(".timeline-empty").count() == 7


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_filtered_timeline_is_accessible_and_fits(page, timeline, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    timeline.get_by_label("GAN").check()
    page.wait_for_timeout(400)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_print_shows_everything(page, timeline, rows):
    timeline.get_by_label("Flujo").check()
    page.emulate_media(media="print")
    assert visible(timeline).count() == len(rows)
    assert not timeline.locator("fieldset").is_visible()


def test_without_scripts_it_is_a_table(browser, base, rows):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{base}{PAGE}.html")
    assert page.locator("vino-timeline table tbody tr").count() == len(rows)
    context.close()
