"""Lectura de cuadernos de ejercicios: celdas de preparación, de respuesta y de comprobación."""

import ast
import hashlib
import json
import linecache
import re
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

HEADING = re.compile(r"(?m)^#{2,4} +(Ejercicio\b.*)$")
DEFINED = re.compile(r"(?m)^(?:async +)?(?:def|class) +(\w+)|^(\w+) *(?::[^=\n]*)?=(?!=)")
STATED = re.compile(r"\*\*(\d+(?:\.\d+)?) puntos?\*\*")
MAGIC = re.compile(r"(?m)^([ \t]*)(?:[%!?].*|[\w.]+\?{1,2}[ \t]*)$")
# Lo que no reparte un JSON en partes: textos, números y espacios. Sin vuelta atrás: es lineal.
CONTENT = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[^][{},"]++', re.DOTALL)
MAX_BYTES = 32_000_000  # de un cuaderno, con sus salidas
MAX_CELLS, MAX_DEPTH, MAX_VALUES = 2_000, 100, 2_000_000


class NotebookError(ValueError):
    """Un archivo que no se puede leer como cuaderno; el mensaje dice qué hacer."""


class Cell(NamedTuple):
    """Celda de código con un papel: `setup`, `answer`, `check` o `extra`, la que añade el alumno.

    `names` son los nombres que define; `edited`, si una celda bloqueada ya no es la original;
    `type`, el de la celda en el archivo: `code`, `markdown` o `raw`.
    """

    id: str
    kind: str
    text: str
    points: float
    exercise: str
    names: frozenset
    edited: bool
    position: int
    type: str = "code"


def read_notebook(path):
    """Cuaderno como diccionario, con el texto de cada celda en una sola cadena."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotebookError(f"No existe {path}: revisa la ruta y el nombre") from None
    except OSError as error:
        raise NotebookError(f"No se puede leer {path}: {error.strerror}") from None
    return parse_notebook(data, path)


def parse_notebook(data, name="El archivo"):
    """El mismo diccionario, a partir de los bytes. Admite marca de orden, UTF-16 y Windows-1252.

    Mide el archivo antes de interpretarlo: NotebookError si es desmesurado o no es un cuaderno.
    """
    if len(data) > MAX_BYTES:
        size = f"{MAX_BYTES / 1e6:.0f} MB"
        raise NotebookError(f"{name} pasa de {size}: borra las salidas y guárdalo de nuevo")
    try:
        text = data.decode(json.detect_encoding(data), "surrogatepass")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    marks = CONTENT.sub("", text)
    depth = accumulate({"[": 1, "{": 1, ",": 0}.get(mark, -1) for mark in marks[:MAX_VALUES])
    if len(marks) > MAX_VALUES or max(depth, default=0) > MAX_DEPTH:
        raise NotebookError(f"{name} no es un cuaderno de Jupyter: tiene demasiadas partes")
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        raise NotebookError(
            f"{name} no es un cuaderno de Jupyter o está dañado: descárgalo de nuevo en .ipynb"
        ) from None
    return normalise(notebook, name)


def normalise(notebook, name="El archivo"):
    """El mismo cuaderno, con la forma que se espera aquí; NotebookError si no la tiene."""
    notebook = notebook if isinstance(notebook, dict) else {}
    cells = notebook.get("cells", sheets(notebook))
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise NotebookError(f"{name} no es un cuaderno de Jupyter con formato 4: guárdalo de nuevo")
    if len(cells) > MAX_CELLS:
        raise NotebookError(f"{name} tiene más de {MAX_CELLS} celdas: borra las que sobran")
    return {**notebook, "cells": [normalise_cell(cell) for cell in cells]}


def sheets(notebook):
    """Celdas de un cuaderno con formato 3, que las reparte en hojas; None si no las tiene."""
    found = notebook.get("worksheets")
    found = [sheet for sheet in found if isinstance(sheet, dict)] if isinstance(found, list) else []
    parts = [sheet.get("cells") for sheet in found]
    return [cell for part in parts if isinstance(part, list) for cell in part] or None


def normalise_cell(cell):
    source = cell.get("source") or cell.get("input") or ""  # `input`, en el formato 3
    metadata = cell.get("metadata")
    metadata = dict(metadata) if isinstance(metadata, dict) else {}
    nbgrader = metadata.get("nbgrader")
    if not (isinstance(nbgrader, dict) and isinstance(nbgrader.get("grade_id"), str)):
        metadata.pop("nbgrader", None)
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    kind = str(cell.get("cell_type") or "raw")
    return {**cell, "cell_type": kind, "source": text, "metadata": metadata}


def cells_of(notebook):
    """Celdas de código de un cuaderno, en orden, cada una con su papel y su ejercicio."""
    return [cell for cell in every_cell(notebook) if cell.type == "code"]


def every_cell(notebook):
    """Lo mismo con todas las celdas, también las de texto."""
    exercise, cells = "", []
    for position, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "markdown":
            headings = HEADING.findall(cell["source"])
            exercise = headings[-1].strip() if headings else exercise
        cells.append(read_cell(cell, exercise, position))
    return cells


def read_cell(cell, exercise, position):
    data, text = cell["metadata"].get("nbgrader", {}), cell["source"]
    if data.get("solution"):
        kind = "answer"
    elif data.get("grade"):
        kind = "check"
    else:
        kind = "setup" if data.get("locked") else "extra"
    return Cell(
        id=data.get("grade_id", ""),
        kind=kind,
        text=text,
        points=points_of(data),
        exercise=exercise,
        names=frozenset(filter(None, (name for pair in DEFINED.findall(text) for name in pair))),
        edited=kind in ("setup", "check") and data.get("checksum", "") not in ("", checksum(cell)),
        position=position,
        type=cell["cell_type"],
    )


def points_of(data):
    """Puntos de los metadatos de nbgrader; 0 si no son un número."""
    points = data.get("points")
    return float(points) if isinstance(points, int | float) else 0.0


def checksum(cell):
    """Suma de una celda como la calcula nbgrader al generar los ejercicios (compute_checksum)."""
    data = cell["metadata"]["nbgrader"]
    grade, solution = bool(data.get("grade")), bool(data.get("solution"))
    locked = not solution and (grade or bool(data.get("locked")))
    parts = [cell["source"], cell["cell_type"], grade, solution, locked, data["grade_id"]]
    if grade:
        parts.append(points_of(data))
    text = "".join(map(str, parts)).encode(errors="replace")  # medio emoji no cabe en UTF-8
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def stated_points(notebook):
    """Puntos que el enunciado de cada ejercicio escribe en negrita: `**3 puntos**`."""
    stated = {}
    for cell in notebook["cells"]:
        headings, points = HEADING.findall(cell["source"]), STATED.findall(cell["source"])
        if cell.get("cell_type") == "markdown" and headings and points:
            stated[headings[-1].strip()] = float(points[0])
    return stated


@lru_cache(500)
def parameters(text):
    """Respuestas que pide la comprobación de una celda; None si la celda no tiene `@check`."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and "check" in map(ast.unparse, node.decorator_list):
            return frozenset(arg.arg for arg in node.args.args) - {"rng"}
    return None


def compile_cell(text, name):
    """Código de una celda; si tiene líneas de IPython (`%`, `!`, `?`), se saltan."""
    filename = f"<{name}>"
    try:
        code = compile(text, filename, "exec")
    except SyntaxError:
        code = compile(MAGIC.sub(r"\1pass", text), filename, "exec")
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    return code
