"""Versión y fecha del sitio, leídas de pyproject.toml y CHANGELOG.md."""

import re
import tomllib
from datetime import date

MONTHS = [
    *("enero", "febrero", "marzo", "abril", "mayo", "junio"),
    *("julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
]


def project_version(root):
    """Versión del paquete, la única escrita a mano."""
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]


def release_date(changelog, version):
    """Fecha del encabezado de esa versión en CHANGELOG.md; None si aún no se ha publicado."""
    heading = rf"^## .*\b{re.escape(version)}\b.*?(\d{{4}}-\d{{2}}-\d{{2}})"
    found = re.search(heading, changelog, re.MULTILINE)
    return date.fromisoformat(found[1]) if found else None


def release_line(version, day):
    """Texto del pie de página: «Versión 0.1.0 · 21 de noviembre de 2026»."""
    when = f"{day.day} de {MONTHS[day.month - 1]} de {day.year}" if day else "sin publicar"
    return f"Versión {version} · {when}"


def configure(app, config):
    changelog = (app.srcdir / "CHANGELOG.md").read_text("utf-8")
    version = project_version(app.srcdir)
    config.version = config.release = version
    config.site_release_line = release_line(version, release_date(changelog, version))


def setup(app):
    app.add_config_value("site_release_line", "", "html", str)
    app.connect("config-inited", configure)
