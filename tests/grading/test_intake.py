"""vinogpt.grading.intake: quién entrega qué, y ningún archivo hostil detiene a los demás."""

import io
import json
import os
import stat
import time
import zipfile
from datetime import UTC, datetime

import pytest

from vinogpt.grading.intake import collect
from vinogpt.grading.notebook import MAX_BYTES
from vinogpt.grading.people import SAFE, IntakeError, Person, identify, owner, safe_id

CHECK = "@check\ndef doubles(f):\n    assert f(2) == 4"
STEM = "01_tema"
NAME = f"{STEM}.ipynb"


def code(text, grade_id="", **data):
    metadata = {"nbgrader": {"grade_id": grade_id, **data}} if grade_id else {}
    return {"cell_type": "code", "source": text, "metadata": metadata}


def book(*cells):
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def answered(text="def f(x):\n    return 2 * x"):
    return book(code(text, "f", solution=True), code(CHECK, "f_check", grade=True, points=1))


def dump(value):
    return json.dumps(value).encode()


GOOD = dump(answered())


@pytest.fixture
def course(tmp_path):
    """Un curso con dos tareas; devuelve la función que recoge la primera."""
    for stem in (STEM, "02_otra"):
        path = tmp_path / "solutions" / stem / f"{stem}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(GOOD)

    def run(files, **options):
        place = write(tmp_path / "place", files)
        found = collect(place, tmp_path / "solutions" / STEM / NAME, **options)
        return {submission.student: submission for submission in found}

    return run


def write(place, files):
    for path, content in files.items():
        target = place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return place


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


# --- Carpetas, plataformas y nombres ---------------------------------------------------------

PLACES = {
    f"ana/{STEM}/{NAME}": "ana",  # nbgrader
    f"ana/{NAME}": "ana",
    f"García López, Ana/{NAME}": "garcia.lopez.ana",
    f"Ana García_1234567_assignsubmission_file_/{NAME}": "ana.garcia",  # Moodle hasta 3.11
    f"Ana García_1234567_assignsubmission_file/{NAME}": "ana.garcia",
    f"Ana García_1234567_assignsubmission_file_{NAME}": "ana.garcia",
    "Participante_77_assignsubmission_file_x.ipynb": "Participante",
    f"garcíaana_12345_67890_{NAME}": "garciaana",  # Canvas
    f"garciaana_LATE_12345_67890_{STEM}-1.ipynb": "garciaana",
    f"anon_Ab12x_67890_{NAME}": "anon_Ab12x",
    f"Ana García - {NAME}": "ana.garcia",
    f"Ana García - Copia de {STEM} (2).ipynb": "ana.garcia",
    f"{STEM}_ana.ipynb": "ana",
    "ana.ipynb": "ana",
    f"ana@uni.es/{NAME}": "ana@uni.es",
    f"王伟/{NAME}": safe_id("王伟"),
}


@pytest.mark.parametrize("path", PLACES)
def test_students_are_recognised(course, path):
    assert list(course({path: GOOD})) == [PLACES[path]]


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("wrapper", ["", "place/", "submitted/"])
def test_a_zip_is_like_its_folder(course, tmp_path, path, wrapper):
    content = zipped({wrapper + path: GOOD, f"{wrapper}eva/{NAME}": GOOD})
    write(tmp_path, {"place.zip": content})
    found = collect(tmp_path / "place.zip", tmp_path / "solutions" / STEM / NAME)
    assert {submission.student for submission in found} == {PLACES[path], "eva"}
    assert not any(submission.problem for submission in found)


def test_other_assignments_and_loose_files_are_not_submissions(course):
    files = {f"ana/{STEM}/{NAME}": GOOD, f"ana/02_otra/{NAME}": b"{", "luis/02_otra/x.ipynb": GOOD}
    found = course(files | {"LEEME.txt": b"x", "eva/.ipynb_checkpoints/x.ipynb": GOOD})
    assert {name: submission.problem for name, submission in found.items()} == {
        "ana": "",
        "eva": "La entrega está vacía: falta el cuaderno, en .ipynb.",
    }


STRANGE = ["..", ".", "", "../..", "a/../b", "-rf", "CON", "nul.txt", "a\nb", "\u202eana", "ana "]
STRANGE += ["ana.", "x" * 300, "=1+1", "<b>", "ana\0", "~", "com1", "ñ", "🍷", ".oculta", "\ud800"]


@pytest.mark.parametrize("name", STRANGE)
def test_identifiers_are_always_safe(name):
    student = safe_id(name)
    assert SAFE.fullmatch(student) and not student.endswith(".")
    assert os.path.basename(student) == student


def test_two_people_never_share_an_identifier():
    persons = [
        Person("Ana García"),
        Person("ana garcia", "7"),
        Person("ANA.GARCIA"),
        Person("luis"),
    ]
    found = identify(persons)
    ids = [student.casefold() for student, _, _ in found.values()]
    assert len(set(ids)) == 4
    assert found[Person("luis")] == ("luis", "luis", [])
    assert "Hay otra persona" in found[persons[1]][2][0]


def test_an_identifier_chosen_to_collide_does_not():
    first = [Person("Ana Paz", "7"), Person("ana paz", "8")]
    taken = Person(identify(first)[first[0]][0])
    assert len({student for student, _, _ in identify([*first, taken]).values()}) == 3


def test_names_for_people_have_no_control_characters(course):
    [found] = course({f"Ana\u202e\n Paz/{NAME}": GOOD}).values()
    assert (found.student, found.name) == ("ana.paz", "Ana Paz")


def test_roster_gives_identifiers_and_who_is_missing(course, tmp_path):
    rows = "student;name;lms\nu1;García López, Ana;\nu2;Luis Paz;12345|lpaz\nu3;Eva Sol;\n"
    (tmp_path / "roster.csv").write_text(rows, encoding="utf-8-sig")
    files = {f"Ana García López_1_assignsubmission_file/{NAME}": GOOD, f"x_12345_6_{NAME}": GOOD}
    found = course(files | {f"Otro/{NAME}": GOOD}, roster=tmp_path / "roster.csv")
    assert {s: found[s].name for s in found} == {
        "Otro": "Otro",
        "u1": "García López, Ana",
        "u2": "Luis Paz",
        "u3": "Eva Sol",
    }
    assert found["u3"].problem == "No hay ninguna entrega de esta persona."
    assert found["Otro"].notes == (
        "No está en la lista de clase, o no se sabe quién es de los que están.",
    )


def test_changing_ones_name_does_not_replace_a_classmate(course, tmp_path):
    (tmp_path / "roster.csv").write_text("student,name,lms\nana,Ana Paz,\neva,Eva Sol,8\n")
    folder = "{}_assignsubmission_file/" + NAME
    names = ["Ana Paz_1", "Paz Ana_2", "Eva Sol_8", "Eva Sol_9", "eva_10"]
    found = course({folder.format(name): GOOD for name in names}, roster=tmp_path / "roster.csv")
    assert list(found) == ["ana", "ana.paz", "eva", "eva-10", "eva.sol", "paz.ana"]
    assert found["ana"].problem == "No hay ninguna entrega de esta persona."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\nAna\n", "falta la columna `student`"),
        ("student\na\na\n", "línea 3"),
        ("student\n../a\n", "línea 2"),
        (b"student\n\xff\n", "UTF-8"),
    ],
)
def test_bad_rosters_say_where(course, tmp_path, text, message):
    (tmp_path / "roster.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(IntakeError, match=message):
        course({f"ana/{NAME}": GOOD}, roster=tmp_path / "roster.csv")


# --- Fechas y varias entregas ----------------------------------------------------------------


def test_dates_come_from_the_collector(course):
    dates = "student,received\nana,2026-03-01T10:00:00+01:00\nana,2026-03-02T10:00:00Z\n"
    files = {f"ana/{NAME}": GOOD, f"luis/{NAME}": GOOD, "luis/timestamp.txt": b"2001-01-01 UTC"}
    found = course(files | {"received.csv": dates.encode()})
    assert found["ana"].received == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert found["luis"].received is None


def test_dates_among_loose_files_could_be_of_a_student(course, tmp_path):
    dates = b"student,received\nana,2001-01-01T00:00:00Z\n"
    files = {f"Ana - {NAME}": GOOD, "received.csv": dates}
    assert course(files)["Ana"].received is None
    assert course(files, received=tmp_path / "place" / "received.csv")["Ana"].received


def test_dates_of_another_assignment_do_not_count(course):
    dates = b"student,assignment,received\nana,02_otra,2026-03-01T10:00:00+01:00\n"
    assert course({f"ana/{NAME}": GOOD, "received.csv": dates})["ana"].received is None


@pytest.mark.parametrize("date", ["ayer", "2026-03-01", "2026-03-01T10:00:00", ""])
def test_bad_dates_say_where(course, date):
    with pytest.raises(IntakeError, match="línea 2"):
        course({f"ana/{NAME}": GOOD, "received.csv": f"student,received\nana,{date}".encode()})


def test_of_two_accounts_the_last_received_counts(course, tmp_path):
    (tmp_path / "roster.csv").write_text("student,name,lms\nu1,Ana Paz,apaz|ana2\n")
    dates = "student,received\nana2,2026-03-01T10:00:00Z\napaz,2026-03-02T10:00:00Z\n"
    files = {f"ana2/{NAME}": GOOD, f"apaz/{NAME}": dump(answered("def f(x): return 0"))}
    [found] = course(
        files | {"received.csv": dates.encode()}, roster=tmp_path / "roster.csv"
    ).values()
    assert found.answers == {"f": "def f(x): return 0"}
    assert found.received.day == 2
    assert found.notes == ("Hay dos entregas: cuenta la última recibida.",)


def test_of_several_notebooks_the_most_complete_counts_then_the_last(course):
    blank = dump(answered("def f(x):\n    raise NotImplementedError"))
    second = dump(answered("def f(x): return 2"))
    files = {f"ana_1_20_{NAME}": GOOD, f"ana_1_30_{NAME}": second, f"ana_1_40_{NAME}": blank}
    [found] = course(files).values()
    assert found.answers == {"f": "def f(x): return 2"}
    assert found.notes == (f"Hay 3 cuadernos de esta tarea: cuenta ana_1_30_{NAME}.",)


def test_a_whole_copy_of_the_course_is_searched(course):
    copy = {f"vinogpt/book/{i:02}.ipynb": dump(book(code("1"))) for i in range(50)}
    copy[f"vinogpt/exercises/{STEM}/{NAME}"] = GOOD
    found = course({f"ana/{path}": content for path, content in copy.items()})
    assert not found["ana"].problem
    assert not course({"luis/copia.zip": zipped(copy)})["luis"].problem


def test_who_shares_a_name_does_not_take_a_date(course, tmp_path):
    (tmp_path / "roster.csv").write_text("student,name,lms\nu1,Ana Paz,7\n")
    (tmp_path / "dates.csv").write_text("student,received\nAna Paz,2026-03-01T10:00:00Z\n")
    files = {f"Ana Paz_{i}_assignsubmission_file/{NAME}": GOOD for i in (7, 8)}
    found = course(files, roster=tmp_path / "roster.csv", received=tmp_path / "dates.csv")
    assert {student: bool(found[student].received) for student in found} == {
        "ana.paz": False,
        "u1": True,
    }


# --- Archivos hostiles o inservibles ---------------------------------------------------------

UNUSABLE = {
    "vacío": (b"", "no es un cuaderno"),
    "no es JSON": (b"{", "no es un cuaderno"),
    "una lista": (b"[]", "no es un cuaderno"),
    "sin celdas": (b"{}", "no es un cuaderno"),
    "otras celdas": (b'{"cells": [1]}', "no es un cuaderno"),
    "otra tarea": (dump(book(code("def g(): 1", "g", solution=True))), "¿es otro cuaderno?"),
    "demasiado grande": (b" " * (MAX_BYTES + 1), "pasa de 32 MB"),
    "demasiado profundo": (b"[" * 100_000, "demasiadas partes"),
    "profundo y cerrado": (b"[" * 100_000 + b"]" * 100_000, "demasiadas partes"),
    "demasiadas celdas": (dump(book(*[code("")] * 100_000)), "más de 2000 celdas"),
    "demasiados valores": (b'{"a":[' + b"1," * 2_100_000 + b"1]}", "demasiadas partes"),
    "número enorme": (b'{"cells": ' + b"9" * 10_000 + b"}", "no es un cuaderno"),
    "cadena sin cerrar": (b'{"a": "' + b"\\n" * 1_000_000, "no es un cuaderno"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_file_is_a_problem_of_its_own(course, name):
    content, message = UNUSABLE[name]
    found = course({f"ana/{NAME}": content, f"luis/{NAME}": GOOD})
    assert message in found["ana"].problem
    assert found["luis"].problem == ""


def bomb(size):
    return zipped({NAME: b" " * size})


BAD_ZIPS = {
    "dañado": (b"PK\3\4" + b"x" * 100, "está dañado"),
    "vacío": (zipped({}), "no lleva ningún cuaderno"),
    "bomba": (bomb(MAX_BYTES + 1), "pasa de 32 MB"),
    "muchos archivos": (zipped({f"{i}.ipynb": b"" for i in range(1_001)}), "más de 1000 archivos"),
    "sale de la carpeta": (zipped({f"../../luis/{NAME}": GOOD}), "sale de su carpeta"),
    "ruta absoluta": (zipped({f"/etc/{NAME}": GOOD}), "sale de su carpeta"),
    "zip dentro de zip": (zipped({"b.zip": zipped({NAME: GOOD})}), "no lleva ningún cuaderno"),
}


@pytest.mark.parametrize("name", BAD_ZIPS)
def test_a_bad_zip_is_a_problem_of_its_own(course, name):
    content, message = BAD_ZIPS[name]
    found = course({"ana/entrega.zip": content, f"luis/{NAME}": GOOD})
    assert message in found["ana"].problem
    assert (list(found), found["luis"].problem) == (["ana", "luis"], "")


def test_what_is_read_of_a_submission_has_a_limit(course, monkeypatch):
    monkeypatch.setattr("vinogpt.grading.intake.MAX_BYTES", len(GOOD))
    [found] = course({f"ana/{i}/{NAME}": GOOD for i in range(9)}).values()
    assert found.answers
    assert sum("pasa de" in note for note in found.notes) == 7


def test_members_that_are_links_are_refused(course):
    info = zipfile.ZipInfo(NAME)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    found = course({"ana/entrega.zip": zipped({info: b"/etc/passwd"})})
    assert "es un enlace" in found["ana"].problem


def test_an_encrypted_member_is_refused(course):
    content = bytearray(zipped({NAME: GOOD}))
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(mark) + offset] |= 1
    assert "tiene contraseña" in course({"ana/entrega.zip": bytes(content)})["ana"].problem


LINKS = {
    "simbólico": lambda path, target: path.symlink_to(target),
    "a una carpeta": lambda path, target: path.symlink_to(target.parent),
    "duro": lambda path, target: path.hardlink_to(target),
    "roto": lambda path, target: path.symlink_to("no existe"),
    "fifo": lambda path, target: os.mkfifo(path),
    "a sí mismo": lambda path, target: path.symlink_to(path),
}


@pytest.mark.parametrize("kind", LINKS)
def test_links_and_devices_are_refused(course, tmp_path, kind):
    (tmp_path / "place" / "ana").mkdir(parents=True)
    LINKS[kind](tmp_path / "place" / "ana" / NAME, tmp_path / "solutions" / STEM / NAME)
    assert "es un enlace o no es un archivo corriente" in course({})["ana"].problem


def test_a_linked_folder_is_not_followed(course, tmp_path):
    write(tmp_path / "place", {f"luis/{NAME}": GOOD})
    (tmp_path / "place" / "ana").symlink_to("luis")
    found = course({})
    assert "es un enlace" in found["ana"].problem
    assert found["luis"].problem == ""


def test_very_deep_folders_do_not_stop_the_rest(course, tmp_path):
    (tmp_path / "place" / "ana" / "/".join(["d"] * 900)).mkdir(parents=True)
    found = course({f"luis/{NAME}": GOOD})
    assert found["ana"].problem.startswith("La entrega está vacía")
    assert found["luis"].problem == ""


@pytest.mark.parametrize("name", ["a\nb", "\u202eana", "x" * 200, "-rf", "a'b\"<script>"])
def test_strange_file_names_do_not_stop_the_rest(course, name):
    found = course({f"ana/{name}.ipynb": b"{", f"{name}/{NAME}": GOOD, f"luis/{NAME}": GOOD})
    assert len(found) == 3
    assert found["luis"].problem == ""
    assert all(text.isprintable() for s in found.values() for text in (s.problem, s.name))


@pytest.mark.parametrize("content", [b"", b"no es un zip", None])
def test_a_bad_download_is_an_error(tmp_path, course, content):
    if content is not None:
        (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(IntakeError, match=r"x\.zip"):
        collect(tmp_path / "x.zip", tmp_path / "solutions" / STEM / NAME)


@pytest.mark.parametrize("part", ["a_anon_", "1_", "_LATE_", "a - ", "(1)", "anon_1_"])
def test_long_names_are_read_at_once(part):
    start = time.perf_counter()
    owner((part * (255 // len(part)),), STEM)
    assert time.perf_counter() - start < 1
