"""Entregas honestas que llegan estropeadas: qué nota les dan este corrector y nbgrader.

    python benchmarks/grading_damaged.py [--full | NAME …]

Cada variante de tests/grading/damaged.py merece la nota de la entrega sin estropear. Las nuestras
se califican con `grade`, como una clase, dos veces: con todo hecho y con la mitad. Después, con
`--full`, pasan por `nbgrader autograde`, de una en una: sin configurar y con lo que su
configuración permite remediar; los recuentos van a benchmarks/results/grading_damaged.json. Sin
`--full` se califican las que se nombren, o las cinco primeras, y no se compara ni se guarda nada.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from side_by_side import FULL, publish

ROOT = Path(__file__).resolve().parents[1]
STEM = "01_embeddings"
HALVES = {"complete": lambda i: True, "half_done": lambda i: i % 2 == 0}
STOCK = {"CourseDirectory": {"source_directory": "solutions", "release_directory": "exercises"}}
TUNED = STOCK | {
    "Execute": {"skip_cells_with_tag": ""},  # ninguna etiqueta evita que se ejecute una celda
    "IgnorePattern": {"enabled": True, "pattern": "^"},  # un aviso en stderr no es un fallo
    "OverwriteCells": {"add_missing_cells": True},
}


def load(name):
    """Módulo de tests/grading, que no es un paquete."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / "grading" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


damaged = load("damaged")


def write_class(place, keep, chosen, stem=STEM):
    """Escribe en `place` una entrega por variante, y la que no está estropeada, `clean`."""
    books = [ROOT / folder / stem / f"{stem}.ipynb" for folder in ("exercises", "solutions")]
    release, source = (json.loads(path.read_text(encoding="utf-8")) for path in books)
    damaged.write_class(place, damaged.filled(release, source, keep), release, stem)
    for folder in place.iterdir():
        if folder.name not in {"clean", *chosen}:
            shutil.rmtree(folder)


def marks(course, stem=STEM):
    """Puntos de cada comprobación de cada estudiante, según la base de datos del curso."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        return {
            done.student.id: {grade.name: grade.score for grade in done.notebooks[0].grades}
            for done in gradebook.assignment_submissions(stem)
            if done.notebooks
        }


def verdicts(found, chosen):
    """`equal`, `lower`, `higher` o `none` por variante, comparada con la entrega sin estropear."""
    clean = found["clean"]

    def verdict(points):
        if points is None:
            return "none"
        if points == clean:
            return "equal"
        return "lower" if sum(points.values()) < sum(clean.values()) else "higher"

    return {name: verdict(found.get(name)) for name in chosen}


def ours(keep, chosen, stem=STEM):
    """Veredicto de cada variante con `grade`, y los puntos de la entrega sin estropear."""
    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder)
        for name in ("solutions", "exercises"):
            shutil.copytree(ROOT / name, course / name)
        write_class(course / "class", keep, chosen, stem)
        command = [sys.executable, "-m", "vinogpt", "grade", stem, "--submitted", "class"]
        done = subprocess.run(command, cwd=course, capture_output=True, encoding="utf-8")
        assert done.returncode == 0, done.stdout + done.stderr
        found = marks(course, stem)
        return verdicts(found, chosen), sum(found["clean"].values())


def theirs(config, chosen):
    """Veredicto de cada variante con `nbgrader autograde` y esa configuración, de una en una."""
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config

    # nbgrader llama a programas que están junto a este Python.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder)
        os.chdir(course)
        shutil.copytree(ROOT / "solutions", course / "solutions")
        write_class(course / "submitted", HALVES["complete"], chosen)
        api = NbGraderAPI(config=Config(config))
        assert api.generate_assignment(STEM)["success"]
        graded = [name for name in ["clean", *chosen] if api.autograde(STEM, name)["success"]]
        found = {name: points for name, points in marks(course).items() if name in graded}
        os.chdir(ROOT)
        return counted(verdicts(found, chosen))


def counted(result):
    """Cuántas variantes hay de cada veredicto y cuáles no son `equal`."""
    failed = {name: verdict for name, verdict in result.items() if verdict != "equal"}
    return {"counts": Counter(result.values()), "not_equal": failed}


def main(arguments):
    named = [name for name in arguments if name in damaged.VARIANTS]
    chosen = list(damaged.VARIANTS) if FULL else named or list(damaged.VARIANTS)[:5]
    report = {"assignment": STEM, "variants": len(chosen), "ours": {}}
    for name, keep in HALVES.items():
        result, points = ours(keep, chosen)
        report["ours"][name] = {"clean_points": points, **counted(result)}
    if FULL:
        with ProcessPoolExecutor(2, get_context("spawn")) as pool:
            both = pool.map(theirs, (STOCK, TUNED), (chosen, chosen))
            report |= dict(zip(("nbgrader_stock", "nbgrader_tuned"), both, strict=True))
    publish("grading_damaged", report)
    return int(any(half["not_equal"] for half in report["ours"].values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
