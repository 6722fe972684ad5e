"""El código de los capítulos y el del paquete: lo mismo, escrito igual y en su orden."""

import ast
import re

import nbformat

TAUGHT_IN = {"embeddings": 1, "ngrams": 2, "rnn": 3, "attention": 4, "model": 5}


def code_of(path):
    """El Python de un notebook, sin las órdenes de IPython (``%pip``, ``!ls``)."""
    cells = nbformat.read(path, as_version=4).cells
    source = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    return ast.parse(re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.MULTILINE))


def without_docstrings(node):
    """El árbol de ``node`` como texto, sin cadenas de documentación."""
    for inner in ast.walk(node):
        if (
            isinstance(inner, ast.FunctionDef | ast.ClassDef)
            and ast.get_docstring(inner) is not None
        ):
            inner.body = inner.body[1:]
    return ast.dump(node)


def definitions(tree):
    """Pares nombre, árbol de las funciones y clases de primer nivel."""
    kinds = ast.FunctionDef | ast.ClassDef
    return [(node.name, without_docstrings(node)) for node in tree.body if isinstance(node, kinds)]


def imported_modules(tree):
    """Nombres de los módulos de ``vinogpt`` que importa ``tree``, en cualquiera de sus formas."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "vinogpt":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vinogpt."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            names = (alias.name.split(".") for alias in node.names)
            yield from (parts[1] for parts in names if parts[0] == "vinogpt" and len(parts) > 1)


def test_imported_modules_reads_every_form():
    tree = ast.parse("import vinogpt.a\nfrom vinogpt import b\nfrom vinogpt.c import d\nimport os")
    assert list(imported_modules(tree)) == ["a", "b", "c"]


def test_chapter_never_imports_a_later_one(chapter):
    number = re.match(r"\d\d", chapter.stem)
    last = int(number[0]) if number else max(TAUGHT_IN.values())
    modules = set(imported_modules(code_of(chapter)))
    assert {module for module in modules if TAUGHT_IN.get(module, 0) > last} == set()


def test_same_name_means_same_code(repo, chapter):
    modules = [ast.parse(path.read_text(encoding="utf-8")) for path in repo.glob("vinogpt/*.py")]
    package = [definition for tree in modules for definition in definitions(tree)]
    shared = {name for name, _ in package}
    own = [definition for definition in definitions(code_of(chapter)) if definition[0] in shared]
    different = [name for name, tree in own if (name, tree) not in package]
    assert different == [], "En el libro no son iguales que en vinogpt."


def test_without_docstrings_ignores_only_docstrings():
    plain, documented, other = (
        "def f(x): return x",
        'def f(x):\n "doc"\n return x',
        "def f(x): return 1",
    )
    trees = [without_docstrings(ast.parse(source).body[0]) for source in (plain, documented, other)]
    assert trees[0] == trees[1] != trees[2]
