"""Lectura de cuadernos de ejercicios: celdas de preparación, de respuesta y de comprobación."""

import ast
import hashlib
import json
import linecache
import re
from pathlib import Path
from typing import NamedTuple

HEADING = re.compile(r"(?m)^#{2,4} +(Ejercicio\b.*)$")
DEFINED = re.compile(r"(?m)^(?:async +)?(?:def|class) +(\w+)|^(\w+)(?: *:[^=\n]*)? *=(?!=)")
STATED = re.compile(r"\*\*(\d+(?:\.\d+)?) puntos?\*\*")
MAGIC = re.compile(r"(?m)^([ \t]*)(?:[%!?].*|[\w.]+\?{1,2}[ \t]*)$")


class NotebookError(ValueError):
    """Un archivo que no se puede leer como cuaderno; el mensaje dice qué hacer."""


class Cell(NamedTuple):
    """Celda de código con un papel: `setup`, `answer`, `check` o `extra`, la que añade el alumno.

    `names` son los nombres que define; `edited`, si una celda bloqueada ya no es la original.
    """

    id: str
    kind: str
    text: str
    points: float
    exercise: str
    names: frozenset
    edited: bool
    position: int


def read_notebook(path):
    """Cuaderno como diccionario, con el texto de cada celda en una sola cadena."""
    path = Path(path)
    try:
        notebook = json.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise NotebookError(f"No existe {path}: revisa la ruta y el nombre") from None
    except OSError as error:
        raise NotebookError(f"No se puede leer {path}: {error.strerror}") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise NotebookError(
            f"{path} no es un cuaderno de Jupyter o está dañado: descárgalo de nuevo en .ipynb"
        ) from None
    return normalise(notebook, path)


def normalise(notebook, path="El archivo"):
    """El mismo cuaderno, con la forma que se espera aquí; NotebookError si no la tiene."""
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise NotebookError(f"{path} no es un cuaderno de Jupyter con formato 4: guárdalo de nuevo")
    return {**notebook, "cells": [normalise_cell(cell) for cell in cells]}


def normalise_cell(cell):
    source, metadata = cell.get("source", ""), cell.get("metadata")
    metadata = dict(metadata) if isinstance(metadata, dict) else {}
    nbgrader = metadata.get("nbgrader")
    if not (isinstance(nbgrader, dict) and isinstance(nbgrader.get("grade_id"), str)):
        metadata.pop("nbgrader", None)
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    return {**cell, "source": text.replace("\r\n", "\n"), "metadata": metadata}


def cells_of(notebook):
    """Celdas de código de un cuaderno, en orden, cada una con su papel y su ejercicio."""
    exercise, cells = "", []
    for position, cell in enumerate(notebook["cells"]):
        if cell.get("cell_type") == "markdown":
            headings = HEADING.findall(cell["source"])
            exercise = headings[-1].strip() if headings else exercise
        elif cell.get("cell_type") == "code":
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


def parameters(text):
    """Respuestas que pide la comprobación de una celda; None si la celda no tiene `@check`."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and "check" in map(ast.unparse, node.decorator_list):
            return {arg.arg for arg in node.args.args} - {"rng"}
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
