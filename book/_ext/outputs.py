"""Tablas accesibles: las anchas se desplazan en su caja y la esquina vacía no es cabecera."""

import re

from docutils import nodes

TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL)
BOX = '<div class="pst-scrollable-table-container">{}</div>'
ENGLISH_LABEL = ' aria-label="Toggle hidden content"'  # myst-nb; ya dice «Mostrar código»
EMPTY_HEADER = re.compile(r"<th\b[^>]*>(?:\s|<p></p>)*</th>")


def wrap_tables(app, doctree, docname):
    """Mete en una caja las tablas que un cuaderno da ya en HTML, como las de pandas."""
    for node in doctree.findall(nodes.raw):
        if "<table" in node.astext():
            html = TABLE.sub(lambda match: BOX.format(match[0]), node.astext())
            node[:] = [nodes.Text(html)]


def clean_body(app, pagename, templatename, context, doctree):
    if doctree:
        body = context["body"].replace(ENGLISH_LABEL, "")
        context["body"] = EMPTY_HEADER.sub("<td></td>", body)


def setup(app):
    app.connect("doctree-resolved", wrap_tables)
    app.connect("html-page-context", clean_body)
