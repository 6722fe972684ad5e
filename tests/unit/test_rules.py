"""Una gramática mal escrita dice qué nodo falla y por qué."""

import copy
import json
import math
from pathlib import Path

import pytest

from vinogpt.grammar import GrammarError, load
from vinogpt.rules import Rules

TINY = json.loads((Path(__file__).parent / "tiny_grammar.json").read_text(encoding="utf-8"))

MALFORMED = {
    "sum": ({"grape": [[0.6, "malbec", "grape=malbec"], [0.5, "gamay", "grape=gamay"]]},
            "nodo «grape»: las probabilidades suman 1.1, no 1"),
    "sum of a column": ({"fruit": {"by": "style", "columns": ["bright", "dark"],
                                   "rows": [[[0.7, 0.2], "cherry"], [[0.3, 0.7], "plum"]]}},
                        "nodo «fruit»: columna «dark»: las probabilidades suman 0.9, no 1"),
    "negative": ({"doubt": [[1.5, "really"], [-0.5, "perhaps"]]},
                 "nodo «doubt»: la fila «perhaps» tiene probabilidad nula o negativa"),
    "shape of a row": ({"doubt": [["really", 1]]}, "nodo «doubt»: la fila .* no es"),
    "assignment": ({"doubt": [[0.6, "really", "sure"], [0.4, "perhaps"]]},
                   "nodo «doubt»: la fila .* no es"),
    "unknown node": ({"aside-2": [[0.8, ""], [0.2, "( <joke> )"]]},
                     "nodo «aside-2»: nombra el nodo desconocido «joke»"),
    "unknown node by register": ({"aside-2": [[0.8, ""], [0.2, "<joke.$grape>"]]},
                                 "nodo «aside-2»: nombra el nodo desconocido «joke.gamay»"),
    "unknown word": ({"doubt": [[0.6, "really"], [0.4, "maybe"]]},
                     "nodo «doubt»: la palabra «maybe» no está en el léxico"),
    "unused word": ({"doubt": [[1, "really"]]}, "léxico: ningún nodo usa .*perhaps"),
    "unreachable": ({"island": [[1, "wine"]]}, "nodo «island»: ninguna regla llega a él"),
    "recursion": ({"aside-2": [[0.8, ""], [0.2, "( <doubt> <aside-2> )"]]},
                  "nodo «aside-2»: recursión sin cota"),
    "mutual recursion": ({"aside-2": [[0.8, ""], [0.2, "( <aside> )"]]},
                         "nodo «aside»: recursión sin cota"),
    "two rows, one word": ({"doubt": [[0.6, "really"], [0.3, "perhaps"], [0.1, "really wine"]]},
                           "nodo «doubt»: ambigüedad: las filas 1 y 3 empiezan por «really»"),
    "optional or next": ({"more": [[0.5, ""], [0.5, "( <fruit>"]]},
                         "nodo «note»: ambigüedad ante «aside».*['(']"),
    "register not set": ({"grape": [[0.6, "malbec", "grape=malbec"], [0.4, "gamay"]]},
                         r"nodo «note»: se leen registros sin fijar: \['grape'\]"),
    "style not drawn": ({"note": [[1, "<grape> : <fruit> <more> <aside> <echo.$grape>"]]},
                        r"nodo «note»: se leen registros sin fijar: \['style'\]"),
    "order of the styles": ({"fruit": {"by": "style", "columns": ["dark", "bright"],
                                       "rows": [[[0.2, 0.7], "cherry"], [[0.8, 0.3], "plum"]]}},
                            r"nodo «fruit»: sus columnas han de ser \['bright', 'dark'\]"),
    "no number": ({"doubt": [[math.nan, "really"], [0.4, "perhaps"]]},
                  "nodo «doubt»: las probabilidades suman nan"),
    "text in a column": ({"fruit": {"by": "style", "columns": ["bright", "dark"],
                                    "rows": [[["0.7", 0.2], "cherry"], [[0.3, 0.8], "plum"]]}},
                         "nodo «fruit»: la fila .* no es"),
    "missing column": ({"fruit": {"by": "grape", "columns": ["malbec"],
                                  "rows": [[[0.7], "cherry"], [[0.3], "plum"]]}},
                       "nodo «fruit»: faltan columnas para valores de «grape»"),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_grammar_names_node_and_reason(name):
    changes, message = MALFORMED[name]
    data = copy.deepcopy(TINY)
    data["nodes"].update(changes)
    with pytest.raises(GrammarError, match=message):
        Rules(data)


def test_malformed_styles_name_the_row():
    data = copy.deepcopy(TINY)
    data["styles"]["rows"]["gamay"] = [0.9, 0.2]
    with pytest.raises(GrammarError, match="estilos, fila «gamay»"):
        Rules(data)
    del data["styles"]["rows"]["gamay"]
    with pytest.raises(GrammarError, match="estilos: falta una fila para «gamay»"):
        Rules(data)


def test_start_must_exist():
    with pytest.raises(GrammarError, match="el nodo inicial «poem» no existe"):
        Rules({**TINY, "start": "poem"})


def test_file_problems_name_the_file(tmp_path):
    path = tmp_path / "broken.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(GrammarError, match=r"broken\.json no es JSON válido"):
        Rules.read(path)
    path.write_text('{"start": "a", "nodes": {}}', encoding="utf-8")
    with pytest.raises(GrammarError, match=r"broken\.json: falta la parte 'lexicon'"):
        Rules.read(path)
    path.write_text(json.dumps({**TINY, "nodes": []}), encoding="utf-8")
    with pytest.raises(GrammarError, match=r"broken\.json no tiene la forma"):
        Rules.read(path)
    path.write_bytes("ñ".encode("cp1252"))
    with pytest.raises(GrammarError, match=r"broken\.json no es JSON válido"):
        Rules.read(path)
    for name in ("fr", str(tmp_path)):
        with pytest.raises(GrammarError, match="no existe la gramática"):
            load(name)


def test_byte_order_mark_is_tolerated(tmp_path):
    path = tmp_path / "grammar.json"
    path.write_text(json.dumps(TINY), encoding="utf-8-sig")
    assert Rules.read(path).longest == 12


def test_unknown_feature_names_the_word():
    data = copy.deepcopy(TINY)
    data["lexicon"]["plum"] = {"clases": ["fruit"]}
    with pytest.raises(GrammarError, match="léxico, «plum»"):
        Rules(data)


def test_longest_text_is_a_bound_by_construction():
    # malbec : cherry , plum ( really ( really ) ) malbec
    assert Rules(TINY).longest == 12
