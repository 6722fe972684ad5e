"""De quién es cada entrega: nombres que pone cada plataforma, lista de clase y fechas.

- `roster`: CSV con las columnas `student` (identificador en el curso), `name` y `lms`: lo que
  escribe la plataforma (número, usuario u otro nombre; si son varios, separados por `|`).
- `received`: CSV con las columnas `student` (identificador o nombre) y `received` (fecha ISO 8601
  con zona). Si también hay una columna `assignment`, solo cuentan las filas de la tarea.
"""

import csv
import hashlib
import io
import re
import unicodedata
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

MOODLE = re.compile(r"(?s)(.+)_(\d+)_assignsubmission_[a-z]+(?:_(.*))?")
CANVAS = re.compile(r"(?s)(?:(\w+?)_)??(LATE_)?(\d+|anon_\w+?)_(\d+)_(.+)")
COPY = re.compile(r"^(?:Copia de |Copy of )+|[ _-]?\(\d+\)$|-\d+$")
WORK = re.compile(r"(?is).+\.(?:ipynb(?:\.\w+)?|zip|py)")  # lo que puede llevar un cuaderno
RESERVED = r"(?!(?i:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))"  # nombres que Windows no admite
SAFE = re.compile(RESERVED + r"[A-Za-z0-9_](?:[\w.@+-]{0,62}[\w@+-])?", re.ASCII)


class IntakeError(ValueError):
    """Una descarga o una lista que no se puede leer; el mensaje dice qué hacer."""


class Person(NamedTuple):
    """Quien entrega, tal como lo escribe la plataforma, con su número si lo da."""

    name: str
    number: str = ""


def owner(parts, stem):
    """De quién es el archivo `parts` y su ruta dentro de la entrega; None si no es de nadie."""
    top, *inner = parts
    if match := MOODLE.fullmatch(top):
        return Person(match[1], match[2]), [*filter(None, [match[3]]), *inner]
    if inner:
        return Person(top), inner
    if match := CANVAS.fullmatch(top):
        return Person(match[1] or match[3], match[3]), [top]
    if not WORK.fullmatch(top):
        return None
    base = top.rpartition(".")[0]
    others = " - ".join(piece for piece in base.split(" - ") if stem not in piece)
    return Person(others or COPY.sub("", base).replace(stem, "").strip(" _-") or base), [top]


def identify(persons, roster=()):
    """Identificador seguro, nombre y avisos de cada persona. Dos personas nunca comparten uno.

    `roster` es lo que devuelve `read_roster`. Quien no está en ella se identifica por su nombre,
    con algo detrás si coincide con otra persona.
    """
    listed, names = in_roster(persons, roster), {row["student"]: row["name"] for row in roster}
    ids = {person: listed.get(person) or safe_id(person.name) for person in persons}
    taken = Counter(ids[person].casefold() for person in persons if person not in listed)
    taken.update(2 * [student.casefold() for student in names])
    found = {}
    for person in sorted(persons):
        student, notes = ids[person], []
        if roster and person not in listed:
            notes.append("No está en la lista de clase, o no se sabe quién es de los que están.")
        if person not in listed and taken[student.casefold()] > 1:
            student = f"{student[:40]}-{person.number or hash_of(person)}"
            while student.casefold() in taken:
                student += "_"
            taken[student.casefold()] += 1
            notes.append("Hay otra persona con el mismo nombre: usa una lista de clase.")
        found[person] = student, names.get(student) or visible(person.name), notes
    return found


def in_roster(persons, roster):
    """Identificador de quien está en la lista: por su número o usuario y, si no, por su nombre.

    Por el nombre, que en algunas plataformas se puede cambiar, solo si no hay otro candidato.
    """
    exact = {text: row["student"] for row in roster for text in [row["student"], *row["lms"]]}
    index = index_of((row["student"], [row["name"], row["student"], *row["lms"]]) for row in roster)
    sure = {person: exact.get(person.number or person.name) for person in persons}
    sure = {person: student for person, student in sure.items() if student}
    guesses = {p: lookup(index, [], [p.name]) for p in persons if p not in sure}
    rivals = Counter([*sure.values(), *guesses.values()])
    return sure | {p: student for p, student in guesses.items() if student and rivals[student] == 1}


def safe_id(name):
    """Identificador que no se puede tomar por una ruta, hecho con letras del nombre."""
    ascii_name = plain(name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9._@+-]+", ".", ascii_name).strip(".-@+ ")[:60].rstrip(".")
    candidates = [name, slug, f"id-{hash_of(name)}"]
    return next(candidate for candidate in candidates if SAFE.fullmatch(candidate))


def hash_of(value):
    return hashlib.sha256(repr(value).encode()).hexdigest()[:8]


def visible(text):
    """El texto sin caracteres de control, invisibles o que cambian el sentido de la escritura."""
    text = unicodedata.normalize("NFC", text)
    return "".join(letter for letter in text if letter.isprintable())[:200]


# --- Listas ----------------------------------------------------------------------------------


def read_roster(path):
    """Filas de la lista de clase; IntakeError si falta algo o se repite un identificador."""
    rows = {}
    for line, row in read_table(path, ["student"]):
        student = row["student"]
        if student in rows or not SAFE.fullmatch(student):
            raise IntakeError(
                f"{path}, línea {line}: el identificador {student!r} está repetido o no vale; usa "
                "letras sin tilde, cifras y . _ @ + -"
            )
        others = [text.strip() for text in row.get("lms", "").split("|")]
        rows[student] = {
            "student": student,
            "name": row.get("name", ""),
            "lms": [*filter(None, others)],
        }
    return list(rows.values())


def read_dates(path, assignment):
    """Índice de fechas de recepción, para `lookup`; de cada persona, la última."""
    dates = {}
    for line, row in read_table(path, ["student", "received"]):
        try:
            date = datetime.fromisoformat(row["received"])
        except ValueError:
            date = datetime.min
        if date.tzinfo is None:
            raise IntakeError(
                f"{path}, línea {line}: {row['received']!r} no es una fecha con zona, como "
                "2026-03-02T23:59:00+01:00"
            )
        if row.get("assignment", assignment) == assignment:
            dates[row["student"]] = max(date, dates.get(row["student"], date))
    return index_of((date, [student]) for student, date in dates.items())


def read_table(path, columns):
    """Número de línea y casillas de cada fila de un CSV, con comas o con puntos y comas."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise IntakeError(f"No se puede leer {path}: guárdalo como CSV en UTF-8") from None
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    if missing := set(columns) - set(reader.fieldnames or []):
        raise IntakeError(f"{path}: falta la columna `{min(missing)}`")
    for row in reader:
        yield reader.line_num, {key: (row[key] or "").strip() for key in reader.fieldnames}


def index_of(pairs):
    """Índice de valores por los textos de cada uno, tal cual y con sus palabras en otro orden."""
    index = defaultdict(set)
    for value, texts in pairs:
        for text in filter(None, texts):
            found = words(text)
            orders = ["".join(found[i:] + found[:i]) for i in range(len(found))]
            for key in (f"={text}", *orders):
                index[key].add(value)
    return index


def lookup(index, exact, similar):
    """Valor del primer texto que corresponde a uno solo, tal cual o con sus palabras; o None."""
    keys = [f"={text}" for text in exact] + ["".join(words(text)) for text in similar]
    return next((min(index[key]) for key in keys if len(index.get(key, ())) == 1), None)


def words(text):
    """Palabras del texto, sin tildes ni mayúsculas."""
    return re.findall(r"[^\W_]+", plain(text))


def plain(text):
    letters = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()
