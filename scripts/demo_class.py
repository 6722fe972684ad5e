"""Una clase de mentira, calificada de verdad: es lo que hace `make grade`.

Crea en _build/demo_class/ un curso de usar y tirar: la tarea 01, una descarga como las de Moodle,
una lista de clase y un plazo. Después ejecuta en él la misma orden que usarías con tu clase.
"""

import ast
import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STEM = "01_embeddings"
COURSE = ROOT / "_build" / "demo_class"


# --- Entregas hechas con las respuestas del original y del banco -----------------------------


class Bank:
    """Respuestas de tests/answers/STEM.py como texto; `right` y `wrong`, por función pedida."""

    def __init__(self, stem=STEM):
        tree = ast.parse((ROOT / "tests" / "answers" / f"{stem}.py").read_text(encoding="utf-8"))
        self.imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        self.right, self.wrong, self.definitions = {}, {}, {}
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                self.definitions[node.name] = node
                self.note(node)

    def note(self, node):
        kinds = [ast.unparse(decorator).split("(")[0] for decorator in node.decorator_list]
        for kind in {"right", "wrong"} & set(kinds):
            asked = node.name.split("__")[0]
            getattr(self, kind).setdefault(asked, []).append(node.name)
            node.decorator_list = []

    def cell(self, chosen):
        """Texto de una celda que responde con las funciones `chosen`, y lo que estas usan."""
        used, pending = set(), set(chosen)
        while pending:
            name = pending.pop()
            used.add(name)
            nodes = ast.walk(self.definitions[name]) if name in self.definitions else ()
            pending |= {node.id for node in nodes if isinstance(node, ast.Name)} - used
        imports = [node for node in self.imports if used & {a.asname or a.name for a in node.names}]
        body = [node for name, node in self.definitions.items() if name in used]
        named = [f"{name.split('__')[0]} = {name}" for name in chosen]
        top = "\n".join(map(ast.unparse, imports))
        return "\n\n\n".join([top, *map(ast.unparse, body), *named])


def read(path):
    """Cuaderno de una ruta dentro del repositorio, como diccionario."""
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def grade_id(cell):
    return cell["metadata"].get("nbgrader", {}).get("grade_id", "")


def answers_of(source):
    """Texto de cada celda de respuesta de un original: {"words": "def …"}."""
    cells = [c for c in source["cells"] if c["metadata"].get("nbgrader", {}).get("solution")]
    return {grade_id(cell): "".join(cell["source"]) for cell in cells}


def filled(release, given):
    """El cuaderno publicado con las respuestas de un estudiante."""
    cells = [{**c, "source": given.get(grade_id(c), c["source"])} for c in release["cells"]]
    return {**release, "cells": cells}


def mixed(bank, answers, rng, quality):
    """Respuestas al azar: cada función, bien con probabilidad `quality`, o mal, o sin hacer."""
    given = {}
    for name, text in answers.items():
        asked = re.findall(r"(?m)^def (\w+)", text)
        if rng.random() < quality:
            given[name] = bank.cell([rng.choice(bank.right[function]) for function in asked])
        elif rng.random() < 0.8:
            given[name] = bank.cell([rng.choice(bank.wrong[function]) for function in asked])
    return given


# --- La clase --------------------------------------------------------------------------------

DUE, ON_TIME, LATE = "2026-03-02T23:59:00+01:00", "2026-03-01T18:00+01:00", "2026-03-04T09:00+01:00"
NOISY = """
import sys, warnings


def noisy(function):
    def inner(*args):
        print("aviso de Python", file=sys.stderr)
        warnings.warn("y otro aviso")
        return function(*args)
    return inner


"""
SCRIPT = "<img src=x onerror=alert(1)>"


def as_text(notebook):
    return json.dumps(notebook, ensure_ascii=False)


def noisy(answer):
    """La misma respuesta, que además escribe en stderr cada vez que se llama."""
    return NOISY + re.sub(r"(?m)^def ", "@noisy\ndef ", answer)


def stripped(notebook):
    """El cuaderno sin metadatos, con la marca de orden que añaden algunos editores."""
    cells = [{**cell, "metadata": {}} for cell in notebook["cells"]]
    return "\ufeff" + as_text({**notebook, "cells": cells})


def students():
    """Nombre, qué le pasa a su entrega y el archivo, de cada estudiante que entrega."""
    source = read(f"solutions/{STEM}/{STEM}.ipynb")
    release = read(f"exercises/{STEM}/{STEM}.ipynb")
    bank, answers, rng = Bank(), answers_of(source), random.Random(1)
    hand_in = lambda **given: as_text(filled(release, given))  # noqa: E731
    perfect, half = hand_in(**answers), {name: answers[name] for name in ("words", "masked_mean")}
    dies = "import os\n\n\ndef bpe_encode(text, merges):\n    os._exit(0)"
    shout = f"def shifted_ppmi(C, alpha, k):\n    raise ValueError({SCRIPT!r})"
    return [
        ("Ana Paz", "todo bien", perfect),
        ("Bruno Gil", "la mitad de los ejercicios", hand_in(**half)),
        ("Carla Soto", "sin hacer", hand_in()),
        ("Darío Ruiz", "archivo cortado", perfect[: len(perfect) // 2]),
        ("Elena Vera", "bien, con el archivo maltratado", stripped(json.loads(perfect))),
        ("Fabio Luna", "bien, con avisos", hand_in(**{k: noisy(v) for k, v in answers.items()})),
        ("Gala Rey", "un bucle sin fin", hand_in(**{**answers, "words": "while True:\n    pass"})),
        ("Hugo Mar", "mata su proceso", hand_in(**{**answers, "bpe_encode": dies})),
        (f"Iris {SCRIPT}", "guiones en el nombre", hand_in(**{**answers, "shifted_ppmi": shout})),
        ("Julia Sanz", "bien, dos días tarde", perfect),
        ("Karim Nader", "otras soluciones", hand_in(**mixed(bank, answers, rng, 1.0))),
        ("Luz Prieto", "errores típicos", hand_in(**mixed(bank, answers, rng, 0.0))),
    ]


def identifier(name):
    """Identificador del estudiante en el curso: ana.paz."""
    plain = name.lower().replace("í", "i")
    return ".".join(re.findall(r"[a-z]+", plain)[:2])


def make_course():
    """Escribe el curso; lo que hubiera de antes se borra."""
    shutil.rmtree(COURSE, ignore_errors=True)
    shutil.copytree(ROOT / "solutions" / STEM, COURSE / "solutions" / STEM)
    shutil.copy(ROOT / "nbgrader_config.py", COURSE)
    people, roster, received = students(), ["student,name,lms"], ["student,received"]
    for number, (name, what, text) in enumerate(people, start=1001):
        folder = COURSE / "descarga" / f"{name}_{number}_assignsubmission_file_"
        folder.mkdir(parents=True)
        (folder / f"{STEM}.ipynb").write_text(text, encoding="utf-8")
        roster.append(f"{identifier(name)},{name},{number}")
        received.append(f"{identifier(name)},{LATE if 'tarde' in what else ON_TIME}")
        print(f"  {identifier(name):<14} {what}")
    print(f"  {'mario.vega':<14} no entrega")
    roster.append("mario.vega,Mario Vega,1013")
    for name, lines in {"lista.csv": roster, "descarga/received.csv": received}.items():
        (COURSE / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    (COURSE / "deadlines.toml").write_text(f"[{STEM}]\ndue = {DUE}\npercent_per_day = 10\n")


def main():
    print(f"Curso de prueba en {COURSE.relative_to(ROOT)}:")
    make_course()
    order = ["-m", "vinogpt", "grade", STEM, "--submitted", "descarga", "--roster", "lista.csv"]
    print(f"\nEn esa carpeta: python {' '.join(order)}\n", flush=True)
    code = subprocess.run([sys.executable, *order], cwd=COURSE).returncode
    if code == 2:
        return 2
    place = COURSE.relative_to(ROOT)
    python = os.path.relpath(sys.executable, COURSE)
    print(
        f"\nEl código {code} avisa de que hay problemas: el archivo cortado y quien no entrega.\n"
        "\nQué abrir ahora:\n"
        f"  una devolución   {place}/feedback/bruno.gil/{STEM}/{STEM}.html\n"
        f"  las notas        {place}/grades_{STEM}.csv\n"
        f"  formgrader       cd {place} && {python} -m jupyterlab\n"
        "                   y, en su menú, Nbgrader > Formgrader\n"
        "\nCon tu clase: la misma orden, en la carpeta de tu curso. Lo cuenta la guía docente."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
