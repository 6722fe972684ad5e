"""Genera exercises/ a partir de solutions/ con nbgrader.

    python scripts/course.py exercises [NN_tema …]

Antes revisa cada original y se detiene, nombrando la celda, si algo en él daría notas falsas o
enseñaría una prueba oculta. Dos ejecuciones seguidas dejan los mismos archivos.
"""

import ast
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from vinogpt.grading.notebook import cells_of, parameters, read_notebook, stated_points

ROOT = Path(__file__).resolve().parents[1]
HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS\n(.*?)### END HIDDEN TESTS", re.DOTALL)
SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", re.DOTALL)
TOTAL = re.compile(r"\*\*Total: ([\d.]+) puntos")
SHORT = 30  # caracteres: una línea más corta puede coincidir por azar


class Refusal(Exception):
    """Un original que no se puede publicar; el texto nombra la celda y dice qué hacer."""


# --- Revisión del original -----------------------------------------------------------------


def review(path):
    """Lanza Refusal con la primera falta de un original."""
    notebook = read_notebook(path)
    review_ids(notebook)
    checks = [cell for cell in cells_of(notebook) if cell.kind == "check"]
    for cell in checks:
        review_check(cell)
    review_points(notebook, checks)
    for exercise in dict.fromkeys(cell.exercise for cell in checks):
        if not any(HIDDEN.search(cell.text) for cell in checks if cell.exercise == exercise):
            raise Refusal(f"«{exercise}» no tiene ninguna comprobación oculta: añade una celda.")


def review_ids(notebook):
    marked = [cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in notebook["cells"]]
    for grade_id, times in Counter(filter(None, marked)).items():
        if times > 1:
            raise Refusal(f"celda {grade_id}: el identificador está repetido; cambia uno.")


def review_check(cell):
    """Una celda de comprobación es una función con @check y nada más."""
    try:
        body = ast.parse(cell.text).body
    except SyntaxError as error:
        raise Refusal(f"celda {cell.id}: {error.msg}, en la línea {error.lineno}.") from None
    if body and isinstance(body[-1], ast.Expr):
        raise Refusal(
            f"celda {cell.id}: termina en una expresión, y nbgrader la tomaría por la nota; "
            "escribe un assert dentro de la función."
        )
    if len(body) != 1 or parameters(cell.text) is None:
        raise Refusal(f"celda {cell.id}: debe contener una sola función decorada con @check.")
    if not ast.get_docstring(body[0]):
        raise Refusal(f"celda {cell.id}: le falta la docstring que dice qué comprueba.")
    if any(heavy(node) for node in ast.walk(body[0])):
        raise Refusal(
            f"celda {cell.id}: importa TensorFlow o Keras; las comprobaciones usan NumPy."
        )
    outside = HIDDEN.sub("", cell.text).strip()
    if HIDDEN.search(cell.text) and not re.fullmatch(r"# .+", outside):
        raise Refusal(
            f"celda {cell.id}: fuera de la zona oculta va una línea de comentario y nada más."
        )


def heavy(node):
    """Si `node` importa TensorFlow o Keras."""
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        modules = [node.module or ""]
    else:
        return False
    return any(module.split(".")[0] in ("tensorflow", "keras") for module in modules)


def review_points(notebook, checks):
    """Los puntos de cada enunciado y el total son la suma de los de sus celdas."""
    stated = stated_points(notebook)
    for exercise in dict.fromkeys(cell.exercise for cell in checks):
        given = sum(cell.points for cell in checks if cell.exercise == exercise)
        if stated.get(exercise) != given:
            first = next(cell.id for cell in checks if cell.exercise == exercise)
            raise Refusal(
                f"«{exercise}» (celda {first} y siguientes): el enunciado dice "
                f"{stated.get(exercise)} puntos y las celdas suman {given:g}; iguálalos."
            )
    text = "\n".join(cell["source"] for cell in notebook["cells"])
    given = sum(cell.points for cell in checks)
    if [float(total) for total in TOTAL.findall(text)] != [given]:
        raise Refusal(f"escribe **Total: {given:g} puntos.** una vez, en la primera celda.")


def review_release(source, release):
    """Lanza Refusal si el cuaderno publicado conserva una zona secreta o copia una línea suya."""
    shown = "\n".join(cell["source"] for cell in read_notebook(release)["cells"])
    lines = set(map(str.strip, shown.splitlines()))
    for cell in cells_of(read_notebook(source)):
        for secret in HIDDEN.findall(cell.text) + SOLUTION.findall(cell.text):
            for line in map(str.strip, secret.splitlines()):
                if len(line) >= SHORT and line in lines:
                    raise Refusal(f"celda {cell.id}: se publica la línea secreta «{line}».")


# --- Generación ----------------------------------------------------------------------------


def generate(stem):
    """Escribe exercises/STEM; no cambia nada si ya estaba al día o si el original falla."""
    source = ROOT / "solutions" / stem / f"{stem}.ipynb"
    target = ROOT / "exercises" / stem / f"{stem}.ipynb"
    review(source)
    with tempfile.TemporaryDirectory() as folder:
        nbgrader_generate(stem, folder)
        release = Path(folder, stem, f"{stem}.ipynb")
        review_release(source, release)
        if target.exists() and target.read_bytes() == release.read_bytes():
            return "sin cambios"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(release, target)
        return "generado"


def nbgrader_generate(stem, folder):
    """Ejecuta nbgrader sin base de datos y deja el resultado en `folder`."""
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", stem, "--no-db"]
    options = [f"--CourseDirectory.release_directory={folder}", "--log-level=WARN"]
    done = subprocess.run(
        [*command, *options], cwd=ROOT, capture_output=True, encoding="utf-8", errors="replace"
    )
    if done.returncode:
        raise Refusal(f"nbgrader no puede generar la tarea:\n{done.stdout}{done.stderr}")


def main(arguments):
    stems = arguments or sorted(path.stem for path in ROOT.glob("solutions/*/*.ipynb"))
    for stem in stems:
        if not (ROOT / "solutions" / stem / f"{stem}.ipynb").is_file():
            print(f"No existe solutions/{stem}/{stem}.ipynb.", file=sys.stderr)
            return 1
        try:
            print(f"exercises/{stem}/{stem}.ipynb: {generate(stem)}")
        except Refusal as refusal:
            print(f"solutions/{stem}/{stem}.ipynb: {refusal}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
