"""Lo que cada página necesita: descripción, enlaces al repositorio y tarjeta social."""

import re
from pathlib import Path
from urllib.parse import quote

from docutils import nodes

MAX_DESCRIPTION = 160
SOCIAL_IMAGE = "_static/social.png"
EXTERNAL = re.compile(r'(<a class="[^"]*\bexternal\b[^"]*")(?![^>]*\brel=)')


def plain_text(paragraph):
    """Texto del párrafo en una línea, sin fórmulas."""
    texts = [
        node.astext()
        for node in paragraph.findall(nodes.Text)
        if not isinstance(node.parent, nodes.math)
    ]
    return " ".join("".join(texts).split())


def shorten(text):
    """Corta por el final de una frase o, si no cabe ninguna, de una palabra."""
    if len(text) <= MAX_DESCRIPTION:
        return text
    sentence = text[:MAX_DESCRIPTION].rpartition(". ")[0]
    if len(sentence) > MAX_DESCRIPTION // 3:
        return sentence + "."
    return text[: MAX_DESCRIPTION - 1].rpartition(" ")[0] + "…"


def describe(doctree):
    """Primer párrafo de verdad: ni un enlace suelto, ni una línea corta, ni una fórmula."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = plain_text(paragraph)
        in_table = isinstance(paragraph.parent, (nodes.entry, nodes.list_item))
        if len(text) > 60 and not in_table and not any(paragraph.findall(nodes.math)):
            return shorten(text)
    return None


def source_path(app, pagename):
    """Ruta de la fuente en el repositorio. Un ejercicio se corrige en su solución, si está."""
    path = str(app.env.doc2path(pagename, base=False))
    solution = re.sub(r"^exercises/", "solutions/", path)
    return solution if Path(app.srcdir, solution).exists() else path


def repository_links(app, pagename, title):
    """Enlaces «corregir» y «avisar», con el repositorio de _config.yml."""
    options = app.config.html_theme_options
    url, branch = options["repository_url"], options["repository_branch"]
    subject = quote(f"Error en «{title}»")
    body = quote(f"Página: {app.config.html_baseurl}{pagename}.html\n\nQué está mal:\n")
    return {
        "edit_url": f"{url}/edit/{branch}/{source_path(app, pagename)}",
        "issue_url": f"{url}/issues/new?title={subject}&body={body}",
    }


def colab_link(context):
    """La dirección que el tema calcula para el botón de Colab; None si no es un cuaderno."""
    for button in context.get("header_buttons", []):
        if button["label"] == "launch-buttons":
            return button["buttons"][0]["url"]
    return None


def fill_context(app, pagename, templatename, context, doctree):
    options, base = app.config.html_theme_options, app.config.html_baseurl
    context["html_baseurl"] = base
    context["release_line"] = app.config.site_release_line
    context["repository_url"] = options["repository_url"]
    context["repository_branch"] = options["repository_branch"]
    context["colab_url"] = colab_link(context)
    if pagename == "search":
        app.add_js_file("search.mjs", type="module")
    if doctree is None:
        return
    context["description"] = describe(doctree) or app.config.site_description
    context["canonical"] = f"{base}{pagename}.html"
    context["social_image"] = f"{base}{SOCIAL_IMAGE}"
    context["body"] = EXTERNAL.sub(r'\1 rel="external noopener"', context["body"])
    context.update(repository_links(app, pagename, app.env.titles[pagename].astext()))
    if app.env.get_domain("math").has_equations(pagename):
        app.add_js_file("formulas.mjs", type="module")


def setup(app):
    app.add_config_value("site_description", "", "html", str)
    app.connect("html-page-context", fill_context, priority=900)
