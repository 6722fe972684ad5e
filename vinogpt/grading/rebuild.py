"""Reconstruye una entrega: las celdas del original con el texto del alumno en las respuestas.

Nada del alumno entra en una celda de preparación o de comprobación. Sus respuestas se buscan así:

- Una respuesta de código, por los nombres que le piden las comprobaciones. Vale lo que valdría al
  ejecutar el cuaderno de arriba abajo: la última celda que define el nombre en su apartado, hasta
  la última comprobación. Si no la hay, la que tiene su identificador o, en su defecto, la última
  del cuaderno. Una función que aún lanza NotImplementedError solo cuenta a falta de otra.
- Si usa nombres que no definen ni ella, ni las celdas de preparación, ni las respuestas anteriores
  de su apartado, se le antepone lo que los define en otras celdas del alumno, y nada más de ellas.
- Una respuesta de texto, o de código sin nombres, por su identificador. Si falta o sigue sin
  hacer, por su posición: las celdas que el alumno añade a ese apartado.

El código del alumno se analiza y no se ejecuta. De una celda que no es Python, o que pasa de
`MAX_TEXT` caracteres, solo se conocen los nombres que define al margen izquierdo; si todas juntas
pasan de `MAX_TOTAL`, no se busca en ellas lo que usa una respuesta.
"""

import ast
import builtins
import re
import symtable
import warnings
from collections import defaultdict
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

from vinogpt.grading.notebook import HEADING, MAGIC, parameters

MAX_TEXT, MAX_TOTAL = 15_000, 100_000
STUB = "Escribe aquí tu respuesta."  # lo que publica nbgrader en una respuesta de texto
INVALID = (SyntaxError, ValueError, RecursionError, MemoryError)  # no se puede analizar
PATH = (ast.Attribute, ast.Subscript)
UNDONE = "raise NotImplementedError"
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Statement(NamedTuple):
    """Instrucción exterior de una celda, con los nombres que define o modifica y los que usa."""

    position: int
    text: str
    binds: frozenset
    uses: frozenset


def with_answers(source, submitted):
    """Celdas de código de `source` con el texto del alumno en las de respuesta."""
    return rebuild(source, submitted)[0]


def rebuild(source, submitted):
    """Celdas reconstruidas, texto de cada respuesta por su identificador y avisos en español.

    `source` y `submitted` son listas de `every_cell`; sin respuestas de texto, basta `cells_of`.
    """
    asked = [(c.exercise, parameters(c.text) or set()) for c in source if c.kind == "check"]
    owned = set().union(*(cell.names for cell in source if cell.kind == "answer"))
    answers, repairs = {}, defaultdict(list)
    for cell in source:
        if cell.kind != "answer":
            continue
        wanted = [names & cell.names for _, names in asked]
        if all(other.exercise != cell.exercise for other in source if other.id in answers):
            wanted += [names - owned for exercise, names in asked if exercise == cell.exercise]
        found = find(cell, set().union(*wanted), source, submitted)
        text = "\n\n".join(piece.text for piece in found)
        before = context(cell, text, found, source, submitted, answers)
        answers[cell.id] = "\n".join([*before, text])
        for what in repairs_of(cell, found, before, submitted):
            repairs[what].append(cell.id)
    cells = [c for c in source if c.type == "code"]
    cells = [c._replace(text=answers[c.id]) if c.kind == "answer" else c for c in cells]
    notes = [f"Respuestas {', '.join(ids)}: {what}." for what, ids in repairs.items()]
    return tuple(cells), answers, tuple(notes)


def repairs_of(cell, found, before, submitted):
    """Qué hubo que reparar para leer una respuesta."""
    if not found:
        yield "no aparecen en el cuaderno"
    elif any(piece.id != cell.id for piece in found):
        yield "no están en su celda original y se han encontrado en otra"
    elif sum(other.id == cell.id for other in submitted) > 1:
        yield "su celda está repetida y cuenta la última que la define"
    if before:
        yield "usan lo que defines en otras celdas, que también se ejecuta"


# --- Dónde está cada respuesta ---------------------------------------------------------------


def find(cell, names, source, submitted):
    """Celdas del alumno que forman la respuesta `cell`, en orden; pocas veces más de una."""
    own = [other for other in submitted if other.id == cell.id]
    place = own[-1].exercise if own else cell.exercise
    here = [other for other in submitted if other.exercise == place]
    last = max((c.position for c in here if is_check(c) or c.id == cell.id), default=-1)
    near = {c.position for c in here if c.position <= last}
    found = {definition(name, cell.id, near, submitted) for name in names} - {None}
    if not found:
        own = [other for other in own if other.text.strip() not in ("", STUB)]
        found = own[-1:] or added(cell, source, submitted)
    return sorted(found, key=lambda piece: piece.position)


def is_check(cell):
    return cell.kind == "check" or "@check" in cell.text


def definition(name, grade_id, near, submitted):
    """La celda donde vale la definición de `name`; None si nadie lo define."""
    cells = [cell for cell in submitted if name in cell.names]
    cells = [cell for cell in cells if cell.type == "code"] or cells
    done = [cell for cell in cells if not is_stub(cell.text, name)] or cells
    close = [cell for cell in done if cell.position in near]
    own = [cell for cell in done if cell.id == grade_id]
    return (close or own or done or [None])[-1]


def is_stub(text, name):
    """¿Sigue sin hacer la función `name`?"""
    block = rf"(?m)^(?:async +)?def +{name}\b.*(?:\n(?:[ \t)#].*)?)*+"
    return UNDONE in text and UNDONE in "".join(re.findall(block, text)[-1:])


def added(cell, source, submitted):
    """Celdas que el alumno añade al apartado de `cell` y le tocan por su posición."""
    texts = {other.text.strip() for other in source} | {"", STUB}
    free = [
        other
        for other in submitted
        if other.exercise == cell.exercise and other.kind == "extra" and not is_check(other)
        if (other.type == "code") == (cell.type == "code")
        if other.text.strip() not in texts and not HEADING.search(other.text)
    ]
    peers = [c for c in source if c.kind == "answer" and c.exercise == cell.exercise]
    peers = [c for c in peers if c.type == cell.type]
    turn = peers.index(cell)
    return free[turn:] if cell == peers[-1] else free[turn : turn + 1]


# --- Qué necesita de otras celdas ------------------------------------------------------------


def context(cell, text, pieces, source, submitted, answers):
    """Instrucciones de otras celdas que definen lo que usa una respuesta de código, en orden."""
    bound, used = names_in(text)
    known = names_before(cell, source, answers)
    missing = set(used - known - bound) if cell.type == "code" else set()
    taken = {piece.position for piece in pieces}
    others = [c for c in submitted if c.type == "code" and c.position not in taken]
    others = others if missing and sum(len(c.text) for c in others) <= MAX_TOTAL else []
    statements, defining = [s for other in others for s in statements_of(other)], defaultdict(list)
    for i, statement in enumerate(statements):
        for name in statement.binds:
            defining[name].append(i)
    last = max((c.position for c in submitted if c.exercise == cell.exercise), default=-1)
    chosen = set()
    while missing:
        name = missing.pop()
        known.add(name)
        found = defining.get(name) or defining.pop("*", [])
        near = [i for i in found if statements[i].position <= last] or found
        missing |= set().union(*(statements[i].uses for i in near)) - known
        chosen.update(near)
    return [statements[i].text for i in sorted(chosen)]


def names_before(cell, source, answers):
    """Nombres que ya existen cuando se ejecuta una respuesta."""
    known = {*dir(builtins), "__name__", "display"}
    for other in source:
        if other.kind == "setup" and other.type == "code":
            known |= names_in(other.text)[0]
        elif other.kind == "answer" and other.exercise == cell.exercise:
            known |= names_in(answers.get(other.id, ""))[0]
    return known


def statements_of(cell):
    """Las instrucciones exteriores de una celda; las de un mismo renglón, juntas."""
    code, spans = readable(cell.text), {}
    for node in ast.parse(code).body:
        parts = [node, *getattr(node, "decorator_list", [])]
        span = min(part.lineno for part in parts), node.end_lineno
        spans.setdefault(span, []).append(node)
    for (first, last), nodes in spans.items():
        text = "\n".join(code.split("\n")[first - 1 : last])
        binds, uses = names_in(text)
        uses = uses.difference(*map(loop_names, nodes))
        yield Statement(cell.position, text, binds.union(*map(modified, nodes)), uses)


def loop_names(node):
    """Nombres que da el propio `for`: nadie más tiene que definirlos."""
    if not isinstance(node, ast.For):
        return set()
    target, source = (
        {name.id for name in ast.walk(part) if isinstance(name, ast.Name)}
        for part in (node.target, node.iter)
    )
    return target - source


def modified(node):
    """Nombres cuyo valor cambia una instrucción: `x[i] = …`, `x.a = …`, `x.append(…)`, o `*`."""
    names = set()
    for part in () if isinstance(node, DEFINITIONS) else ast.walk(node):
        root = part.func if isinstance(part, ast.Call) else part
        if isinstance(root, PATH) and not (root is part and isinstance(part.ctx, ast.Load)):
            while isinstance(root, PATH):
                root = root.value
            names.add(getattr(root, "id", ""))
        if isinstance(part, ast.alias) and part.name == "*":
            names.add("*")
    return names


@lru_cache(200)
def names_in(text):
    """Nombres que un texto define al margen y nombres globales que usa, también dentro."""
    try:
        tables = [symtable.symtable(readable(text), "", "exec")]
    except INVALID:
        return frozenset(), frozenset()
    bound = {s.get_name() for s in tables[0].get_symbols() if s.is_assigned() or s.is_imported()}
    used = {s.get_name() for s in tables[0].get_symbols() if s.is_referenced()}
    for table in tables:
        used |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
        tables.extend(table.get_children())
    return frozenset(bound), frozenset(used)


def readable(text):
    """El texto, sin las líneas de IPython si las tiene; vacío si no se puede analizar."""
    for attempt in (text, MAGIC.sub(r"\1pass", text)) if len(text) <= MAX_TEXT else ():
        with suppress(*INVALID), warnings.catch_warnings(action="ignore"):
            ast.parse(attempt)
            return attempt
    return ""
