"""El cuaderno de cada entrega que ve quien corrige: lo escribe `gradebook`, o `nbgrader autograde`.

Formgrader lo enseña sin limpiarlo y en el mismo origen que Jupyter. Por eso parte del original, y
nada del alumno entra en él como etiqueta, enlace o salida suya: sus respuestas son solo texto.
"""

import hashlib
import json
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader import preprocessors
from nbgrader.utils import is_grade, is_solution
from sqlalchemy import make_url
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from vinogpt.grading import engine
from vinogpt.grading.cache import version
from vinogpt.grading.intake import Graded, Submission
from vinogpt.grading.notebook import every_cell, normalise, read_notebook
from vinogpt.grading.rebuild import rebuild

MISSING = "No hay resultado de esta comprobación: pide que se repita"
MARKS = re.compile(r"([!-/:-@\[-`{-~])")
ACTIVE_TEX = re.compile(r"\\(?=href|mmlToken|class|cssId|style|unicode|require|bbox|toggle|data)")
HIDDEN = re.compile(r"(?ms)^[^\n]*BEGIN HIDDEN TESTS.*?END HIDDEN TESTS[^\n]*$")
TITLE = re.compile(r"(?:\"{3}|'{3})\s*(.+?)\s*(?:\"{3}|'{3}|\n)")


# --- Texto ajeno -----------------------------------------------------------------------------


def visible(text):
    """El mismo texto con lo que no se ve, o cambia el orden de lectura, escrito como `\\u202e`."""
    return "".join(c if c.isprintable() or c in "\n\t\xa0" else ascii(c)[1:-1] for c in text)


def literal(text):
    """Markdown que se lee como `text`, letra a letra: solo las fórmulas conservan su papel."""
    lines = ACTIVE_TEX.sub(r"\\ ", visible(text)).expandtabs(4).split("\n")
    margin = [(len(line) - len(line.lstrip(" "))) * bool(line.strip()) for line in lines]
    shown = [MARKS.sub(r"\\\1", line.strip()) for line in lines]
    return "  \n".join("&nbsp;" * n + line for n, line in zip(margin, shown, strict=True))


def guarded(reason, source):
    """La razón, sin las líneas que cite de la prueba oculta de la celda `source`."""
    public = set(map(str.strip, HIDDEN.sub("", source).split("\n")))
    for line in sorted(set(map(str.strip, source.split("\n"))) - public, key=len, reverse=True):
        reason = reason.replace(line, "…") if len(line) > 3 else reason
    return visible(reason[:4_000])


def tame(name):
    """Un nombre sin los signos que formgrader toma por HTML o por fórmulas; None si no lo hay."""
    return name and " ".join(visible(name).split()).translate(
        str.maketrans("<>&\"'$\\", "‹›＆”’＄＼")
    )


# --- Un cuaderno -----------------------------------------------------------------------------


def settings(course):
    """Lo que dice el `nbgrader_config.py` del curso, si lo hay."""
    if not (Path(course) / "nbgrader_config.py").exists():
        return Config()
    return PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config()


def read_source(course, path):
    """El original como lo registra nbgrader: sin soluciones, con pruebas ocultas y sumas.

    Cada celda lleva en `metadata.vinogpt` su ejercicio y el título de su comprobación.
    """
    notebook, config = nbformat.read(path, as_version=4), settings(course)
    for step in ("ClearSolutions", "ClearOutput", "ComputeChecksums"):
        notebook, _ = getattr(preprocessors, step)(config=config).preprocess(notebook, {})
    for cell, known in zip(notebook.cells, every_cell(read_notebook(path)), strict=True):
        title = [*TITLE.findall(cell.source), known.id][0] if known.kind == "check" else ""
        cell.metadata["vinogpt"] = {"exercise": known.exercise, "title": title}
    return notebook


def rebuilt(source, graded):
    """Cuaderno para `autograded/`: el original, las respuestas como texto y nuestras salidas."""
    notebook, submission = nbformat.from_dict(json.loads(json.dumps(source))), graded.submission
    reasons = {result.grade_id: result.reason for result in graded.results}
    notebook.metadata["vinogpt"] = {
        "digest": submission.digest,
        "version": version()[:12],
        "notes": list(map(visible, submission.notes)),
        "problem": visible(submission.problem),
        "late": graded.late,
        "isolation": graded.isolation,
    }
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if is_solution(cell):
            answer(cell, submission.answers.get(name, ""))
        elif is_grade(cell):
            reason = reasons.get(name, submission.problem or MISSING)
            cell.outputs = [outcome(cell.metadata.vinogpt.title, guarded(reason, cell.source))]
    return notebook


def answer(cell, text):
    """Pone la respuesta del alumno; si puntúa a mano y está en blanco, nbgrader lo reconoce."""
    if not (is_grade(cell) and text.strip() in ("", cell.source.strip())):
        cell.source = literal(text) if cell.cell_type == "markdown" else visible(text)
    cell.metadata.vinogpt["answer"] = visible(text)


def outcome(title, reason):
    """Salida de una comprobación, la única que se guarda."""
    if not reason:
        return NotebookNode(output_type="stream", name="stdout", text=f"✔ {title}\n")
    shown = {"ename": "CheckFailed", "evalue": reason, "traceback": [f"✘ {title}", reason]}
    return NotebookNode(output_type="error", **shown)


def text_of(path, grade_id):
    """Texto de una celda del cuaderno en `path`; '' si no está."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"] if path.exists() else []
    found = {c["metadata"].get("nbgrader", {}).get("grade_id"): c["source"] for c in cells}
    return "".join(found.get(grade_id, ""))


# --- Dentro de nbgrader ----------------------------------------------------------------------


def course_of(url):
    """Carpeta del curso cuyo libro de notas está en `url`."""
    return Path(make_url(url).database).parent


class TrustedGrade(preprocessors.NbGraderPreprocessor):
    """Paso de `nbgrader autograde`: rehace el cuaderno entregado y lo califica, aislado."""

    def preprocess(self, nb, resources):
        student, assignment, name, url = (
            resources["nbgrader"][key] for key in ("student", "assignment", "notebook", "db_url")
        )
        course = course_of(url)
        path = course / "solutions" / assignment / f"{name}.ipynb"
        file = course / "submitted" / student / assignment / f"{name}.ipynb"
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        cells, answers, notes = rebuild(every_cell(read_notebook(path)), every_cell(normalise(nb)))
        checks = tuple(cell.id for cell in cells if cell.kind == "check")
        seed = engine.seed_of(engine.secret_of(course), student, assignment)
        job = engine.Job(student, cells, checks, seed, True, version())
        report = engine.grade_job(job)
        given = Submission(student, cells=cells, answers=answers, notes=notes, digest=digest)
        graded = Graded(given, report.results, report.isolation)
        for extra in (course / "autograded" / student / assignment).rglob("*"):
            if extra.is_file() and extra.suffix != ".ipynb":
                extra.unlink()  # formgrader lo serviría en el origen de Jupyter
        return rebuilt(read_source(course, path), graded), resources
