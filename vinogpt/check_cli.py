"""uso: python -m vinogpt check NOTEBOOK [--out FILE]

Ejecuta las comprobaciones visibles de un cuaderno de ejercicios, dice qué falta y escribe el
archivo que se entrega (si falta --out, en la carpeta entrega/, junto al cuaderno).

Código de salida: 0 si todas se cumplen, 1 si alguna no, 2 si el cuaderno no se puede leer.
"""

import ast
import json
import os
import re
import sys
import textwrap
from collections import defaultdict
from itertools import groupby
from pathlib import Path

from vinogpt.grading.notebook import (
    NotebookError,
    cells_of,
    parameters,
    read_notebook,
    stated_points,
)
from vinogpt.grading.score import grade_notebook

OUTPUT_LIMIT = 1_000_000  # bytes de salidas que admite el archivo de entrega
SECONDS = 10  # lo que puede tardar una comprobación; las visibles tardan menos de 2
COPY_NAME = re.compile(r"^(?:Copia de |Copy of )+|[ _]?\(\d+\)$")
MODIFIED = "La celda está modificada y no se ejecuta: recupera la del cuaderno original."
NO_CHECKS = (
    "no tiene comprobaciones. Si tu editor ha borrado los metadatos de las celdas, copia tus "
    "respuestas en el cuaderno original, el de exercises/"
)
ONLY_ANSWERS = (
    "Al corregir solo se ejecutan las celdas bloqueadas, las de respuesta y lo que estas usan de "
    "otras celdas tuyas."
)


def main(argv):
    """Comprueba el cuaderno que nombra `argv` y devuelve el código de salida."""
    sys.stdout.reconfigure(errors="replace")  # una terminal puede no tener todos los signos
    match argv:
        case ["-h" | "--help"]:
            print(__doc__)
            return 0
        case [path] if not path.startswith("-"):
            out = hand_in_path(Path(path))
        case [path, "--out", out] | ["--out", out, path]:
            out = Path(out)
        case _:
            return fail(__doc__.partition("\n")[0])
    try:
        return report(Path(path), out)
    except NotebookError as error:
        return fail(str(error))
    except SyntaxError as error:
        return fail(f"Una celda de comprobación no es Python válido: {error.msg}")
    except BrokenPipeError:  # quien lee la salida ya tiene bastante: ... | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return fail(f"No se puede escribir en {error.filename}: {error.strerror}")


def fail(message):
    """Escribe el error en una línea y devuelve 2."""
    print(f"python -m vinogpt check: {message}", file=sys.stderr)
    return 2


def hand_in_path(path):
    """`entrega/NAME.ipynb`, sin lo que el navegador o Colab añaden al copiar un archivo."""
    return path.parent / "entrega" / (COPY_NAME.sub("", path.stem) + ".ipynb")


def report(path, out):
    """Imprime la tabla y los avisos, escribe la entrega; devuelve 0 o 1."""
    original = read_notebook(path)
    notebook, notes = without_copies(original)
    cells = cells_of(notebook)
    checks = [cell for cell in cells if cell.kind == "check"]
    if not checks:
        raise NotebookError(f"{path} {NO_CHECKS}")
    if out.resolve() == path.resolve():
        raise NotebookError(f"{out} es tu cuaderno: elige otro nombre para la entrega")
    reasons = run_checks(notebook, checks)
    print_table(checks, reasons)
    notebook, size_notes = without_large_outputs(notebook)
    for note in dict.fromkeys([*notes, *warnings(notebook, cells), *size_notes]):
        print(paragraph("⚠ ", note))
    print(next_step(checks, reasons, path))
    out.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"
    out.write_text(text, encoding="utf-8", errors="replace")  # medio emoji no cabe en UTF-8
    print(f"\nArchivo de entrega: {out}")
    return int(any(reasons[cell] for cell in checks if cell.points))


def without_copies(notebook):
    """El cuaderno con una sola celda por identificador, y un aviso por cada repetido.

    De las copias de una respuesta queda la última que la define; de una celda bloqueada, la última
    sin modificar. Las demás siguen en su sitio, sin identificador.
    """
    cells, copies = cells_of(notebook), defaultdict(list)
    asked = set().union(*(parameters(cell.text) or () for cell in cells if is_visible(cell)))
    rank = {cell.position: (not cell.edited, bool(cell.names & asked)) for cell in cells}
    for position, cell in enumerate(notebook["cells"]):
        if "nbgrader" in cell["metadata"]:
            copies[cell["metadata"]["nbgrader"]["grade_id"]].append(position)
    kept = {max(own, key=lambda i: (rank.get(i, ()), i)) for own in copies.values()}
    notes = [
        f"La celda `{grade_id}` está repetida {len(own)} veces: solo cuenta una. Borra las copias."
        for grade_id, own in copies.items()
        if len(own) > 1
    ]
    unique = [
        cell if position in kept else {**cell, "metadata": without(cell["metadata"], "nbgrader")}
        for position, cell in enumerate(notebook["cells"])
    ]
    return {**notebook, "cells": unique}, notes


def without_large_outputs(notebook):
    """El cuaderno sin salidas si pasan de OUTPUT_LIMIT, y el aviso; al corregir no hacen falta."""
    sizes = [len(json.dumps(cell.get("outputs", []))) for cell in notebook["cells"]]
    if sum(sizes) <= OUTPUT_LIMIT:
        return notebook, []
    cells = [{**cell, "outputs": []} if "outputs" in cell else cell for cell in notebook["cells"]]
    largest = sizes.index(max(sizes)) + 1
    note = (
        f"Las salidas ocupan {sum(sizes) / 1e6:.1f} MB y la entrega va sin ellas. La mayor es la "
        f"de la celda {largest}: ¿imprimes demasiado?"
    )
    metadata = without(notebook.get("metadata", {}), "widgets")
    return {**notebook, "cells": cells, "metadata": metadata}, [note]


def without(mapping, key):
    return {name: value for name, value in mapping.items() if name != key}


def is_visible(cell):
    """Comprobación que se puede ejecutar: original y con código (las ocultas no lo llevan)."""
    return cell.kind == "check" and not cell.edited and bool(ast.parse(cell.text).body)


def run_checks(notebook, checks):
    """Por qué no se cumple cada comprobación: "" si se cumple, None si está oculta."""
    reasons = {cell: MODIFIED if cell.edited else None for cell in checks}
    visible = [cell for cell in checks if is_visible(cell)]
    skipped = {cell.position for cell in checks} - {cell.position for cell in visible}
    kept = [cell for i, cell in enumerate(notebook["cells"]) if i not in skipped]
    print(f"Comprobaciones: {len(visible)}. La que pase de {SECONDS} s se detiene.", flush=True)
    results = grade_notebook(notebook, {**notebook, "cells": kept}, seconds=SECONDS)
    reasons.update((c, result.reason) for c, result in zip(visible, results, strict=True))
    return reasons


def print_table(checks, reasons):
    """Cada ejercicio con sus puntos; cada comprobación con los suyos y por qué no se cumple."""
    for exercise, own in groupby(checks, key=lambda cell: cell.exercise):
        own = list(own)
        print(f"\n{exercise or 'Sin ejercicio'}: {tally(own, reasons)}")
        for cell in own:
            mark = {None: "·", "": "✔"}.get(reasons[cell], "✘")
            print(paragraph(f"  {mark} {cell.points:>3g}  ", title_of(cell)))
            hint = f"\n{ONLY_ANSWERS}" if "NameError" in (reasons[cell] or "") else ""
            for line in ((reasons[cell] or "") + hint).splitlines():
                print(paragraph("         ", line))
    print(f"\nTotal: {tally(checks, reasons)}\n")


def tally(checks, reasons):
    """Puntos obtenidos en lo visible y, si los hay, puntos de comprobaciones ocultas."""
    won = sum(cell.points for cell in checks if reasons[cell] == "")
    hidden = sum(cell.points for cell in checks if reasons[cell] is None)
    visible = sum(cell.points for cell in checks) - hidden
    if not visible + hidden:
        return "sin puntos"
    rest = f" y {hidden:g} ocultos" if hidden else ""
    return f"{won:g} de {visible:g} puntos visibles{rest}"


def title_of(cell):
    """Identificador y primera línea del docstring, o el comentario si está oculta."""
    if not is_visible(cell):
        return ": ".join([cell.id, *re.findall(r"(?m)\A# *(.+)$", cell.text)])
    test = next(node for node in ast.parse(cell.text).body if isinstance(node, ast.FunctionDef))
    return ": ".join([cell.id, *(ast.get_docstring(test) or "").splitlines()[:1]])


def paragraph(start, text):
    """Texto en renglones de hasta 92 caracteres, con sangría bajo su comienzo."""
    indent = " " * len(start)
    return textwrap.fill(
        text, 92, initial_indent=start, subsequent_indent=indent, break_long_words=False
    )


def next_step(checks, reasons, path):
    """El primer ejercicio con puntos pendientes y la orden que lo repasa, o la entrega."""
    pending = [cell for cell in checks if reasons[cell] and cell.points]
    if not pending:
        return "Siguiente paso: entrega el archivo. Todo lo visible que puntúa se cumple."
    where = pending[0].exercise or pending[0].id
    quoted = f'"{path}"' if " " in str(path) else path
    return (
        f"Siguiente paso: {where}. Tras cambiarlo, guarda y repite:\n"
        f"    python -m vinogpt check {quoted}"
    )


def warnings(notebook, cells):
    """Lo que al corregir puede dar una sorpresa, en frases."""
    for cell in cells:
        if cell.edited and cell.kind == "setup":
            yield f"La celda bloqueada `{cell.id}` está modificada: al corregir se usa la original."
    defined = set().union(*(cell.names for cell in cells))
    for cell in filter(is_visible, cells):
        for name in sorted(parameters(cell.text) - defined):
            yield f"Falta `{name}`: ninguna celda lo define ({cell.exercise})."
    for exercise, stated in stated_points(notebook).items():
        found = sum(c.points for c in cells if c.kind == "check" and c.exercise == exercise)
        if found < stated:
            yield (
                f"{exercise}: el enunciado da {stated:g} puntos y las comprobaciones suman "
                f"{found:g}. Falta alguna de sus celdas: cópiala del cuaderno original."
            )
