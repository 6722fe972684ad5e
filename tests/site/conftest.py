"""El sitio construido, servido como lo sirve GitHub Pages, y un navegador que lo abre."""

import os
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "/vinogpt"


def toc_pages(entry):
    """Páginas que nombra el índice, en orden, sin extensión."""
    own = [entry[key] for key in ("root", "file") if key in entry]
    children = [child for key in ("parts", "chapters", "sections") for child in entry.get(key, [])]
    return own + [page for child in children for page in toc_pages(child)]


PAGES = toc_pages(yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8")))


class PagesHandler(SimpleHTTPRequestHandler):
    """Sirve el sitio bajo /vinogpt/, sin escribir en la consola; fuera de ahí no hay nada."""

    def translate_path(self, path):
        inside = path.startswith(f"{PREFIX}/")
        return super().translate_path(path.removeprefix(PREFIX) if inside else "/no-existe")

    def log_message(self, *arguments):
        return None


@pytest.fixture(scope="session")
def site(repo):
    """Carpeta del sitio; antes se reconstruye lo que haya cambiado.

    Dos procesos no pueden construirlo a la vez: con `-n` lo construye antes quien llama a pytest.
    """
    command = [sys.executable, repo / "scripts" / "build_site.py"]
    if "PYTEST_XDIST_WORKER" not in os.environ:
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            pytest.fail(result.stderr, pytrace=False)
    return repo / "_build" / "html"


@pytest.fixture(scope="session")
def config(repo):
    """_config.yml como diccionario."""
    return yaml.safe_load((repo / "_config.yml").read_text("utf-8"))


@pytest.fixture(scope="session")
def html(site):
    """Árbol de cada página del índice: html["book/intro"]."""
    return {
        page: BeautifulSoup((site / f"{page}.html").read_text("utf-8"), "html.parser")
        for page in PAGES
    }


@pytest.fixture(scope="session")
def base(site):
    """Dirección del sitio servido, acabada en /."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(PagesHandler, directory=str(site)))
    server.handle_error = lambda *arguments: None  # el navegador corta al cambiar de página
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}{PREFIX}/"
    server.shutdown()
    server.server_close()
