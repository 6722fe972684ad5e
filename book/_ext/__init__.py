"""Extensión local de Sphinx: lo que el sitio del curso añade a Jupyter Book."""

import hashlib
from pathlib import Path

from . import outputs, pages, quizzes, release, sitemap, timeline

HERE = Path(__file__).parent


def own_digest():
    """Huella de código y traducciones: si cambia, Sphinx vuelve a leer todas las páginas."""
    sources = sorted([*HERE.glob("*.py"), *HERE.glob("locale/**/*.po")])
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def setup(app):
    app.add_config_value("site_extension_digest", own_digest(), "env", str)
    for module in (release, quizzes, timeline, outputs, pages, sitemap):
        module.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
