"""El único que escribe en el libro de notas de nbgrader y en `autograded/`, con copia previa.

`write` apunta las notas de una clase y `undo` lo deshace. No cambian notas ni comentarios a mano.
"""

import json
import os
import shutil
import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic.config import Config
from alembic.script import ScriptDirectory
from nbgrader import api
from nbgrader.dbutil import _temp_alembic_ini
from nbgrader.preprocessors import SaveCells
from nbgrader.utils import determine_grade, is_grade, is_solution, parse_utc
from sqlalchemy import insert

from vinogpt.grading.autograded import read_source, rebuilt, settings, tame, text_of
from vinogpt.grading.engine import FOLDER

KEPT = 10  # copias que se conservan


# --- Una clase -------------------------------------------------------------------------------


def write(course, source_path, graded, keep=KEPT):
    """Apunta las notas de `graded` y rehace sus cuadernos; devuelve la carpeta de la copia previa.

    Si algo falla, el libro de notas queda como estaba.
    """
    course, path = Path(course), Path(source_path)
    saved, source = back_up(course, path.parent.name, keep), read_source(course, path)
    pages = {
        course / "autograded" / item.submission.student / path.parent.name / path.name: page
        for item, page in ((item, rebuilt(source, item)) for item in graded)
    }
    with TemporaryDirectory(dir=course / FOLDER) as folder, transaction(course) as book:
        save(book, register(book, path.parent.name, path.stem, source), graded, pages)
        new = [Path(folder) / str(number) for number in range(len(pages))]
        for file, (target, page) in zip(new, pages.items(), strict=True):
            target.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(page, ensure_ascii=False), encoding="utf-8")
        for file, target in zip(new, pages, strict=True):
            os.replace(file, target)
    for item in graded:
        stamp(course / "submitted" / item.submission.student / path.parent.name, item.submission)
    return saved


def stamp(folder, submission):
    """Escribe la fecha donde la busca nbgrader: si no es la misma, da la entrega por calificar."""
    if folder.exists() and submission.received:
        when = parse_utc(submission.received)
        (folder / "timestamp.txt").write_text(f"{when} UTC", encoding="utf-8")
    elif folder.exists():
        (folder / "timestamp.txt").unlink(missing_ok=True)


def undo(course):
    """Deshace el último `write`, y lo puesto a mano desde entonces; devuelve qué ha repuesto.

    Lanza FileNotFoundError si no queda ninguna copia.
    """
    course = Path(course)
    *_, saved = [None, *sorted((course / FOLDER / "backups").glob("*Z"))]
    if saved is None:
        raise FileNotFoundError("No hay ninguna copia del libro de notas que reponer")
    assignment = (saved / "assignment").read_text(encoding="utf-8")
    undone = back_up(course, assignment, KEPT, "undone")
    for folder in course.glob(f"autograded/*/{assignment}"):
        shutil.rmtree(folder)
    shutil.copytree(saved / "autograded", course / "autograded", dirs_exist_ok=True)
    copy_database(saved / "gradebook.db", course / "gradebook.db")
    shutil.rmtree(saved)
    return (
        f"Repuestos el libro de notas y los cuadernos de {assignment}, como estaban en "
        f"{saved.name}. Lo que había hasta ahora está en {undone.relative_to(course)}. "
        "Las devoluciones y los CSV no cambian hasta que los escribas otra vez."
    )


def back_up(course, assignment, keep, kind="backups"):
    """Copia el libro de notas y los cuadernos de una tarea; conserva las `keep` últimas copias."""
    (course / FOLDER).mkdir(mode=0o700, exist_ok=True)
    with gradebook(course):  # lo crea si falta
        folder = course / FOLDER / kind / datetime.now(UTC).strftime("%Y%m%dT%H%M%S-%fZ")
    part = folder.with_suffix(".part")
    (part / "autograded").mkdir(parents=True)
    (part / "assignment").write_text(assignment, encoding="utf-8")
    copy_database(course / "gradebook.db", part / "gradebook.db")
    for path in course.glob(f"autograded/*/{assignment}"):
        shutil.copytree(path, part / path.relative_to(course))
    part.rename(folder)
    for old in sorted(folder.parent.iterdir())[:-keep]:
        shutil.rmtree(old)
    return folder


def copy_database(origin, target):
    with closing(sqlite3.connect(origin)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


# --- Libro de notas --------------------------------------------------------------------------


def alembic_head():
    """Versión del esquema; nbgrader se la pide a otro programa, que tarda y puede no estar."""
    with _temp_alembic_ini("sqlite://") as ini:
        return ScriptDirectory.from_config(Config(ini)).get_current_head()


@contextmanager
def gradebook(course):
    """Libro de notas del curso, que nbgrader crea si falta."""
    api.get_alembic_version = alembic_head
    url = f"sqlite:///{Path(course).resolve() / 'gradebook.db'}"
    with api.Gradebook(url, settings(course).CourseDirectory.get("course_id", "")) as book:
        yield book


@contextmanager
def transaction(course):
    """Libro de notas que no guarda nada hasta el final, y solo si no hay errores."""
    with gradebook(course) as book:
        commit, book.db.commit = book.db.commit, book.db.flush
        book.db().autoflush = False
        yield book
        commit()


def register(book, assignment, name, source):
    """Pone al día las celdas del original en el libro, también si ya hay entregas calificadas."""
    book.update_or_create_assignment(assignment)
    notebook, saver = book.update_or_create_notebook(name, assignment), SaveCells()
    saver.gradebook, saver.notebook_id, saver.assignment_id = book, name, assignment
    kinds, kept = {kind: {} for kind in ("grade", "solution", "task", "source")}, set()
    vars(saver).update({f"new_{kind}_cells": found for kind, found in kinds.items()})
    for cell in source.cells:
        saver.preprocess_cell(cell, {}, 0)
    for kind, found in kinds.items():
        update = getattr(book, f"update_or_create_{kind}_cell")
        kept |= {update(id, name, assignment, **values).id for id, values in found.items()}
    for old in [*notebook._base_cells, *notebook.source_cells]:
        if old.id not in kept:
            for row in [*getattr(old, "grades", []), *getattr(old, "comments", [])]:
                book.db.delete(row)
            book.db.delete(old)
    book.db.flush()
    book.db.expire_all()
    return notebook


def save(book, notebook, graded, pages):
    """Notas automáticas y retrasos; `pages`, los cuadernos por la ruta que tendrán."""
    cells = {cell.id: cell.name for cell in [*notebook.grade_cells, *notebook.task_cells]}
    texts = [cell.id for cell in [*notebook.solution_cells, *notebook.task_cells]]
    rows, keys = submitted(book.db, notebook, graded), ("notebook_id", "cell_id")
    ensure(book.db, api.Grade, keys, [(row.id, cell) for row in rows for cell in cells])
    ensure(book.db, api.Comment, keys, [(row.id, cell) for row in rows for cell in texts])
    for item, row, (target, page) in zip(graded, rows, pages.items(), strict=True):
        points = {result.grade_id: result.points for result in item.results}
        known = {c.metadata.nbgrader.grade_id: c for c in page.cells if "nbgrader" in c.metadata}
        for grade in row.grades:
            name, cell = cells[grade.cell_id], known[cells[grade.cell_id]]
            grade.auto_score = auto_score(cell, points.get(name, 0.0))
            new = grade.manual_score is None or text_of(target, name) != cell.source
            grade.needs_manual_grade = grade.auto_score is None and new
        total, automatic = sum(map(score_of, row.grades)), max(sum(points.values()), item.penalty)
        row.late_submission_penalty = round(item.penalty * total / (automatic or 1), 4) or None


def submitted(db, notebook, graded):
    """Filas de `graded` en el cuaderno, en orden, con su fecha y su nombre; se crean si faltan."""
    assignment = notebook.assignment_id
    submissions = {item.submission.student: item.submission for item in graded}
    ensure(db, api.Student, ("id",), [(name,) for name in submissions])
    keys = [(assignment, name) for name in submissions]
    ensure(db, api.SubmittedAssignment, ("assignment_id", "student_id"), keys)
    done = db.query(api.SubmittedAssignment).filter_by(assignment_id=assignment)
    done = {row.student_id: row for row in done if row.student_id in submissions}
    keys = [(notebook.id, row.id) for row in done.values()]
    ensure(db, api.SubmittedNotebook, ("notebook_id", "assignment_id"), keys)
    for student in db.query(api.Student).filter(api.Student.id.in_(submissions)):
        submission = submissions[student.id]
        done[student.id].timestamp = parse_utc(submission.received)
        if submission.name and not (student.last_name or student.first_name):
            student.last_name, _, student.first_name = submission.name.partition(",")
        student.last_name, student.first_name = tame(student.last_name), tame(student.first_name)
    rows = db.query(api.SubmittedNotebook).filter_by(notebook_id=notebook.id)
    rows = {row.assignment_id: row for row in rows}
    return [rows[done[name].id] for name in submissions]


def ensure(db, kind, names, keys):
    """Crea las filas de `kind` que falten; `keys`, los valores de sus columnas `names`."""
    known = set(map(tuple, db.query(*(getattr(kind, name) for name in names))))
    new = [dict(zip(names, key, strict=True)) for key in keys if key not in known]
    if new:
        db.execute(insert(kind), new)


def auto_score(cell, points):
    """Puntos automáticos; None si puntúa una persona, que no mira lo que está en blanco."""
    if is_grade(cell) and not is_solution(cell):
        return points
    return determine_grade(cell)[0] if is_grade(cell) else None


def score_of(grade):
    score = grade.auto_score if grade.manual_score is None else grade.manual_score
    return (score or 0.0) + (grade.extra_credit or 0.0)
