"""Preguntas de opción única: la lista escrita en Markdown pasa a ser un cuestionario.

Forma en la fuente, legible tal cual en GitHub y en Colab:

    **Pregunta.** ¿Cuántas filas tiene la tabla?

    1. Una por posición.
    2. Una por palabra del vocabulario.

    <details><summary>Respuesta</summary>

    La 2: cada palabra tiene su fila.

    </details>

El texto de la respuesta empieza por el número, la letra o el ordinal de la opción correcta.
"""

import re
from itertools import takewhile

from docutils import nodes
from sphinx.util import logging

LABEL = "Pregunta."
SCRIPT = "quiz.mjs"
ORDINALS = ["primer", "segund", "tercer", "cuart", "quint"]
LEAD_IN = r"(?:(?:el|la|es|respuesta|correcta|opción|número)\b:?\s*)*"
NTH = rf"(?:{'|'.join(ORDINALS)})[oa]\b"
LABEL_END = r"(?=[.):,;](?:\s|$)|$)"  # «A veces…» o «3 de cada 4» no nombran una opción
CHOICE = re.compile(rf"{LEAD_IN}\(?({NTH}|[1-9a-e]{LABEL_END})", re.IGNORECASE)

logger = logging.getLogger(__name__)


def answer_number(text):
    """Posición (desde 1) de la opción que nombra una respuesta; None si no nombra ninguna."""
    found = CHOICE.match(text)
    if not found:
        return None
    choice = found[1].lower()
    if choice[:-1] in ORDINALS:
        return ORDINALS.index(choice[:-1]) + 1
    return int(choice) if choice.isdigit() else "abcde".index(choice) + 1


def is_question(node):
    """¿Es un párrafo que empieza por la etiqueta en negrita?"""
    if not isinstance(node, nodes.paragraph):
        return False
    first = next((child for child in node if child.astext()), None)
    return isinstance(first, nodes.strong) and first.astext() == LABEL


def is_raw(node, text):
    return isinstance(node, nodes.raw) and text in node.astext()


def folded_answer(siblings):
    """Los nodos desde <details> hasta </details>; lista vacía si no empiezan por <details>."""
    if not siblings or not is_raw(siblings[0], "<details"):
        return []
    inside = list(takewhile(lambda node: not is_raw(node, "</details>"), siblings))
    return siblings[: len(inside) + 1]


def answer_text(answer):
    """El texto de la respuesta sin etiquetas ni el rótulo del desplegable."""
    text = " ".join(node.astext() for node in answer)
    text = re.sub(r"<summary>.*?</summary>", " ", text, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", " ", text).strip()


def raw_html(text):
    return nodes.raw("", text, format="html")


def upgrade(question):
    """Envuelve pregunta, opciones y respuesta en <vino-quiz>; devuelve si pudo hacerlo."""
    parent, start = question.parent, question.parent.index(question)
    options, *rest = parent.children[start + 1 :] or [None]
    answer = folded_answer(rest)
    number = answer_number(answer_text(answer))
    if not isinstance(options, (nodes.bullet_list, nodes.enumerated_list)):
        return False
    if number is None or number > len(options) or not all(item.astext() for item in options):
        return False
    inside = [question, options, *answer]
    opening, closing = raw_html(f'<vino-quiz answer="{number}">'), raw_html("</vino-quiz>")
    parent.children[start : start + len(inside)] = [opening, *inside, closing]
    for node in (opening, closing):
        parent.setup_child(node)
    return True


def upgrade_all(app, doctree):
    for question in list(doctree.findall(is_question)):
        if not upgrade(question):
            logger.warning(
                "pregunta mal escrita (necesita una lista, sin opciones vacías, y un <details> "
                "que empiece por la opción correcta): %s",
                question.astext(),
                location=question,
            )


def load_script(app, pagename, templatename, context, doctree):
    if doctree and any(is_raw(node, "<vino-quiz") for node in doctree.findall(nodes.raw)):
        app.add_js_file(SCRIPT, type="module")


def setup(app):
    app.connect("doctree-read", upgrade_all)
    app.connect("html-page-context", load_script)
