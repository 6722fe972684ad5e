"""De las celdas de una entrega a sus puntos: las respuestas en otro proceso, las pruebas en este.

Del cuaderno entregado solo cuenta el texto de las celdas de respuesta; lo demás es del original.
Cada comprobación dice en sus parámetros qué respuestas necesita. Para ella se ejecutan, en orden:

- las celdas de preparación (bloqueadas y sin puntos) anteriores a la comprobación;
- las celdas de respuesta de los mismos ejercicios, hasta la última que necesita; si ninguna define
  lo que pide, todas las del ejercicio de la comprobación que la preceden.

El proceso se conserva mientras hagan falta las mismas celdas; si muere, se arranca otro.
"""

import io
import re
from contextlib import redirect_stdout
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from vinogpt.check import CheckFailed, Remote, check
from vinogpt.grading.notebook import NotebookError, compile_cell, every_cell, parameters
from vinogpt.grading.process import Child
from vinogpt.grading.rebuild import with_answers

MODULES = {path.stem: path for path in Path(__file__).parents[1].glob("*.py")}
HURRY = 6  # veces menos tiempo tras una comprobación que acaba con el proceso
IMPORT = re.compile(r"(?m)^[ \t]*(?:import|from)\b.*")


class Result(NamedTuple):
    """Puntos de una comprobación; `reason` está vacía si se cumple.

    `stalled`: la detiene el reloj y no su consumo; puede ser culpa de un equipo cargado.
    """

    grade_id: str
    points: float
    max_points: float
    reason: str
    stalled: bool = False


def start_local(heavy):
    """Proceso del alumno sin aislar; `heavy` da igual: no hay nada cargado de antemano."""
    return Child()


def grade_notebook(submitted, source, seed=0, seconds=30, start=start_local):
    """`grade_cells` con las respuestas de `submitted`; ambos, cuadernos de `read_notebook`."""
    cells = with_answers(every_cell(source), every_cell(submitted))
    return grade_cells(cells, None, seed, start, seconds)


def grade_cells(cells, only=None, seed=0, start=start_local, seconds=30):
    """Un `Result` por comprobación de `cells`, las del original con las respuestas del alumno.

    `only` son los identificadores de las que se ejecutan (None: todas); `seed` (entero ≥ 0) elige
    los datos al azar; `start(heavy)` arranca el proceso del alumno, con TensorFlow ya cargado si
    `heavy`; `seconds` limita cada comprobación. Lanza NotebookError si falla una celda de
    preparación o una de comprobación no tiene `@check`.
    """
    scorer = Scorer(cells, seed, seconds, start)
    checks = [cell for cell in cells if cell.kind == "check"]
    try:
        return [scorer.grade(cell) for cell in checks if only is None or cell.id in only]
    finally:
        scorer.close()


def needed(cells, check):
    """Celdas que se ejecutan antes de la comprobación `check` (regla al principio del módulo)."""
    names = parameters(check.text)
    if names is None:
        raise NotebookError(f"La celda {check.id} no tiene ninguna función con @check")
    answers = [cell for cell in cells if cell.kind == "answer"]
    last = {cell.exercise: cell.position for cell in answers if names & cell.names}
    if names - set().union(*(cell.names for cell in answers)):
        last[check.exercise] = check.position
    return tuple(
        cell
        for cell in cells
        if (cell.kind == "setup" and cell.position < check.position)
        or (cell.kind == "answer" and cell.position <= last.get(cell.exercise, -1))
    )


def is_heavy(cells):
    """¿Importa alguna celda TensorFlow o Keras, ella misma o a través de este paquete?"""
    pending, seen = set().union(*(imported(cell.text) for cell in cells)), set()
    while pending:
        name = pending.pop()
        seen.add(name)
        pending |= imported_by(name) - seen
    return not seen.isdisjoint(("tensorflow", "keras"))


def imported(text):
    """Palabras de las líneas de import de un texto."""
    return {word for line in IMPORT.findall(text) for word in re.findall(r"\w+", line)}


@cache
def imported_by(name):
    """Lo mismo, de un módulo de este paquete; nada si no lo es."""
    return imported(MODULES[name].read_text("utf-8")) if name in MODULES else set()


class Scorer:
    """Ejecuta comprobaciones aquí y respuestas en un proceso aparte."""

    def __init__(self, cells, seed, seconds, start):
        self.cells, self.seed, self.seconds, self.start = cells, seed, seconds, start
        self.child, self.replayed, self.broken, self.slow = None, None, {}, set()
        self.namespace = {"__name__": "__main__"}
        for cell in cells:
            if cell.kind == "setup":
                self.prepare(cell)

    def prepare(self, cell):
        """Ejecuta aquí una celda de preparación, que define lo que usan las comprobaciones."""
        try:
            with redirect_stdout(io.StringIO()):
                exec(compile_cell(cell.text, cell.id), self.namespace)
        except Exception as error:
            fault = f"La celda bloqueada `{cell.id}` falla con {type(error).__name__}: {error}"
            raise NotebookError(fault) from error

    def grade(self, cell):
        """`Result` de una celda de comprobación."""
        cells = needed(self.cells, cell)
        if cells in self.broken:
            return Result(cell.id, 0.0, cell.points, *self.broken[cells])
        try:
            child = self.child_for(cells)
            bound = partial(check, home=Remote(child, self.seed))
            seconds = self.seconds / HURRY if cells in self.slow else self.seconds
            with child.limit(seconds), redirect_stdout(io.StringIO()):
                exec(compile_cell(cell.text, cell.id), {**self.namespace, "check": bound})
        except CheckFailed as failure:
            if self.child.dead:
                self.slow.add(cells)
            return Result(cell.id, 0.0, cell.points, failure.args[0], self.child.stalled)
        return Result(cell.id, cell.points, cell.points, "")

    def child_for(self, cells):
        """Proceso que ya ha ejecutado las celdas; CheckFailed si alguna lo mata."""
        if cells != self.replayed or self.child.dead:
            self.close()
            self.child, self.replayed = self.start(is_heavy(cells)), cells
            with self.child.limit(self.seconds):
                self.replay(cells)
        return self.child

    def replay(self, cells):
        """Ejecuta las celdas; recuerda cuál mata el proceso para no repetirla."""
        for cell in cells:
            try:
                self.child.run(cell.id, cell.text)
            except CheckFailed as failure:
                reason = f"Celda `{cell.id}`: {failure}"
                self.broken[cells] = reason, self.child.stalled
                raise CheckFailed(reason) from None

    def close(self):
        if self.child:
            self.child.close()
