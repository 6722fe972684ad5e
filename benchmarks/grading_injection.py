"""Textos hostiles abiertos en Chromium: cuántos se ejecutan con este corrector y con nbgrader.

    python benchmarks/grading_injection.py [--full]

Cada texto de tests/grading/injection.py es una entrega, con el texto en todo lo que un alumno puede
escribir. Se abren en formgrader y en la devolución, se pasa por encima de todo y se pulsa todo. Lo
mismo se hace con lo que deja nbgrader sin configurar, que antes ejecuta las celdas. Cuenta lo que
ejecuta JavaScript o pide algo a otro sitio. MathJax lleva la extensión Safe, como la pide nbgrader;
con este corrector, no. Sin `--full`, que escribe los recuentos en
benchmarks/results/grading_injection.json, son dos textos y solo la pantalla.
"""

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

from playwright.sync_api import sync_playwright
from side_by_side import FULL, publish

ROOT = Path(__file__).resolve().parents[1]
STOCK_CONFIG = """
c = get_config()
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
"""
SHOW = "from IPython.display import HTML, display\ndisplay(HTML({text!r}))"
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


def load(name):
    """Módulo de tests/grading, que no es un paquete."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / "grading" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


warnings.filterwarnings("ignore")
from vinogpt.grading import feedback, gradebook  # noqa: E402

injection, manual_course = load("injection"), load("manual_course")
STEM, PAYLOADS = manual_course.STEM, injection.PAYLOADS if FULL else injection.PAYLOADS[:2]


def ours(folder):
    """El curso que escribe este corrector."""
    source = manual_course.create_course(folder)
    batch = [injection.everywhere(manual_course.graded, p.name, p.text) for p in PAYLOADS]
    gradebook.write(folder, source, batch)
    feedback.write_feedback(folder, source, batch)


def stock(folder):
    """El mismo curso con nbgrader sin configurar, que ejecuta las celdas."""
    manual_course.create_course(folder)
    (folder / "nbgrader_config.py").write_text(STOCK_CONFIG, encoding="utf-8")
    nbgrader(folder, "generate_assignment")
    release = json.loads((folder / "exercises" / STEM / f"{STEM}.ipynb").read_text("utf-8"))
    with gradebook.gradebook(folder) as book:
        for payload in PAYLOADS:
            book.add_student(payload.name, last_name=payload.text, first_name=payload.text)
            path = folder / "submitted" / payload.name / STEM / f"{STEM}.ipynb"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(filled(release, payload.text)), encoding="utf-8")
    nbgrader(folder, "autograde")
    nbgrader(folder, "generate_feedback")


def filled(release, text):
    """La entrega: el texto en la respuesta escrita y en la salida de la de código."""
    given = {"why": text, "free": SHOW.format(text=text)}
    cells = [{**cell, "source": given.get(cell["id"], cell["source"])} for cell in release["cells"]]
    return {**release, "cells": cells}


def nbgrader(folder, verb):
    programs = Path(sys.executable).parent  # nbgrader llama a alembic
    env = {**os.environ, "PATH": os.pathsep.join([str(programs), os.environ["PATH"]])}
    command = [sys.executable, "-W", "ignore", "-m", "nbgrader", verb, STEM, "--log-level=ERROR"]
    subprocess.run(command, cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)


def opened(folder, mathjax):
    """Nombres de los textos que se ejecutan: {"formgrader": …, "feedback": …}."""
    with gradebook.gradebook(folder) as book:
        rows = {row.student.id: row.id for row in book.notebook_submissions(STEM, STEM)}
    found = {"formgrader": set(), "feedback": set()}
    jupyter = folder / "jupyter"
    jupyter.mkdir()
    with injection.formgrader(folder, jupyter) as (base, token), sync_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        for payload in PAYLOADS:
            pages = {
                "formgrader": f"{base}/submissions/{rows[payload.name]}/?token={token}",
                "feedback": (folder / "feedback" / payload.name / STEM / f"{STEM}.html").as_uri(),
            }
            for place, url in pages.items():
                with contextlib.closing(injection.Detector(browser, mathjax)) as detector:
                    detector.visit(url)
                    found[place] |= detector.executed.keys() & {payload.name}
        browser.close()
    return found


def measure(build, mathjax):
    """Recuentos de un curso por sitio y por clase."""
    kinds = {payload.name: payload.kind for payload in PAYLOADS}
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        found = opened(Path(folder), mathjax)
    return {
        place: {"executed": len(names), "by_kind": dict(Counter(map(kinds.get, sorted(names))))}
        for place, names in found.items()
    }


def main():
    full = "TeX-AMS-MML_HTMLorMML-full"
    report = {
        "payloads": len(PAYLOADS),
        "by_kind": dict(Counter(payload.kind for payload in PAYLOADS)),
        "vinogpt": measure(ours, full),
        "nbgrader": measure(stock, f"{full},Safe"),
    }
    publish("grading_injection", report)
    for who in ("vinogpt", "nbgrader"):
        for place, counts in report[who].items():
            print(f"{who:10} {place:10} {counts['executed']:3} de {report['payloads']} se ejecutan")


if __name__ == "__main__":
    main()
