"""Memoria de lo ya calificado: cada resultado, con una clave que resume todo lo que lo decide."""

import hashlib
import json
import sqlite3
import sys
from functools import cache
from importlib.metadata import version as installed
from pathlib import Path

import vinogpt
from vinogpt.grading.score import needed

PACKAGE = Path(vinogpt.__file__).parent
# Llevan y traen notas sin decidirlas: cambiarlos no obliga a calificar de nuevo.
CARRIERS = {"cache", "cli", "deadlines", "engine", "export", "feedback", "files", "gradebook"}
CARRIERS |= {"autograded", "intake", "people", "rebuild", "summary", "__main__"}
LIBRARIES = ["numpy", "tensorflow", "keras"]
TABLE = "CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, reason TEXT, isolation TEXT)"


class Cache:
    """Resultados firmes en un archivo SQLite; `path` puede ser ":memory:"."""

    def __init__(self, path):
        self.db = sqlite3.connect(path)
        self.db.execute(TABLE)

    def find(self, key):
        """`(reason, isolation)` de una clave, o None."""
        query = "SELECT reason, isolation FROM results WHERE key = ?"
        row = self.db.execute(query, [key]).fetchone()
        return row and (row[0], json.loads(row[1]))

    def add(self, keys, report):
        """Guarda de una vez los resultados de un informe, menos los que pueden no repetirse."""
        proof = json.dumps(report.isolation)
        rows = [(keys[r.grade_id], r.reason, proof) for r in report.results if not r.stalled]
        with self.db:
            self.db.executemany("INSERT OR REPLACE INTO results VALUES (?, ?, ?)", rows)


def key_of(cells, check, seed, isolated):
    """Clave de una comprobación: las celdas que se ejecutan, su código, semilla y versiones."""
    setup = [cell for cell in cells if cell.kind == "setup"]  # las usa la comprobación misma
    texts = [[cell.id, cell.text] for cell in [*setup, *needed(cells, check), check]]
    parts = [texts, seed, isolated, version()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@cache
def version():
    """Huella de lo que decide una nota además de las celdas: código del curso y bibliotecas."""
    digest = hashlib.sha256(" ".join([sys.version, *map(installed, LIBRARIES)]).encode())
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and path.suffix != ".pyc" and path.name.split(".")[0] not in CARRIERS:
            digest.update(path.relative_to(PACKAGE).as_posix().encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
