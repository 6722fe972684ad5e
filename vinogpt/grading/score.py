"""De un cuaderno entregado a sus puntos: las respuestas en otro proceso, las pruebas en este.

Del cuaderno entregado solo cuenta el texto de las celdas de respuesta; lo demás es del original.
Cada comprobación dice en sus parámetros qué respuestas necesita. Para ella se ejecutan, en orden:

- las celdas de preparación (bloqueadas y sin puntos) anteriores a la comprobación;
- las celdas de respuesta de los mismos ejercicios, hasta la última que necesita; si ninguna define
  lo que pide, todas las del ejercicio de la comprobación que la preceden.

El proceso se conserva mientras hagan falta las mismas celdas; si muere, se arranca otro.
"""

import io
from contextlib import redirect_stdout
from functools import partial
from typing import NamedTuple

from vinogpt.check import CheckFailed, Remote, check
from vinogpt.grading.notebook import NotebookError, cells_of, compile_cell, parameters
from vinogpt.grading.process import Child


class Result(NamedTuple):
    """Puntos de una comprobación; `reason` está vacía si se cumple."""

    grade_id: str
    points: float
    max_points: float
    reason: str


def grade_notebook(submitted, source, seed=0, seconds=30, start=Child):
    """Un `Result` por comprobación de `source`, con las respuestas de `submitted`.

    Ambos son cuadernos de `read_notebook`; `seed` (entero ≥ 0) elige los datos al azar; `seconds`
    limita cada comprobación; `start()` arranca el proceso del alumno. Lanza NotebookError si falla
    una celda de preparación o una de comprobación no tiene `@check`.
    """
    cells = with_answers(cells_of(source), cells_of(submitted))
    scorer = Scorer(cells, seed, seconds, start)
    try:
        return [scorer.grade(cell) for cell in cells if cell.kind == "check"]
    finally:
        scorer.close()


def with_answers(cells, submitted):
    """Las celdas del original con el texto del alumno en las de respuesta."""
    asked = set().union(*(parameters(cell.text) or () for cell in cells if cell.kind == "check"))
    return [
        cell._replace(text=answer(cell.id, cell.names & asked, submitted))
        if cell.kind == "answer"
        else cell
        for cell in cells
    ]


def answer(grade_id, names, submitted):
    """Texto de una respuesta: la celda con su identificador o, si no define `names`, otra que sí.

    Entre varias vale la última, como al ejecutar el cuaderno de arriba abajo.
    """
    own = [cell for cell in submitted if cell.id == grade_id]
    for candidates in (own, submitted):
        defining = [cell for cell in candidates if names and names <= cell.names]
        if defining:
            return defining[-1].text
    return own[-1].text if own else ""


class Scorer:
    """Ejecuta comprobaciones aquí y respuestas en un proceso aparte."""

    def __init__(self, cells, seed, seconds, start):
        self.cells, self.seed, self.seconds, self.start = cells, seed, seconds, start
        self.child, self.replayed, self.broken = None, None, {}
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
        try:
            child = self.child_for(cell)
            bound = partial(check, home=Remote(child, self.seed))
            with child.limit(self.seconds), redirect_stdout(io.StringIO()):
                exec(compile_cell(cell.text, cell.id), {**self.namespace, "check": bound})
        except CheckFailed as failure:
            return Result(cell.id, 0.0, cell.points, failure.args[0])
        return Result(cell.id, cell.points, cell.points, "")

    def child_for(self, cell):
        """Proceso que ya ha ejecutado las celdas que necesita la comprobación."""
        needed = self.needed(cell)
        if needed in self.broken:
            raise CheckFailed(self.broken[needed])
        if needed != self.replayed or self.child.dead:
            self.close()
            self.child, self.replayed = self.start(), needed
            with self.child.limit(self.seconds):
                self.replay(needed)
        return self.child

    def needed(self, cell):
        """Celdas que se ejecutan para una comprobación (regla al principio del módulo)."""
        names = parameters(cell.text)
        if names is None:
            raise NotebookError(f"La celda {cell.id} no tiene ninguna función con @check")
        answers = [c for c in self.cells if c.kind == "answer"]
        last = {c.exercise: c.position for c in answers if names & c.names}
        if names - set().union(*(c.names for c in answers)):
            last[cell.exercise] = cell.position
        return tuple(
            c
            for c in self.cells
            if (c.kind == "setup" and c.position < cell.position)
            or (c.kind == "answer" and c.position <= last.get(c.exercise, -1))
        )

    def replay(self, cells):
        """Ejecuta las celdas; recuerda cuál mata el proceso para no repetirla."""
        for cell in cells:
            try:
                self.child.run(cell.id, cell.text)
            except CheckFailed as failure:
                self.broken[cells] = f"Celda `{cell.id}`: {failure}"
                raise CheckFailed(self.broken[cells]) from None

    def close(self):
        if self.child:
            self.child.close()
