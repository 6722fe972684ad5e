"""Lo que comparten todas las pruebas: rutas, programas externos y reseñas reales."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # TensorFlow calla al importarse
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # las salidas del libro se escriben sin GPU

ROOT = Path(__file__).resolve().parents[1]
BROWSER_OPTIONS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


def missing(what, remedy):
    """Salta la prueba en un equipo particular; con ``CI=true`` la hace fallar."""
    message = f"Falta {what}: {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


class NotebookOutputs:
    """nbval no compara imágenes ni la salida de error, que ``make execute`` no guarda."""

    def pytest_collectstart(self, collector):
        if hasattr(collector, "skip_compare"):
            collector.skip_compare += ("stderr", "image/svg+xml")


def pytest_configure(config):
    config.pluginmanager.register(NotebookOutputs())  # vale también para book/


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Todo lo que se salta por una misma falta ocupa una sola línea del resumen."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple) and "Falta" in report.longrepr[2]:
        report.longrepr = (__file__, None, report.longrepr[2])
    return report


@pytest.fixture(scope="session")
def repo():
    """Carpeta raíz del repositorio."""
    return ROOT


@pytest.fixture(scope="session")
def chromium():
    """Ruta de Chromium o Chrome; sin él la prueba se salta (o falla con ``CI=true``)."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        missing("el navegador", "instala el paquete chromium.")
    driver = subprocess.run([sys.executable, "-m", "playwright", "--version"], capture_output=True)
    if driver.returncode:
        missing("lo que maneja el navegador", "instala el paquete libatomic1.")
    return path


@pytest.fixture(scope="module")
def browser(chromium):
    """Un navegador por archivo: dos abiertos a la vez en un mismo proceso no son posibles."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=BROWSER_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """Una pestaña limpia, de 1280 px y tema claro."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def bwrap():
    """Ruta de bubblewrap, ya comprobado que puede aislar un proceso en este equipo."""
    path = shutil.which("bwrap")
    if path is None:
        missing("el aislamiento", "instala el paquete bubblewrap.")
    isolate = [path, "--ro-bind", "/", "/", "--unshare-all", "true"]
    if subprocess.run(isolate, capture_output=True).returncode:
        missing("permiso para aislar", "el sistema no deja a bubblewrap crear espacios de nombres.")
    return path


@pytest.fixture(scope="session")
def reviews_folder():
    """Carpeta con reseñas reales de Kaggle, la que nombra ``VINOGPT_REVIEWS``."""
    folder = os.environ.get("VINOGPT_REVIEWS")
    if not folder:
        pytest.skip("Faltan las reseñas reales: define VINOGPT_REVIEWS con su carpeta.")
    assert Path(folder).is_dir(), f"VINOGPT_REVIEWS nombra una carpeta que no existe: {folder}"
    return Path(folder)
