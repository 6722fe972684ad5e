"""Línea de tiempo: la tabla que sigue a su rótulo pasa a ser una lista que se filtra.

Forma en la fuente, legible tal cual en GitHub y en Colab:

    **Línea de tiempo.** Una frase que diga qué reúne.

    | Año | Sistema | Familia | Qué aportó |
    |---|---|---|---|
    | 2014 | [GAN](https://arxiv.org/abs/1406.2661) | GAN | Dos redes que compiten. |

Las filas van por año. Sin JavaScript, y al imprimir, se lee entera.
"""

from docutils import nodes
from sphinx.util import logging

from .quizzes import is_raw, raw_html

LABEL = "Línea de tiempo."
HEADER = ["Año", "Sistema", "Familia", "Qué aportó"]
SCRIPT = "timeline.mjs"

logger = logging.getLogger(__name__)


def is_label(node):
    """¿Es un párrafo que empieza por el rótulo en negrita?"""
    if not isinstance(node, nodes.paragraph):
        return False
    first = next((child for child in node if child.astext()), None)
    return isinstance(first, nodes.strong) and first.astext() == LABEL


def rows_of(table):
    """Las filas de una tabla, cabecera incluida, como listas de textos."""
    return [
        [entry.astext().strip() for entry in row.findall(nodes.entry)]
        for row in table.findall(nodes.row)
    ]


def problem(table):
    """Qué impide que ``table`` sea una línea de tiempo, o None."""
    if not isinstance(table, nodes.table):
        return "necesita una tabla justo después"
    header, *rows = rows_of(table)
    years = [row[0] for row in rows]
    if header != HEADER:
        return f"la cabecera debe ser {' | '.join(HEADER)}"
    if not all(map(str.isdecimal, years)) or years != sorted(years, key=int):
        return "los años deben ser números y estar en orden"
    return None if all(map(all, rows)) else "hay una casilla vacía"


def upgrade(label):
    """Envuelve rótulo y tabla en <vino-timeline>; devuelve qué lo impide, o None."""
    parent, start = label.parent, label.parent.index(label)
    table = next(iter(parent.children[start + 1 :]), None)
    if wrong := problem(table):
        return wrong
    inside = [raw_html("<vino-timeline>"), label, table, raw_html("</vino-timeline>")]
    parent.children[start : start + 2] = inside
    for node in inside:
        parent.setup_child(node)
    return None


def upgrade_all(app, doctree):
    for label in list(doctree.findall(is_label)):
        if wrong := upgrade(label):
            logger.warning("línea de tiempo mal escrita: %s", wrong, location=label)


def load_script(app, pagename, templatename, context, doctree):
    if doctree and any(is_raw(node, "<vino-timeline") for node in doctree.findall(nodes.raw)):
        app.add_js_file(SCRIPT, type="module")


def setup(app):
    app.connect("doctree-read", upgrade_all)
    app.connect("html-page-context", load_script)
