"""Los notebooks por dentro: celdas cortas, salidas guardadas y ejecución hasta el final.

nbval comprueba aparte (``make test``) que los capítulos dan lo que muestran.
"""

import re
import shutil
import symtable
from statistics import median, quantiles

import nbformat
import pytest


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def read_code(path):
    return code_cells(nbformat.read(path, as_version=4))


def markdown_of(path):
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def raised(notebook):
    """El error de cada celda de código, como texto, o None."""
    errors = [
        [f"{output.ename}: {output.evalue}" for output in cell.outputs if "ename" in output]
        for cell in code_cells(notebook)
    ]
    return [texts[0] if texts else None for texts in errors]


def is_pending(error):
    """El error de un ejercicio sin hacer: el de su hueco o el de la comprobación que lo llama."""
    return error.startswith("NotImplementedError") or "Ejercicio sin hacer" in error


def table_of(cell):
    """Tabla de símbolos de una celda, sin las órdenes de IPython."""
    source = re.sub(r"^(\s*)[%!].*$", r"\1pass", cell.source, flags=re.MULTILINE)
    return symtable.symtable(source, "celda", "exec")


def defined_by(cell):
    """Nombres que una celda deja en el espacio global."""
    return {
        s.get_name() for s in table_of(cell).get_symbols() if s.is_assigned() or s.is_imported()
    }


def read_by(cell):
    """Nombres globales que lee una celda, también desde dentro de sus funciones."""

    def reads(table):
        own = {s.get_name() for s in table.get_symbols() if s.is_referenced() and s.is_global()}
        return own.union(*(reads(child) for child in table.get_children()))

    return reads(table_of(cell))


# --- Capítulos -----------------------------------------------------------------------------


def test_code_cells_are_short(chapter):
    lengths = [len(cell.source.splitlines()) for cell in read_code(chapter)]
    assert median(lengths) <= 6
    assert quantiles(lengths, n=10)[-1] <= 20
    assert max(lengths) <= 45


def test_chapter_is_executed_in_order_without_errors(chapter):
    cells = [cell for cell in read_code(chapter) if cell.source.strip()]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    allowed = [cell for cell in cells if "raises-exception" in cell.metadata.get("tags", [])]
    failing = [cell for cell in cells if any(o.output_type == "error" for o in cell.outputs)]
    assert [cell.source for cell in failing if cell not in allowed] == []


def test_chapter_keeps_no_error_stream(chapter):
    outputs = [output for cell in read_code(chapter) for output in cell.outputs]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []


def test_every_image_output_has_written_alt_text(chapter):
    def draws(cell):
        return any("image/" in kind for output in cell.outputs for kind in output.get("data", {}))

    for cell in filter(draws, read_code(chapter)):
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        assert len(alt.split()) >= 5, f"Sin texto alternativo:\n{cell.source}"


def test_every_markdown_image_has_written_alt_text(page):
    text = markdown_of(page)
    images = re.findall(r"!\[([^\]]*)\]\(", text)
    figures = re.findall(
        r"^[`:]{3,}\{(?:figure|image)\}.*?^[`:]{3,}", text, re.MULTILINE | re.DOTALL
    )
    assert [alt for alt in images if len(alt.split()) < 3] == []
    assert [figure for figure in figures if not re.search(r":alt: \S+ \S+ \S+", figure)] == []


# --- Ejercicios y soluciones ---------------------------------------------------------------


def test_solution_keeps_no_outputs(solution):
    assert_unexecuted(solution)


def test_exercise_keeps_no_outputs(exercise):
    assert_unexecuted(exercise)


def assert_unexecuted(path):
    cells = read_code(path)
    assert [cell.source for cell in cells if cell.outputs or cell.execution_count is not None] == []


def test_solution_runs_to_the_end(run_notebook, solution, tmp_path):
    shutil.copytree(solution.parent, tmp_path, dirs_exist_ok=True)
    notebook = run_notebook(nbformat.read(solution, as_version=4), tmp_path)
    assert set(raised(notebook)) == {None}


@pytest.fixture(scope="module")
def released(run_notebook, tmp_path_factory):
    """El ejercicio tal como se reparte, ejecutado una sola vez de principio a fin."""
    done = {}

    def run(exercise):
        if exercise not in done:
            folder = tmp_path_factory.mktemp(exercise.stem)
            shutil.copytree(exercise.parent, folder, dirs_exist_ok=True)
            notebook = nbformat.read(exercise, as_version=4)
            done[exercise] = run_notebook(notebook, folder, allow_errors=True)
        return done[exercise]

    return run


def test_exercise_fails_only_where_there_is_work_to_do(released, exercise):
    errors = [error for error in raised(released(exercise)) if error]
    assert errors, "El ejercicio ya está resuelto."
    assert [error for error in errors if not is_pending(error)] == []


def test_locked_cells_read_no_name_of_a_raising_cell(released, exercise):
    notebook = released(exercise)
    cells = list(zip(code_cells(notebook), raised(notebook), strict=True))
    missing = set().union(*(defined_by(cell) for cell, error in cells if error))
    given = set().union(*(defined_by(cell) for cell, error in cells if not error))
    locked = [cell for cell, _ in cells if cell.metadata.get("nbgrader", {}).get("locked")]
    assert locked, "Ninguna celda está bloqueada."
    assert [cell.source for cell in locked if read_by(cell) & (missing - given)] == []


def test_locked_cells_without_points_never_fail(released, exercise):
    notebook = released(exercise)
    marks = [cell.metadata.get("nbgrader", {}) for cell in code_cells(notebook)]
    setup = [mark.get("locked") and not mark.get("grade") for mark in marks]
    assert any(setup), "No hay celdas de preparación."
    errors = [error for given, error in zip(setup, raised(notebook), strict=True) if given]
    assert set(errors) == {None}, "Una celda de preparación usa una respuesta sin escribir."


def test_defined_by_and_read_by_look_only_at_global_names():
    source = "%time\nimport sys\na = b\ndef c(d):\n    e = d + f\n    return e"
    cell = nbformat.v4.new_code_cell(source)
    assert defined_by(cell) == {"sys", "a", "c"}
    assert read_by(cell) == {"b", "f"}
