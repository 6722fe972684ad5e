"""De lo que se descarga de una clase a una entrega por estudiante, lista para calificar.

Admite una carpeta o un zip con:

- una carpeta por estudiante, también el árbol de nbgrader, `ESTUDIANTE/TAREA/TAREA.ipynb`;
- lo que descarga Moodle, `Nombre_123_assignsubmission_file/…` o `…_file_TAREA.ipynb`;
- lo que descarga Canvas, `nombre_LATE_123_456_TAREA.ipynb`;
- archivos sueltos con un nombre delante, `Ana García - Copia de TAREA.ipynb`.

En una entrega se abre un zip, pero no otro dentro de él; un .py vale si no hay cuaderno. Las fechas
salen de `received.csv`, escrito por quien recoge: las de los archivos no sirven, porque un zip de
Moodle o de Canvas lleva la de la descarga y las demás las elige el alumno.
"""

import hashlib
import re
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from vinogpt.grading.files import LARGE, Entry, Refused, entries_of, notebooks_in
from vinogpt.grading.notebook import (
    MAX_BYTES,
    NotebookError,
    every_cell,
    normalise,
    parse_notebook,
    read_notebook,
)
from vinogpt.grading.people import (
    CANVAS,
    WORK,
    identify,
    lookup,
    owner,
    read_dates,
    read_roster,
    visible,
)
from vinogpt.grading.rebuild import UNDONE, rebuild

START = datetime.min.replace(tzinfo=UTC)
MAX_SCRIPT = 1_000_000  # bytes de un .py
CHUNK = re.compile(r"(?ms)^(?:@[^\n]*\n){0,20}[A-Za-z_].*?(?=^[A-Za-z_@#\"']|\Z)")  # de un .py
EDITION = re.compile(r"[(-](\d{1,6})\)?\.\w+$")  # «tarea (2).ipynb», «tarea-2.ipynb»
OTHER = "no tiene ninguna respuesta de esta tarea: ¿es otro cuaderno?"
UNREADABLE = "está dañado, tiene contraseña o no se puede leer: entrega el .ipynb sin comprimir"
MISSING = "No hay ninguna entrega de esta persona."


class Submission(NamedTuple):
    """Una entrega. `cells` son las celdas de código del original con el texto del alumno.

    `student` es un identificador seguro y `name`, el nombre para personas; `answers`, el texto de
    cada respuesta por su identificador; `received` lleva zona horaria; `problem` dice por qué no
    se puede usar y `notes`, qué se ha reparado; `digest` es la suma SHA-256 del cuaderno, `file`.
    """

    student: str
    name: str = ""
    cells: tuple = ()
    answers: dict = {}  # noqa: RUF012 (nadie lo modifica)
    received: datetime | None = None
    problem: str = ""
    notes: tuple = ()
    digest: str = ""
    file: Entry | None = None


class Graded(NamedTuple):
    """Una entrega calificada; `penalty` son los puntos que pierde por tarde y `late`, por qué."""

    submission: Submission
    results: tuple
    isolation: dict
    penalty: float = 0.0
    late: str = ""


def collect(place, source_path, roster=None, received=None):
    """Una `Submission` por estudiante, en orden, de la carpeta o el zip `place`.

    `source_path` es el cuaderno original. Con `roster` hay una por cada persona de la lista. Sin
    `received` se usa `place/received.csv` si `place` es una carpeta de carpetas; entre archivos
    sueltos podría ser de un alumno. Lanza IntakeError por la descarga, nunca por una entrega.
    """
    place, source_path = Path(place), Path(source_path)
    source, entries = every_cell(read_notebook(source_path)), entries_of(place)
    groups = grouped(entries, source_path)
    if received is None and not any(WORK.fullmatch(entry.parts[0]) for entry in entries):
        received = place / "received.csv" if (place / "received.csv").is_file() else None
    dates = read_dates(received, source_path.stem) if received else {}
    rows, found = read_roster(roster) if roster else [], {}
    for person, (student, name, notes) in identify(groups, rows).items():
        names = [] if notes else [person.name]  # quien comparte nombre no recibe fecha ajena
        when = lookup(dates, [person.number, student], names)
        new = Submission(student, name, received=when, notes=tuple(notes))
        new = with_notebook(new, groups[person], source, source_path.stem)
        found[student] = latest(found.get(student), new)
    for row in rows:
        blank = Submission(row["student"], row.get("name", ""), problem=MISSING)
        found.setdefault(blank.student, blank)
    return [found[student] for student in sorted(found)]


def grouped(entries, source_path):
    """Los archivos de cada persona que entrega esta tarea."""
    groups = defaultdict(list)
    for entry in entries:
        if found := owner(entry.parts, source_path.stem):
            groups[found[0]].append(entry._replace(parts=tuple(found[1])))
    tasks = {folder.name for folder in source_path.parents[1].iterdir() if folder.is_dir()}
    groups = {who: of_task(group, source_path.stem, tasks) for who, group in groups.items()}
    return {who: group for who, group in groups.items() if group}


def of_task(group, stem, tasks):
    """Lo que hay en la carpeta de la tarea o, si no existe, fuera de las de otras tareas."""
    own = [entry for entry in group if entry.parts[1:] and entry.parts[0] == stem]
    if own:
        return [entry._replace(parts=entry.parts[1:]) for entry in own]
    rest = [entry for entry in group if not (entry.parts[1:] and entry.parts[0] in tasks)]
    return rest if len(rest) == len(group) or any(entry.read for entry in rest) else []


def latest(old, new):
    """De dos entregas de una misma persona, la que vale, con un aviso."""
    if old is None:
        return new
    chosen = max(old, new, key=lambda each: (not each.problem, each.received or START))
    return chosen._replace(notes=(*chosen.notes, "Hay dos entregas: cuenta la última recibida."))


def with_notebook(blank, group, source, stem):
    """La entrega `blank` con lo que hay en sus archivos: cuenta el cuaderno más completo.

    Si empatan, el último: por el número de Canvas o por el que añade el navegador a las copias.
    """
    attempts, faults = attempts_in(blank, notebooks_in(group, stem), source)
    if not attempts:
        return blank._replace(problem=faults[0] if faults else nothing_in(group))
    best = max(attempts, key=lambda key: (done(attempts[key].answers), *key))
    notes = [*attempts[best].notes, *faults]
    if len(attempts) > 1:
        notes.append(f"Hay {len(attempts)} cuadernos de esta tarea: cuenta {best[1]}.")
    if any((found := CANVAS.fullmatch(entry.parts[-1])) and found[2] for entry in group):
        notes.append("Canvas la marca como entregada tarde.")
    return attempts[best]._replace(notes=tuple(notes))


def attempts_in(blank, entries, source):
    """La entrega con cada archivo que se puede usar, y por qué no se usan los demás."""
    attempts, faults, left = {}, [], 2 * MAX_BYTES
    for entry in entries:
        path = visible("/".join(entry.parts))
        try:
            data = entry.read()
            left -= len(data)
            if left < 0:
                raise Refused(LARGE)
            read = read_answers(blank, path, data, source)
            attempts[edition(entry), path] = read._replace(file=entry)
        except NotebookError as error:
            faults.append(str(error))
        except Exception as error:  # sea lo que sea, una entrega no detiene a las demás
            faults.append(f"{path} {error if isinstance(error, Refused) else UNREADABLE}")
    return attempts, faults


def read_answers(blank, path, data, source):
    """La entrega `blank` con las respuestas que hay en los bytes de un archivo."""
    if path.lower().endswith(".py"):
        text = data[:MAX_SCRIPT].decode("utf-8-sig", "replace").replace("\r\n", "\n")
        chunks = [{"cell_type": "code", "source": chunk} for chunk in CHUNK.findall(text)]
        submitted = normalise({"cells": chunks}, path)
    else:
        submitted = parse_notebook(data, path)
    cells, answers, notes = rebuild(source, every_cell(submitted))
    if not any(map(str.strip, answers.values())):
        raise Refused(OTHER)
    digest = hashlib.sha256(data).hexdigest()
    return blank._replace(cells=cells, answers=answers, notes=(*blank.notes, *notes), digest=digest)


def done(answers):
    """Cuántas respuestas no siguen como se publicaron."""
    return sum(bool(text.strip()) and UNDONE not in text for text in answers.values())


def edition(entry):
    """Número de archivo en Canvas y número de copia, 0 si no los hay."""
    name = entry.parts[-1]
    canvas, copy = CANVAS.fullmatch(name), EDITION.search(name)
    return int(canvas[4]) if canvas else 0, int(copy[1]) if copy else 0


def nothing_in(group):
    """Por qué no hay ningún cuaderno en una entrega."""
    names = [visible(entry.parts[-1]) for entry in group if entry.read]
    if not names:
        return "La entrega está vacía: falta el cuaderno, en .ipynb."
    return f"No hay ningún cuaderno .ipynb en la entrega, solo {', '.join(names[:3])}."
