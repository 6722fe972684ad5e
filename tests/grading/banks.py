"""Los bancos de respuestas de `tests/answers`, junto a la tarea de la que cada uno responde."""

import ast
import importlib.util
import inspect
import random
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vinogpt.check import CheckFailed, Local, check
from vinogpt.grading.notebook import cells_of, parameters, read_notebook

ROOT = Path(__file__).resolve().parents[2]
STEMS = sorted(path.name for path in (ROOT / "solutions").iterdir())


class Assignment(NamedTuple):
    """Una tarea: su original, sus celdas, las respuestas del original y su banco."""

    stem: str
    source: dict
    cells: tuple
    model: dict
    bank: object

    @property
    def checks(self):
        return [cell for cell in self.cells if cell.kind == "check"]

    @property
    def exercises(self):
        """Las comprobaciones de cada ejercicio, en orden."""
        groups = {}
        for cell in self.checks:
            groups.setdefault(cell.exercise, []).append(cell)
        return groups


def load(path):
    """Un archivo de Python como módulo: el nombre de un banco empieza por una cifra."""
    spec = importlib.util.spec_from_file_location("answers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def assignment(stem):
    """La tarea `stem`, con su banco."""
    source = read_notebook(ROOT / "solutions" / stem / f"{stem}.ipynb")
    cells, model = tuple(cells_of(source)), {}
    for cell in cells:
        if cell.kind == "answer" or cell.id == "imports":
            exec(cell.text, model)
    bank = load(ROOT / "tests" / "answers" / f"{stem}.py")
    return Assignment(stem, source, cells, model, bank)


def name_of(answer):
    """La función a la que responde: `bpe_encode__by_cuts` es una respuesta de `bpe_encode`."""
    return answer.__name__.split("__")[0]


def exercise_of(task, name):
    """El ejercicio, que es uno solo, cuyas comprobaciones piden la función `name`."""
    [exercise] = {cell.exercise for cell in task.checks if name in parameters(cell.text)}
    return exercise


def failed(task, checks, answers, seed=0):
    """Identificadores de las comprobaciones que no se cumplen con las respuestas dadas."""
    home = Local({**task.model, **answers}, seed)
    names = []
    for cell in checks:
        try:
            exec(cell.text, {"np": np, **task.model, "check": lambda test: check(test, home)})
        except CheckFailed:
            names.append(cell.id)
    return names


def submission_with(task, answer):
    """El original con una respuesta del banco en lugar de la suya."""
    added = f"{inspect.getsource(task.bank)}\n\n{name_of(answer)} = {answer.__name__}\n"
    return with_text(task, name_of(answer), lambda text: f"{text}\n\n{added}")


def with_text(task, name, change):
    """El original con el texto de la celda que define `name` cambiado por `change`."""
    cells = [
        {**cell, "source": change(cell["source"])} if name in defined_in(cell) else cell
        for cell in task.source["cells"]
    ]
    return {**task.source, "cells": cells}


def defined_in(cell):
    """Las funciones que define una celda de respuesta; ninguna si es de otra clase o de texto."""
    answer = cell["metadata"].get("nbgrader", {}).get("solution")
    if not answer or cell["cell_type"] != "code":
        return []
    return [node.name for node in ast.parse(cell["source"]).body if hasattr(node, "name")]


# --- Mutantes ----------------------------------------------------------------------------------

SWAPS = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div, ast.Add],
    ast.Div: [ast.Mult],
    ast.FloorDiv: [ast.Mult],
    ast.Mod: [ast.FloorDiv],
    ast.Pow: [ast.Mult],
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.And: [ast.Or],
    ast.Or: [ast.And],
}
NAMES = {
    "min": "max",
    "minimum": "maximum",
    "argmin": "argmax",
    "sum": "mean",
    "mean": "sum",
    "cumsum": "cumprod",
    "zeros": "ones",
    "zeros_like": "ones_like",
    "log": "exp",
    "sqrt": "square",
    "any": "all",
}
NAMES |= {new: old for old, new in NAMES.items() if new not in NAMES}


def mutants(text):
    """Cada cambio pequeño de un programa: pares de descripción y texto nuevo, sin repetir."""
    seen = {ast.unparse(ast.parse(text))}
    for n, node in enumerate(ast.walk(ast.parse(text))):
        for field, value in changes(node):
            tree = ast.parse(text)
            target = list(ast.walk(tree))[n]
            before = ast.unparse(target) if hasattr(target, "lineno") else type(target).__name__
            setattr(target, field, value)
            mutant = ast.unparse(ast.fix_missing_locations(tree))
            if mutant not in seen:
                seen.add(mutant)
                line = getattr(node, "lineno", "?")
                yield f"línea {line}: {before!r}, {field} = {shown(value)}", mutant


def changes(node):
    """Los cambios de un nodo: el campo y su valor nuevo."""
    match node:
        case ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.BoolOp(op=op):
            yield from (("op", new()) for new in SWAPS.get(type(op), []))
        case ast.Compare(ops=[op]):
            yield from (("ops", [new()]) for new in SWAPS.get(type(op), []))
        case ast.Constant(value=bool(value)):
            yield "value", not value
        case ast.Constant(value=int(value)):
            yield from (("value", value + step) for step in (1, -1))
        case ast.Constant(value=float(value)):
            yield from (("value", new) for new in (2 * value, 1.0 - value))
        case ast.UnaryOp(op=ast.USub()):
            yield "op", ast.UAdd()
        case ast.If() | ast.IfExp() | ast.While():
            yield "test", ast.UnaryOp(ast.Not(), node.test)
        case ast.Attribute(attr=name) if name in NAMES:
            yield "attr", NAMES[name]
        case ast.Call(func=ast.Name(id=name)) if name in NAMES:
            yield "func", ast.Name(NAMES[name])
    for field in ("body", "orelse"):
        yield from shortened(field, getattr(node, field, []))


def shortened(field, body):
    """Un bloque sin una de sus instrucciones, si sigue siendo un programa."""
    for i, line in enumerate(body if isinstance(body, list) else []):
        if isinstance(line, ast.AugAssign | ast.Expr | ast.If | ast.For) and not is_docstring(line):
            yield field, [*body[:i], ast.Pass(), *body[i + 1 :]]


def is_docstring(line):
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


def shown(value):
    """Cómo se lee un cambio en una lista de mutantes."""
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(value, list):
        return "sin una instrucción"
    if isinstance(value, ast.AST):
        return ast.unparse(value) if isinstance(value, ast.expr) else type(value).__name__
    return repr(value)


def some_mutants(task, name, most):
    """Como mucho `most` mutantes de la celda del original que define `name`, siempre los mismos."""
    [text] = [cell["source"] for cell in task.source["cells"] if name in defined_in(cell)]
    found = list(mutants(text))
    return random.Random(name).sample(found, min(most, len(found)))
