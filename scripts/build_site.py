"""Construye el sitio del curso en _build/html; cualquier aviso lo hace fallar.

Solo necesita el grupo de dependencias `book`: ni TensorFlow ni el paquete vinogpt.
Los cuadernos no se ejecutan aquí: sus salidas ya están guardadas. Con `--linkcheck` visita los
enlaces.
"""

import io
import shutil
import sys
import time
from pathlib import Path

from jupyter_book.config import get_final_config
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.console import nocolor
from sphinx.util.docutils import docutils_namespace, patch_docutils

ROOT = Path(__file__).resolve().parents[1]
DOCTREES = Path("_build", "doctrees")


def sphinx_config(root):
    """Traduce _config.yml a la configuración de Sphinx, sin dejar un conf.py en el árbol."""
    config, _ = get_final_config(
        user_yaml=root / "_config.yml",
        cli_config={"latex_individualpages": False, "nitpicky": True},
        sourcedir=root,
        raise_on_invalid=True,
    )
    del config["comments_config"]  # de una extensión que _config.yml no carga
    return config


def look_changed(root, built):
    """¿Es más nuevo que el sitio algo que afecta a todas las páginas? Sphinx solo mira el texto."""
    assets = [path for name in ("_static", "_ext") for path in (root / "book" / name).rglob("*.*")]
    return not built.exists() or max(map(modified, assets)) > modified(built)


def modified(path):
    return path.stat().st_mtime


def build(root=ROOT, builder="html"):
    """Construye lo que haya cambiado y devuelve la lista de avisos (vacía si todo va bien).

    El constructor `linkcheck` visita cada enlace en lugar de escribir páginas.
    """
    warnings = io.StringIO()
    outdir = root / "_build" / builder
    fresh = look_changed(root, outdir / "searchindex.js")
    with patch_docutils(root), docutils_namespace():
        app = Sphinx(
            srcdir=root,
            confdir=None,
            outdir=outdir,
            doctreedir=root / DOCTREES,
            buildername=builder,
            confoverrides=sphinx_config(root),
            status=None,
            warning=warnings,
            warningiserror=True,
            keep_going=True,
            freshenv=fresh,
        )
        app.build()
    if warnings.getvalue():
        shutil.rmtree(root / DOCTREES)  # sin lo leído, el aviso sale también la próxima vez
    return [line for line in warnings.getvalue().splitlines() if line.strip()]


def main(arguments):
    nocolor()
    start = time.monotonic()
    builder = "linkcheck" if arguments == ["--linkcheck"] else "html"
    print(f"Construyendo el sitio en _build/{builder} …", flush=True)
    try:
        warnings = build(builder=builder)
    except SphinxError as error:
        warnings = [str(error)]
    if warnings:
        print("\n".join(warnings), file=sys.stderr)
        print(f"El sitio no está listo: {len(warnings)} aviso(s) que corregir.", file=sys.stderr)
        return 1
    result = "enlaces visitados" if builder == "linkcheck" else "abre _build/html/index.html"
    print(f"Sitio listo en {time.monotonic() - start:.0f} s: {result}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
