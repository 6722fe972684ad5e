"""Escribe la edición pública: lo que reciben estudiantes y lectores, sin soluciones.

    python scripts/course.py student [-- --out DIR] [--git]

Parte de los archivos que git sigue, así que notas y entregas nunca salen. Con `--git` deja un
repositorio con un solo commit, sin historia. Se niega si exercises/ no está al día, si hay un
archivo del que no se sabe si es público, o si en algún sitio queda una línea secreta.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from generate_exercises import HIDDEN, SOLUTION, Refusal, nbgrader_generate, review

from vinogpt.grading.notebook import read_notebook

ROOT = Path(__file__).resolve().parents[1]
PRIVATE = [
    "solutions/*",
    "tests/*",
    "benchmarks/grading_*",
    "scripts/cifras.md",
    "scripts/demo_class.py",
    "scripts/generate_exercises.py",
    "scripts/student_edition.py",
    "scripts/write_figures.py",
    "nbgrader_config.py",
    "CONTRIBUTING.md",
    ".ci/*",
    ".github/*",
]
PUBLIC = [
    "book/*",
    "exercises/*",
    "vinogpt/*",
    "benchmarks/*",
    "scripts/build_site.py",
    "scripts/course.py",
    "scripts/describe_reviews.py",
    "scripts/execute_notebooks.py",
    "scripts/real_samples.py",
    "scripts/train_weights.py",
    "README*.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "LICENSE*",
    "Makefile",
    "_config.yml",
    "_toc.yml",
    "environment.yml",
    "pyproject.toml",
    "requirements.lock",
    ".gitattributes",
    ".gitignore",
]
TEACHER_ONLY = re.compile(r"<!-- docente -->\n.*?<!-- /docente -->\n\n?", re.DOTALL)
SHORT = 40  # caracteres: una línea más corta puede coincidir por azar y se busca con la siguiente
PAIR = 30  # caracteres de la pareja; más cortas, también coincidirían


# --- Lo que no puede salir -----------------------------------------------------------------


def secrets(root):
    """Líneas de solución y de prueba oculta; las cortas, por parejas seguidas.

    No cuenta lo que el propio cuaderno publica fuera de esas zonas.
    """
    found = set()
    for path in root.glob("solutions/*/*.ipynb"):
        text = "\n".join(cell["source"] for cell in read_notebook(path)["cells"])
        visible = stripped(SOLUTION.sub("", HIDDEN.sub("", text)))
        for region in HIDDEN.findall(text) + SOLUTION.findall(text):
            lines = stripped(region).splitlines()
            found.update(line for line in lines if len(line) >= SHORT and line not in visible)
            pairs = ["\n".join(pair) for pair in pairwise(lines) if min(map(len, pair)) < SHORT]
            found.update(pair for pair in pairs if len(pair) >= PAIR and pair not in visible)
    return found


def stripped(text):
    """El texto sin sangrías ni líneas vacías."""
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def searchable(content):
    """Todo el texto de un archivo; de un JSON, también el que llevan dentro sus cadenas."""
    text = content.decode("utf-8", errors="replace")
    try:
        return stripped("\n".join([text, *strings(json.loads(text))]))
    except ValueError:
        return stripped(text)


def strings(tree):
    """Las cadenas de un JSON; una lista de cadenas, que así guarda Jupyter el texto, va unida."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        yield from (text for pair in tree.items() for part in pair for text in strings(part))
    elif isinstance(tree, list) and all(isinstance(item, str) for item in tree):
        yield "".join(tree)
    elif isinstance(tree, list):
        yield from (text for item in tree for text in strings(item))


def leaks(contents, forbidden):
    """Pares nombre, línea secreta que aparece en él; `contents` son pares nombre, bytes."""
    for name, content in contents:
        text = searchable(content)
        yield from ((name, line) for line in sorted(forbidden) if line in text)


def files_under(folder):
    """Pares nombre, contenido de cada archivo que escribe esta edición."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and ".git" not in path.relative_to(folder).parts:
            yield path.relative_to(folder).as_posix(), path.read_bytes()


# --- La edición ----------------------------------------------------------------------------


def tracked(root):
    """Rutas de los archivos que git sigue."""
    command = ["git", "ls-files", "--cached", "-z"]
    done = subprocess.run(command, cwd=root, capture_output=True, encoding="utf-8")
    if done.returncode:
        raise Refusal(f"git no puede decir qué archivos son del curso: {done.stderr.strip()}")
    return [name for name in done.stdout.split("\0") if name and (root / name).is_file()]


def is_public(name):
    if any(fnmatch(name, pattern) for pattern in PRIVATE):
        return False
    if any(fnmatch(name, pattern) for pattern in PUBLIC):
        return True
    raise Refusal(f"no se sabe si {name} es público: apúntalo en scripts/student_edition.py.")


def require_current_exercises(root):
    """Lanza Refusal si algún ejercicio publicado no es el que sale de su original."""
    for source in sorted(root.glob("solutions/*/*.ipynb")):
        review(source)
        name = Path(source.stem, source.name)
        published = root / "exercises" / name
        with TemporaryDirectory() as folder:
            nbgrader_generate(source.stem, folder)
            release = Path(folder, name).read_bytes()
        if not published.exists() or published.read_bytes() != release:
            raise Refusal(f"exercises/{name.as_posix()} no está al día: ejecuta `make exercises`.")


def write_edition(root, out):
    """Copia en `out` lo público, sin lo que los Markdown reservan a quien enseña."""
    for name in filter(is_public, tracked(root)):
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, target)
        if target.suffix == ".md":
            text = target.read_text(encoding="utf-8")
            target.write_text(TEACHER_ONLY.sub("", text), encoding="utf-8", newline="\n")
    found = next(leaks(files_under(out), secrets(root)), None)
    if found:
        raise Refusal("{} enseña una línea secreta: «{}».".format(*found))


def commit(out):
    """Un repositorio nuevo con un commit, sin nombre, correo ni ganchos de quien lo crea."""
    config = (out / "_config.yml").read_text(encoding="utf-8")
    author = re.search(r"(?m)^author: (.+)$", config)[1]
    branch = re.search(r"(?m)^  branch: (.+)$", config)[1]
    who = ["-c", f"user.name={author}", "-c", "user.email=vinogpt@example.invalid"]
    plain = ["-c", "commit.gpgsign=false", "-c", f"core.hooksPath={os.devnull}"]
    # Dentro de un gancho de git, estas variables llevarían el commit al repositorio de origen.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    for command in (
        ["init", "--quiet", "--template=", f"--initial-branch={branch}"],
        ["add", "--all", "--force"],
        ["commit", "--quiet", "--message", "Edición pública"],
    ):
        subprocess.run(["git", *who, *plain, *command], cwd=out, env=env, check=True)


def parse(arguments):
    """Lee --out y --git."""
    parser = argparse.ArgumentParser(prog="make student", description=__doc__.partition("\n")[0])
    default = ROOT / "_build" / "student"
    parser.add_argument("--out", type=Path, default=default, help="carpeta nueva o vacía")
    parser.add_argument("--git", action="store_true", help="crea un repositorio sin historia")
    options = parser.parse_args(arguments)
    if options.out == default:
        shutil.rmtree(default, ignore_errors=True)
    return options


def main(arguments):
    options = parse(arguments)
    try:
        if options.out.exists() and any(options.out.iterdir()):
            raise Refusal(f"{options.out} no está vacía: nombra otra carpeta o vacíala.")
        require_current_exercises(ROOT)
        with TemporaryDirectory() as folder:
            edition = Path(folder, "edition")
            write_edition(ROOT, edition)
            if options.git:
                commit(edition)
            shutil.copytree(edition, options.out, dirs_exist_ok=True)
    except Refusal as refusal:
        print(f"No se escribe la edición pública: {refusal}", file=sys.stderr)
        return 1
    print(f"Edición pública en {options.out}: sin soluciones, pruebas ocultas ni historia.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
