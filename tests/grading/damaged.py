"""Entregas honestas que se han estropeado por el camino: todas merecen la nota de la original.

Cada función de `VARIANTS` recibe el cuaderno publicado con las respuestas del alumno, el mismo sin
respuestas y el nombre del archivo; devuelve lo que llega, un diccionario de ruta a bytes dentro de
la carpeta del alumno. Sirven para cualquier tarea: no nombran celdas ni funciones.
"""

import ast
import copy
import io
import json
import re
import zipfile

VARIANTS = {}
NAMES = re.compile(r"(?m)^(?:async +)?def +(\w+)")
ERROR = {"output_type": "error", "ename": "Oops", "evalue": "x", "traceback": ["Traceback", "x"]}
WRAPPER = """import functools


def untouched(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner"""


def tree(function):
    """Anota una variante que decide todos los archivos."""
    VARIANTS[function.__name__] = function
    return function


def raw(function):
    """Anota una variante que cambia cómo se escribe el archivo: (cuaderno) -> bytes."""
    VARIANTS[function.__name__] = lambda book, blank, name: {name: function(book)}
    return function


def cells(function):
    """Anota una variante de las celdas: (lista de celdas, lista sin respuestas) -> lista."""

    def variant(book, blank, name):
        changed = function(copy.deepcopy(book["cells"]), copy.deepcopy(blank["cells"]))
        return {name: dump({**book, "cells": changed})}

    VARIANTS[function.__name__] = variant
    return function


def edit(kind, **variants):
    """Anota variantes que cambian en su sitio cada celda de un tipo."""
    for name, change in variants.items():

        def variant(book, blank, path, change=change):
            book = copy.deepcopy(book)
            for cell in filter(kind, book["cells"]):
                change(cell)
            return {path: dump(book)}

        VARIANTS[name] = variant


def dump(book, **options):
    return json.dumps(book, ensure_ascii=False, **options).encode()


def data(cell):
    """Metadatos de nbgrader de una celda; si no los tiene, un diccionario aparte."""
    return cell["metadata"].get("nbgrader", {})


def any_cell(cell):
    return True


def is_code(cell):
    return cell["cell_type"] == "code"


def is_answer(cell):
    return bool(data(cell).get("solution")) and is_code(cell)


def is_check(cell):
    return bool(data(cell).get("grade")) and not data(cell).get("solution")


def is_setup(cell):
    return is_code(cell) and bool(data(cell).get("locked")) and not is_check(cell)


def is_statement(cell):
    return cell["cell_type"] == "markdown" and bool(data(cell).get("locked"))


def is_free(cell):
    return is_code(cell) and not data(cell)


def text_of(cell):
    return "".join(cell["source"])


def code(text, **nbgrader):
    metadata = {"nbgrader": nbgrader} if nbgrader else {}
    cell = {"cell_type": "code", "source": text, "metadata": metadata, "outputs": []}
    return cell | {"execution_count": None}


def is_done(cell):
    return is_answer(cell) and "raise NotImplementedError" not in text_of(cell)


def each_answer(found, change):
    """Las celdas, con lo que `change` pone en lugar de cada respuesta hecha."""
    return [new for cell in found for new in (change(cell) if is_done(cell) else [cell])]


def filled(release, source, keep=lambda i: True):
    """El cuaderno publicado con las respuestas del original que `keep` elige por su número."""
    texts = {data(cell)["grade_id"]: text_of(cell) for cell in source["cells"] if is_answer(cell)}
    order = list(texts)
    book = copy.deepcopy(release)
    for cell in filter(is_answer, book["cells"]):
        grade_id = data(cell)["grade_id"]
        cell["source"] = texts[grade_id] if keep(order.index(grade_id)) else cell["source"]
    return book


def write_class(place, book, blank, stem):
    """Escribe en `place` una carpeta por variante, y `clean`, con el cuaderno sin estropear."""
    name = f"{stem}.ipynb"
    whole = {"clean": lambda *_: {name: dump(book)}, **VARIANTS}
    for student, variant in whole.items():
        for path, content in variant(book, blank, name).items():
            target = place / student / stem / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def stub_of(cell, blank):
    return next(other for other in blank if data(other) == data(cell))


def in_two(cell):
    """El texto de una respuesta, partido: antes de su última definición y desde ella."""
    lines, nodes = text_of(cell).split("\n"), ast.parse(text_of(cell)).body
    last = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)][-1]
    start = min([last.lineno, *(part.lineno for part in last.decorator_list)]) - 1
    return "\n".join([WRAPPER, "", *lines[:start]]), "\n".join(["@untouched", *lines[start:]])


def wrapped(text):
    """La misma respuesta con funciones que usan algo que define otra celda."""
    return re.sub(r"(?m)^(?=def |async def )", "@untouched\n", text)


# --- El archivo ------------------------------------------------------------------------------


@raw
def byte_order_mark(book):
    return b"\xef\xbb\xbf" + dump(book)


@raw
def utf_16(book):
    return json.dumps(book, ensure_ascii=False).encode("utf-16")


@raw
def windows_1252(book):
    letters = json.dumps(book, ensure_ascii=False)
    known = {
        c: c.encode("cp1252", "ignore").decode("cp1252") or json.dumps(c)[1:-1]
        for c in set(letters)
    }
    return letters.translate(str.maketrans(known)).encode("cp1252")


@raw
def windows_line_ends(book):
    return dump(book, indent=1).replace(b"\n", b"\r\n")


@raw
def escaped_letters(book):
    return json.dumps(book).encode()


@raw
def indented_and_sorted(book):
    return b"\n\n" + dump(book, indent=4, sort_keys=True) + b"\n \n"


@raw
def format_3(book):
    sheet = copy.deepcopy(book["cells"])
    for cell in filter(is_code, sheet):
        cell["input"] = cell.pop("source")
    return dump({"nbformat": 3, "metadata": {"name": ""}, "worksheets": [{"cells": sheet}]})


def notebook_fields(**variants):
    """Anota variantes que cambian campos del cuaderno entero."""
    for name, fields in variants.items():
        VARIANTS[name] = lambda book, blank, path, fields=fields: {path: dump({**book, **fields})}


notebook_fields(
    format_missing={"nbformat": None, "nbformat_minor": None},
    format_4_0={"nbformat": 4, "nbformat_minor": 0},
    format_4_99={"nbformat": 4, "nbformat_minor": 99},
    no_notebook_metadata={"metadata": {}},
    null_notebook_metadata={"metadata": None},
    other_kernel={"metadata": {"kernelspec": {"name": "conda-ia", "display_name": "IA"}}},
    colab_notebook={"metadata": {"colab": {"provenance": []}, "accelerator": "GPU"}},
    vscode_notebook={"metadata": {"vscode": {"interpreter": {"hash": "0" * 64}}}},
    databricks_notebook={"metadata": {"application/vnd.databricks.v1+notebook": {"widgets": {}}}},
    widget_state={"metadata": {"widgets": {"application/vnd.jupyter.widget-state+json": {}}}},
)

# --- Metadatos, salidas y forma de cada celda ------------------------------------------------

edit(
    any_cell,
    cell_metadata_lost=lambda cell: cell.update(metadata={}),
    cell_metadata_null=lambda cell: cell.update(metadata=None),
    cell_metadata_missing=lambda cell: cell.pop("metadata"),
    nbgrader_metadata_lost=lambda cell: cell["metadata"].pop("nbgrader", None),
    nbgrader_metadata_is_a_list=lambda cell: cell["metadata"].update(nbgrader=[]),
    only_ids_left=lambda cell: cell["metadata"].update(
        nbgrader={key: value for key, value in data(cell).items() if key == "grade_id"}
    ),
    ids_are_numbers=lambda cell: data(cell).update(grade_id=7),
    ids_unknown=lambda cell: data(cell).update(grade_id="cell-" + str(id(cell))),
    schema_99=lambda cell: data(cell).update(schema_version=99),
    schema_1=lambda cell: data(cell).update(schema_version=1),
    schema_missing=lambda cell: data(cell).pop("schema_version", None),
    checksums_missing=lambda cell: data(cell).pop("checksum", None),
    skip_tags=lambda cell: cell["metadata"].update(tags=["skip-execution"]),
    cell_types_missing=lambda cell: cell.pop("cell_type"),
    cell_ids_missing=lambda cell: cell.pop("id", None),
    cell_ids_repeated=lambda cell: cell.update(id="same"),
    colab_cells=lambda cell: cell["metadata"].update(id="xYz", colab={"base_uri": "https://x"}),
    vscode_cells=lambda cell: cell.update(id="#VSC-1234", metadata={"language": "python"}),
    databricks_cells=lambda cell: cell["metadata"].update(
        {"application/vnd.databricks.v1+cell": {"cellMetadata": {}, "nuid": "1", "title": ""}}
    ),
    kaggle_cells=lambda cell: cell["metadata"].update(_uuid="1", papermill={"duration": 1.0}),
    lab_cells=lambda cell: cell["metadata"].update(jupyter={"source_hidden": True}, editable=True),
    sources_are_lines=lambda cell: cell.update(source=text_of(cell).splitlines(keepends=True)),
    sources_are_text=lambda cell: cell.update(source=text_of(cell)),
    sources_are_letters=lambda cell: cell.update(source=list(text_of(cell))),
    sources_with_cr_lf=lambda cell: cell.update(source=text_of(cell).replace("\n", "\r\n")),
    sources_with_cr=lambda cell: cell.update(source=text_of(cell).replace("\n", "\r")),
    blank_lines_around=lambda cell: cell.update(source="\n\n" + text_of(cell) + "\n  \n"),
)
edit(
    is_code,
    outputs_null=lambda cell: cell.update(outputs=None, execution_count=None),
    outputs_missing=lambda cell: cell.pop("outputs"),
    outputs_with_errors=lambda cell: cell.update(outputs=[ERROR]),
    outputs_on_stderr=lambda cell: cell.update(outputs=[stream("stderr", "aviso")]),
    outputs_long=lambda cell: cell.update(outputs=[stream("stdout", "x\n" * 5_000)]),
    executed_out_of_order=lambda cell: cell.update(execution_count=len(text_of(cell)) % 90 + 1),
)
edit(
    is_answer,
    answers_are_raw=lambda cell: cell.update(cell_type="raw"),
    answers_are_markdown=lambda cell: cell.update(cell_type="markdown"),
    answers_raw_without_ids=lambda cell: cell.update(cell_type="raw", metadata={}),
    answers_locked=lambda cell: data(cell).update(solution=False, locked=True),
    answers_graded=lambda cell: data(cell).update(grade=True, points=3),
    answers_without_ids=lambda cell: cell.update(metadata={}),
    answers_fail_at_the_end=lambda cell: cell.update(source=text_of(cell) + "\n\n1 / 0"),
    answers_ask_for_input=lambda cell: cell.update(source=text_of(cell) + "\n\ninput()"),
    answers_print=lambda cell: cell.update(source=text_of(cell) + "\n\nprint('hecho')"),
    answers_with_magics=lambda cell: cell.update(
        source="%matplotlib inline\n!ls\nlen?\n" + text_of(cell) + "\n%time 1 + 1"
    ),
    answers_with_warnings=lambda cell: cell.update(
        source="import warnings\nwarnings.warn('aviso')\n" + text_of(cell)
    ),
    answers_with_main=lambda cell: cell.update(
        source=text_of(cell) + "\n\nif __name__ == '__main__':\n    print('hecho')"
    ),
)
edit(
    is_check,
    checks_are_markdown=lambda cell: cell.update(cell_type="markdown"),
    checks_are_raw=lambda cell: cell.update(cell_type="raw"),
    checks_edited=lambda cell: cell.update(source="# visto\n" + text_of(cell)),
    checks_blank=lambda cell: cell.update(source=""),
    checks_null=lambda cell: cell.update(source=None),
    checks_not_graded=lambda cell: data(cell).update(grade=False),
    checks_are_solutions=lambda cell: data(cell).update(solution=True),
    points_missing=lambda cell: data(cell).pop("points"),
    points_null=lambda cell: data(cell).update(points=None),
    points_are_text=lambda cell: data(cell).update(points="1"),
    points_changed=lambda cell: data(cell).update(points=100),
    helpers_typed_in_a_check=lambda cell: cell.update(source=WRAPPER + "\n\n" + text_of(cell)),
)
edit(is_setup, imports_commented=lambda cell: cell.update(source="# " + text_of(cell)))
edit(is_statement, statements_edited=lambda cell: cell.update(source=text_of(cell) + "\nNota."))


def stream(name, text):
    return {"output_type": "stream", "name": name, "text": text}


# --- Celdas de más, de menos, movidas, partidas y unidas -------------------------------------


@cells
def checks_deleted(found, blank):
    return [cell for cell in found if not is_check(cell)]


@cells
def imports_deleted(found, blank):
    return [cell for cell in found if not is_setup(cell)]


@cells
def text_deleted(found, blank):
    return [cell for cell in found if is_code(cell)]


@cells
def free_cells_deleted(found, blank):
    return [cell for cell in found if not is_free(cell)]


@cells
def only_answers(found, blank):
    return [cell for cell in found if is_answer(cell)]


@cells
def only_answers_pasted(found, blank):
    return [code(text_of(cell)) for cell in found if is_answer(cell)]


@cells
def everything_pasted_in_one_cell(found, blank):
    return [code("\n\n".join(text_of(cell) for cell in found if is_answer(cell)))]


@cells
def reversed_cells(found, blank):
    return found[::-1]


@cells
def sorted_cells(found, blank):
    return sorted(found, key=text_of)


@cells
def answers_first(found, blank):
    return sorted(found, key=lambda cell: not is_answer(cell))


@cells
def answers_last(found, blank):
    return sorted(found, key=is_answer)


@cells
def answers_copied(found, blank):
    return each_answer(found, lambda cell: [cell, copy.deepcopy(cell)])


@cells
def checks_copied(found, blank):
    return [cell for cell in found for cell in [cell] * (1 + is_check(cell))]


@cells
def everything_copied(found, blank):
    return found + found


@cells
def stub_kept_above(found, blank):
    return each_answer(found, lambda cell: [stub_of(cell, blank), cell])


@cells
def stub_kept_below(found, blank):
    return each_answer(found, lambda cell: [cell, stub_of(cell, blank)])


@cells
def answer_in_a_new_cell_below(found, blank):
    return each_answer(found, lambda cell: [stub_of(cell, blank), code(text_of(cell))])


@cells
def answer_in_a_new_cell_above(found, blank):
    return each_answer(found, lambda cell: [code(text_of(cell)), stub_of(cell, blank)])


@cells
def answers_in_new_cells_at_the_end(found, blank):
    new = [code(text_of(cell)) for cell in found if is_done(cell)]
    return each_answer(found, lambda cell: [stub_of(cell, blank)]) + new


@cells
def first_attempt_kept(found, blank):
    wrong = re.compile(r"(?m)^((?:async +)?def +\w+).*(?:\n(?:[ \t)].*)?)*")
    attempt = lambda cell: wrong.sub(r"\1(*args):\n    return None\n", text_of(cell))  # noqa: E731
    return each_answer(found, lambda cell: [{**cell, "source": attempt(cell)}, code(text_of(cell))])


@cells
def experiments_at_the_end(found, blank):
    names = [name for cell in found if is_answer(cell) for name in NAMES.findall(text_of(cell))]
    return [*found, code("\n".join(f"{name} = None" for name in names))]


@cells
def split_in_two(found, blank):
    def parts(cell):
        first, second = in_two(cell)
        return [{**cell, "source": first}, code(second)]

    return each_answer(found, parts)


@cells
def split_in_two_with_one_id(found, blank):
    return each_answer(found, lambda cell: [{**cell, "source": part} for part in in_two(cell)])


@cells
def split_in_two_without_ids(found, blank):
    return each_answer(found, lambda cell: [code(part) for part in in_two(cell)])


@cells
def merged_with_the_next_check(found, blank):
    return merged(found, keep=0)


@cells
def merged_into_the_next_check(found, blank):
    return merged(found, keep=1)


def merged(found, keep):
    """Cada respuesta unida a la primera comprobación que la sigue, con los metadatos de una."""
    found = [cell for cell in found if not is_free(cell)]
    for i, cell in reversed(list(enumerate(found[:-1]))):
        if is_answer(cell) and is_check(found[i + 1]):
            text = "\n\n".join(map(text_of, found[i : i + 2]))
            found[i : i + 2] = [{**found[i + keep], "source": text}]
    return found


@cells
def helpers_in_a_new_cell(found, blank):
    helper = code(WRAPPER)
    return [helper, *each_answer(found, lambda cell: [{**cell, "source": wrapped(text_of(cell))}])]


@cells
def helpers_in_a_new_cell_below(found, blank):
    change = lambda cell: [{**cell, "source": wrapped(text_of(cell))}, code(WRAPPER)]  # noqa: E731
    return each_answer(found, change)


@cells
def helpers_in_the_imports(found, blank):
    last = [cell for cell in found if is_setup(cell)][-1]
    last["source"] = text_of(last) + "\n" + WRAPPER
    return each_answer(found, lambda cell: [{**cell, "source": wrapped(text_of(cell))}])


@cells
def helpers_in_another_answer(found, blank):
    first = next(cell for cell in found if is_done(cell))
    change = lambda cell: [{**cell, "source": wrapped(text_of(cell))}]  # noqa: E731
    found = each_answer(found, change)
    position = next(i for i, cell in enumerate(found) if data(cell) == data(first))
    found[position]["source"] = WRAPPER + "\n\n\n" + found[position]["source"]
    return found


@cells
def table_filled_in_a_new_cell(found, blank):
    table = code("kept = {}\nfor i in range(3):\n    kept[i] = i\nkept.update(x=1)\nprint(kept)")
    use = "\n\n\ndef looked_up(key):\n    return kept[key]\n\n\nlooked_up(2)"
    change = lambda cell: [{**cell, "source": text_of(cell) + use}]  # noqa: E731
    return [table, *each_answer(found, change)]


@cells
def notes_and_experiments(found, blank):
    mess = ["", "1 / 0", "esto no es Python", "input()", "%%time\n1 + 1", "x = 3\nx", "!pip list"]
    extra = [code(text) for text in mess] + [{"cell_type": "raw", "source": "n", "metadata": {}}]
    return [new for cell in found for new in [*copy.deepcopy(extra), cell]]


# --- La carpeta ------------------------------------------------------------------------------


def moved(**variants):
    """Anota variantes que solo cambian el nombre o la carpeta del cuaderno."""
    for name, change in variants.items():
        VARIANTS[name] = lambda book, blank, path, change=change: {change(path): dump(book)}


moved(
    downloaded_again=lambda name: name.replace(".ipynb", " (1).ipynb"),
    copied_in_drive=lambda name: f"Copia de {name}",
    renamed=lambda name: "Práctica final (buena) ñ.ipynb",
    renamed_in_capitals=lambda name: name.upper(),
    saved_as_text=lambda name: f"{name}.txt",
    inside_a_folder=lambda name: f"mi tarea/{name}",
    inside_many_folders=lambda name: f"a/b c/d/{name}",
)


@tree
def inside_a_zip(book, blank, name):
    return {"entrega.zip": zipped({name: dump(book)})}


@tree
def inside_a_mac_zip(book, blank, name):
    junk = {f"__MACOSX/tarea/._{name}": b"\0\5\26\7", "tarea/.DS_Store": b"\0"}
    return {"tarea.zip": zipped({f"tarea/{name}": dump(book), **junk})}


@tree
def inside_a_windows_zip(book, blank, name):
    return {"tarea.zip": zipped({f"tarea\\{name}": dump(book), "tarea\\desktop.ini": b"[x]"})}


@tree
def with_system_files(book, blank, name):
    junk = {".DS_Store": b"\0", "desktop.ini": b"[x]", "Thumbs.db": b"\0", f"._{name}": b"\0"}
    return {name: dump(book), **junk}


@tree
def with_a_checkpoint(book, blank, name):
    return {name: dump(book), f".ipynb_checkpoints/{name}": dump(blank)}


@tree
def with_the_blank_one(book, blank, name):
    return {name: dump(blank), f"copia/{name}": dump(book)}


@tree
def with_a_blank_copy(book, blank, name):
    return {name: dump(book), name.replace(".ipynb", " (3).ipynb"): dump(blank)}


@tree
def with_another_notebook(book, blank, name):
    other = {**book, "cells": [code("print('apuntes')")]}
    return {name: dump(book), "00_apuntes.ipynb": dump(other), "roto.ipynb": b"{"}


@tree
def with_data_files(book, blank, name):
    return {name: dump(book), "datos.csv": b"a,b\n1,2\n", "numpy.py": b"raise ImportError"}


@tree
def with_a_bad_timestamp(book, blank, name):
    return {name: dump(book), "timestamp.txt": b"\xff\xfe ayer por la tarde"}


@tree
def with_what_check_writes(book, blank, name):
    return {name: dump(book), f"entrega/{name}": dump({**book, "metadata": {}})}


@tree
def giant_output(book, blank, name):
    book = copy.deepcopy(book)
    next(filter(is_code, book["cells"]))["outputs"] = [stream("stdout", "x" * 20_000_000)]
    return {name: dump(book)}


@tree
def exported_as_script(book, blank, name):
    text = "\n\n".join(
        f"# In[{i}]:\n\n\n{text_of(cell)}" for i, cell in enumerate(book["cells"]) if is_code(cell)
    )
    return {name.replace(".ipynb", ".py"): text.encode()}


@tree
def exported_by_colab(book, blank, name):
    parts = [
        text_of(cell) if is_code(cell) else f'"""{text_of(cell)}\n"""' for cell in book["cells"]
    ]
    return {
        name.replace(".ipynb", ".py"): "\n\n".join(["# -*- coding: utf-8 -*-", *parts]).encode()
    }


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()
