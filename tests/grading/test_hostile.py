"""El corpus hostil por el camino de una clase: ni puntos de más, ni de menos, ni un rastro.

Aquí van las entregas que se resuelven en poco tiempo; `benchmarks/grading_hostile.py` pasa todas.
"""

import ast
import builtins
import importlib.util
import json
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from vinogpt.check import Local, check
from vinogpt.grading.notebook import cells_of, read_notebook

ROOT = Path(__file__).resolve().parents[2]


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bench = load(ROOT / "benchmarks" / "grading_hostile.py")
ATTACKS = bench.hostile.ATTACKS
QUICK = [attack for attack in ATTACKS if attack.name not in bench.SLOW]


@pytest.fixture(scope="module")
def classroom(bwrap):
    """La clase hostil, ya calificada."""
    return bench.ours(QUICK)


@pytest.mark.parametrize("name", [attack.name for attack in QUICK])
def test_attack_gets_what_it_deserves_and_leaves_nothing(classroom, name):
    assert classroom.outcomes[name] == bench.Outcome(0, 0, [], False)


def test_honest_students_of_the_same_class_get_all_their_points(classroom):
    assert classroom.honest == dict.fromkeys(bench.HONEST, 20)


def test_nothing_else_is_damaged_or_left_alive(classroom):
    assert classroom.damage == []


def test_the_class_is_graded_to_the_end(classroom):
    assert "Código: 2" not in classroom.log and "Traceback" not in classroom.log


# --- El control: los detectores detectan -----------------------------------------------------

CONTROL = {  # sin aislamiento, la misma entrega deja su rastro
    "local_network": "conexión",
    "local_sockets": "conexión",
    "file_outside": "archivo: ",
    "daemon": "proceso: ",
    "others_are_listed": "dice: ver procesos ajenos",
}


@pytest.fixture(scope="module")
def unprotected(bwrap):
    wanted = [*CONTROL, "course_files_are_deleted", "stranger_is_killed"]
    return bench.ours([a for a in ATTACKS if a.name in wanted], "--no-sandbox")


@pytest.mark.parametrize("name", CONTROL)
def test_without_a_sandbox_the_trace_is_found(unprotected, name):
    traces = unprotected.outcomes[name].traces
    assert [trace for trace in traces if trace.startswith(CONTROL[name])]


def test_without_a_sandbox_the_damage_is_found(unprotected):
    assert "un proceso ajeno ha muerto" in unprotected.damage
    assert "han cambiado archivos del curso" in unprotected.damage


def test_where_nothing_separates_answer_and_check_the_answer_wins(repo):
    answers = {"np": np}
    exec(bench.hostile.body_of(bench.hostile.frames_give_the_expected_value), answers)
    source = read_notebook(repo / "solutions" / bench.STEM / bench.NAME)
    [cell] = [c for c in cells_of(source) if c.id == "shifted_ppmi_hidden_reference"]
    exec(cell.text, {"np": np, "check": partial(check, home=Local(answers))})  # se cumple


# --- El corpus ------------------------------------------------------------------------------


def test_there_are_enough_kinds_of_every_class():
    found = Counter(attack.klass for attack in ATTACKS)
    assert set(found) == set(bench.hostile.KLASSES)
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) >= 85
    assert len({attack.about for attack in ATTACKS}) == len(ATTACKS)
    assert min(found.values()) >= 8


def unknown(text):
    """Nombres que usa un texto y que nadie define."""
    tree = ast.parse(text)
    known = {*dir(builtins), "get_ipython"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            known.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            known.add(node.name)
        elif isinstance(node, ast.arg):
            known.add(node.arg)
        elif isinstance(node, ast.alias):
            known.add((node.asname or node.name).split(".")[0])
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - known


def test_no_attack_fails_for_a_name_that_is_missing(repo):
    """Un NameError no demostraría nada."""
    book, world = bench.read_book(repo), bench.hostile.World("t", "ab12", "/o", "/c", 1)
    before = (
        "import re, string\nfrom collections import Counter\nimport numpy as np\n"
        "from vinogpt.check import check\n"
    )
    for attack in ATTACKS:
        content = attack.make(book, world).get(bench.NAME)
        if not isinstance(content, bytes) or b"CONSEGUIDO" not in content:
            continue
        for cell in json.loads(content)["cells"]:
            text = "".join(cell["source"])
            if "CONSEGUIDO" in text:
                assert unknown(before + text) == set(), attack.name
