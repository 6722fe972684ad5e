"""Ejecuta los notebooks de ``book/`` y guarda en ellos sus salidas.

    python scripts/course.py execute [book/01_embeddings.ipynb …]

Es la única vía por la que cambian las salidas del libro. Dos ejecuciones de un notebook
determinista dan el mismo archivo, byte a byte: se quitan la salida de error y los metadatos
que cambian de una vez a otra, y Matplotlib dibuja sin fecha ni identificadores al azar.
"""

import os
import sys
import tempfile
import time
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
KEPT_METADATA = {"accelerator", "colab", "mystnb"}
KEPT_CELL_METADATA = {"tags", "mystnb", "jupyter"}
CELL_SECONDS = 900


def fix_environment(folder):
    """Variables del núcleo: sin GPU, sin azar entre ejecuciones, sin ajustes personales."""
    style = Path(folder, "matplotlibrc")
    style.write_text("svg.hashsalt: vinogpt\n", encoding="utf-8")
    os.environ.update(
        CUDA_VISIBLE_DEVICES="-1",
        IPYTHONDIR=folder,
        MATPLOTLIBRC=str(style),
        PYTHONHASHSEED="0",
        SOURCE_DATE_EPOCH="0",
        TF_CPP_MIN_LOG_LEVEL="3",
    )


def execute(path):
    """Ejecuta ``path`` y, si llega al final, lo reescribe. Devuelve qué celda falló, o None."""
    notebook = nbformat.read(path, as_version=4)
    reached = []
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_start=lambda cell, cell_index: reached.append(cell_index),
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return f"falla la celda {reached[-1]} (contando desde 0).\n{error}"
    clean(notebook)
    nbformat.write(notebook, path)
    return None


def clean(notebook):
    """Deja solo lo que no cambia de una ejecución a otra."""
    notebook.metadata = keep(notebook.metadata, KEPT_METADATA)
    notebook.metadata.update(kernelspec=KERNEL, language_info={"name": "python"})
    for cell in notebook.cells:
        cell.metadata = keep(cell.metadata, KEPT_CELL_METADATA)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    output.data["image/png"] = lighten(output.data["image/png"])


def lighten(picture):
    """El mismo PNG, en base64, con 256 colores: ocupa menos de la mitad y se ve igual."""
    image, small = Image.open(BytesIO(b64decode(picture))), BytesIO()
    image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, "png", optimize=True)
    return b64encode(small.getvalue()).decode()


def keep(metadata, names):
    return nbformat.NotebookNode({name: metadata[name] for name in names & metadata.keys()})


def main(arguments):
    if sys.version_info[:2] != (3, 11):
        print("Las salidas del libro se escriben con Python 3.11, y .venv tiene otro.")
        print("Borra la carpeta .venv y ejecuta: make execute PYTHON=python3.11")
        return 1
    paths = [Path(name).resolve() for name in arguments] or sorted(ROOT.glob("book/**/*.ipynb"))
    if missing := [path for path in paths if not path.is_file()]:
        print(f"No existe el notebook {missing[0]}.")
        return 1
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        fix_environment(folder)
        for path in paths:
            start = time.monotonic()
            failure = execute(path)
            print(f"{path.name}: {failure or f'{time.monotonic() - start:.0f} s'}", flush=True)
            failures += failure is not None
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
