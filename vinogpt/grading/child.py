"""El proceso del alumno: ejecuta sus celdas y atiende llamadas. No contiene ninguna prueba.

Se arranca con `python -m vinogpt.grading.child`, también con `-I`. Habla por la entrada y la
salida estándar, que aparta antes de ejecutar nada: lo que imprima el alumno va a stderr.
"""

import os
import random
import sys
import types

import numpy as np

from vinogpt.check import CheckFailed, Local, explain
from vinogpt.grading.notebook import compile_cell
from vinogpt.grading.wire import Peer

HOME = "/student"  # carpeta personal dentro de la caja de arena


class Notebook(Local):
    """Respuestas de unas celdas que se ejecutan en orden en un `__main__` nuevo."""

    def __init__(self):
        module = types.ModuleType("__main__")
        module.display = print
        sys.modules["__main__"] = module
        super().__init__(vars(module))
        self.errors = []
        reseed()

    def run(self, name, text):
        """Ejecuta una celda; devuelve None o por qué falla."""
        try:
            exec(compile_cell(text, name), self.answers)
        except SyntaxError as error:
            fault = (
                f"Error de sintaxis en la línea {error.lineno} de la celda `{name}`: {error.msg}"
            )
        except (Exception, SystemExit) as error:
            fault = explain(error, f"La celda `{name}`")
        else:
            return None
        self.errors.append(fault)
        return fault

    def get(self, name):
        """Como en el cuaderno; si falta la respuesta, lo explica el primer error de las celdas."""
        if name not in self.answers and self.errors:
            raise CheckFailed(self.errors[0])
        reseed()
        return super().get(name)


def reseed():
    """El mismo azar en cada comprobación, se ejecuten las que se ejecuten antes."""
    random.seed(0)
    np.random.seed(0)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


def serve(reader, writer):
    """Atiende hasta que el otro extremo cierra: función 0, `run`; función 1, `get`."""
    notebook = Notebook()
    try:
        Peer(reader, writer, [notebook.run, notebook.get]).listen()
    except EOFError:
        return


def main():
    reader, writer = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    serve(reader, writer)
    os._exit(0)  # sin atexit ni hilos del alumno


if __name__ == "__main__":
    main()
