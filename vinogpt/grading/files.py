"""Archivos de una descarga, leídos sin fiarse de ellos: ni enlaces, ni rutas ajenas, ni excesos.

Nada se copia a disco. De un zip solo se leen los archivos que hacen falta, cada uno con su tope,
así que da igual lo que prometa el resto.
"""

import io
import os
import re
import stat
import zipfile
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from vinogpt.grading.notebook import MAX_BYTES
from vinogpt.grading.people import IntakeError, hash_of

MAX_MEMBERS, MAX_INNER = 100_000, 1_000  # archivos de una descarga y del zip de una entrega
MAX_LEVELS = 10  # carpetas, una dentro de otra
MAX_READ = 10  # archivos que se leen de una entrega
JUNK = re.compile(r"(?is)\..*|__MACOSX|desktop\.ini|thumbs\.db")
KINDS = [re.compile(rf"(?is).+\.{end}") for end in (r"ipynb(?:\.\w+)?", "zip", "py")]
LINK = "es un enlace o no es un archivo corriente: entrega el archivo mismo"
LARGE = f"pasa de {MAX_BYTES / 1e6:.0f} MB: borra las salidas y guárdalo de nuevo"
OUTSIDE = "tiene una ruta que sale de su carpeta: entrega solo el cuaderno"


class Refused(ValueError):
    """Un archivo entregado que no se abre; el mensaje continúa su nombre y dice qué hacer."""


class Entry(NamedTuple):
    """Un archivo: su ruta, en partes, y la función que lee sus bytes; None si es una carpeta.

    La ruta de una carpeta acaba en una parte vacía.
    """

    parts: tuple
    read: object


def entries_of(place):
    """Lo que hay en una carpeta o en un zip, sin lo que añaden sistemas y editores."""
    if not place.exists():
        raise IntakeError(f"No existe {place}: indica la carpeta o el zip de las entregas")
    try:
        entries = walk(place) if place.is_dir() else unwrapped(members(place, MAX_MEMBERS), place)
        entries = list(islice(entries, MAX_MEMBERS + 1))
    except Exception:
        raise IntakeError(f"{place} no es una carpeta ni un zip que se pueda leer") from None
    if len(entries) > MAX_MEMBERS:
        raise IntakeError(f"{place} tiene más de {MAX_MEMBERS} archivos: indica otra carpeta")
    return [entry for entry in entries if not any(map(JUNK.fullmatch, entry.parts))]


def unwrapped(entries, place):
    """Lo mismo sin la carpeta que lo envuelve todo, si da nombre al zip o es `submitted`."""
    entries = list(entries)
    top = entries[0].parts[0] if entries else ""
    named = top == "submitted" or place.stem.casefold().startswith(top.casefold())
    if named and all(entry.parts[0] == top and entry.parts[1:] for entry in entries):
        entries = [entry._replace(parts=entry.parts[1:]) for entry in entries]
    return [entry for entry in entries if entry.parts != ("",)]


def walk(place):
    """Lo que hay en una carpeta, sin seguir enlaces."""
    for folder, folders, files in os.walk(place):
        parts = Path(folder).relative_to(place).parts
        folders[:] = sorted(folders) if len(parts) < MAX_LEVELS else []
        for name in sorted(files):
            yield Entry((*parts, name), partial(read_file, os.path.join(folder, name)))
        for name in folders:
            path = os.path.join(folder, name)
            if os.path.islink(path):  # se entrega como un archivo que no se puede leer
                yield Entry((*parts, name, f"{name}.ipynb"), partial(read_file, path))
            else:
                yield Entry((*parts, name, ""), None)


def read_file(path):
    """Bytes de un archivo corriente; Refused si es otra cosa o es demasiado grande."""
    info = os.lstat(path)
    if not stat.S_ISREG(info.st_mode) or info.st_nlink > 1:
        raise Refused(LINK)
    if info.st_size > MAX_BYTES:
        raise Refused(LARGE)
    with open(path, "rb") as file:
        return file.read(MAX_BYTES + 1)


def members(file, limit):
    """Lo que hay en un zip. Un nombre demasiado largo se cambia por su resumen."""
    archive = zipfile.ZipFile(file)
    if len(archive.infolist()) > limit:
        raise Refused(f"tiene más de {limit} archivos: entrega solo el cuaderno")
    for info in archive.infolist():
        name = info.filename
        if not info.flag_bits & 0x800:  # no dice cómo escribe los nombres; macOS, en UTF-8
            with suppress(UnicodeError):
                name = name.encode("cp437").decode()
        pieces = re.split(r"[/\\]", name)
        parts = [piece if len(piece) < 256 else hash_of(piece) for piece in pieces]
        parts = tuple(part for part in parts if part not in ("", ".", ".."))
        if info.is_dir():
            yield Entry((*parts, ""), None)
        elif parts:
            outside = ".." in pieces or name[0] in "/\\"
            yield Entry(parts, partial(read_member, archive, info, outside))


def read_member(archive, info, outside):
    """Bytes de un archivo de un zip; Refused si es un enlace, sale de su carpeta o es grande."""
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        raise Refused(LINK)
    if outside:
        raise Refused(OUTSIDE)
    if info.file_size > MAX_BYTES:
        raise Refused(LARGE)
    with archive.open(info) as file:
        return file.read(MAX_BYTES + 1)


def notebooks_in(group, stem):
    """Cuadernos de una entrega; si no hay, los de sus zip y, si tampoco, los archivos .py.

    Primero, los que llevan `stem` en el nombre; en total, `MAX_READ` como mucho.
    """
    notebooks, archives, scripts = (
        [entry for entry in group if entry.read and kind.fullmatch(entry.parts[-1])]
        for kind in KINDS
    )
    inner = [] if notebooks else [entry for found in archives[:MAX_READ] for entry in opened(found)]
    found = notebooks or inner or scripts
    return sorted(found, key=lambda entry: stem not in entry.parts[-1])[:MAX_READ]


def opened(entry):
    """Cuadernos de un zip entregado; si no se puede abrir, leerlos dice por qué."""
    try:
        data = entry.read()
        if data.count(b"PK\1\2") > MAX_INNER:  # cada archivo tiene una marca
            raise Refused(f"tiene más de {MAX_INNER} archivos: entrega solo el cuaderno")
        inner = list(members(io.BytesIO(data), MAX_INNER))
    except Exception as error:
        return [entry._replace(read=partial(refuse, error))]
    inner = [e for e in inner if e.read and not any(map(JUNK.fullmatch, e.parts))]
    found = [e for kind in KINDS[::2] for e in inner if kind.fullmatch(e.parts[-1])]
    found = found or [Entry((), partial(refuse, Refused("no lleva ningún cuaderno .ipynb")))]
    return [each._replace(parts=entry.parts + each.parts) for each in found]


def refuse(error):
    raise error
