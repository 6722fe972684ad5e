"""Las palabras para personas: español neutro y sin erratas; las de máquina, inglés sin erratas."""

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from pathlib import Path

import nbformat
import pytest

ENGLISH = ["README.en.md"]
WORDS = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
NOT_PROSE = [
    r"^(`{3,}|~{3,}|:{3,})(?!\{(?:note|tip|warning|important|admonition|figure)).*?^\1",  # código
    r"\$\$.*?\$\$|\$[^$\n]+\$",  # fórmulas
    r"`[^`\n]*`",
    r"<[^<>]*>",  # etiquetas HTML y direcciones
    r"\]\([^)\s]*\)|https?://\S+",  # destino de los enlaces
    r"^\[[^\]]+\]:.*$|^[`:]{3,}\{.*$|^:(?:name|class|width|align):.*$",
]


def prose_of_markdown(text):
    for pattern in NOT_PROSE:
        text = re.sub(pattern, " ", text, flags=re.MULTILINE | re.DOTALL)
    return text


def prose_of_python(source):
    """Comentarios y cadenas de documentación; lo escrito entre ` ` es código."""
    tree = ast.parse(source)
    kinds = ast.Module | ast.FunctionDef | ast.ClassDef
    docs = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, kinds)]
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    return re.sub(r"`+[^`]*`+", " ", "\n".join(docs + comments))


def prose_of_notebook(path):
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(prose_of_markdown(c.source) for c in cells if c.cell_type == "markdown")


def prose_of(path):
    if path.suffix == ".ipynb":
        return prose_of_notebook(path)
    text = path.read_text(encoding="utf-8")
    return prose_of_python(text) if path.suffix == ".py" else prose_of_markdown(text)


def forbidden_words(text):
    """Cada palabra prohibida de ``text`` con lo que rodea y el consejo."""
    for phrase in WORDS["allowed"]["phrases"]:
        text = text.replace(phrase, " ")
    for pattern, advice in WORDS["forbidden"].items():
        for found in re.finditer(rf"(?<!\w)(?:{pattern})(?!\w)", text, re.IGNORECASE):
            around = text[max(0, found.start() - 30) : found.end() + 30]
            yield f"«{found[0]}» → {advice}: …{' '.join(around.split())}…"


def spanish_files(root, files):
    """Páginas, notebooks, guías y código que escribe el curso."""
    written = (".md", ".ipynb", ".py")
    return [root / name for name in files if name.endswith(written) and name not in ENGLISH]


def codespell(*arguments):
    command = [sys.executable, "-m", "codespell_lib", *arguments]
    return subprocess.run(command, capture_output=True, text=True).stdout


def test_prose_uses_no_forbidden_word(repo, files):
    pages = spanish_files(repo, files)
    found = {str(path.relative_to(repo)): list(forbidden_words(prose_of(path))) for path in pages}
    wrong = [f"{name}: {words}" for name, hits in found.items() for words in hits]
    assert wrong == [], "\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "Vamos a correr la celda",
        "una librería de Python",
        "la atencion y su mascara",
        "modelo autoregresivo",
        "como veis, funciona",
        "la celda que tenéis",
        "tambien vale 0,5",
    ],
)
def test_forbidden_words_are_found(text):
    assert list(forbidden_words(text)) != []


def test_code_formulas_and_links_are_not_prose():
    text = "`correr` $0,5$ [seis](https://a.b/tambien)\n```python\nasumir = 1\n```\n"
    assert list(forbidden_words(prose_of_markdown(text))) == []
    assert list(forbidden_words(prose_of_python("# usa `run`\nlibreria = 'correr'\n"))) == []


def test_english_texts_have_no_typos(repo):
    assert codespell(*(str(repo / name) for name in ENGLISH)) == ""


def test_names_in_code_have_no_typos(repo, files, tmp_path):
    sources = [repo / name for name in files if name.endswith(".py")]
    names = {
        token.string for path in sources for token in tokens_of(path) if token.type == tokenize.NAME
    }
    words = {word for name in names for word in name.split("_")}
    (tmp_path / "names.txt").write_text("\n".join(sorted(words)), encoding="utf-8")
    allowed = ",".join(WORDS["allowed"]["names"])
    assert codespell("--ignore-words-list", allowed, str(tmp_path / "names.txt")) == ""


def tokens_of(path):
    return tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)


def test_files_speak_only_of_the_course(repo, files):
    """Ni notas internas, ni direcciones de índices de paquetes, ni encargos."""
    internal = re.compile(
        r"(?:DESIGN|STYLE|READER|GRADING|INVENTORY|PEDAGOGY|TEACHING|MODEL)\.md|\bsub-?agent"
        r"|pypi\.org|pythonhosted|registry\.npmjs|\bTODO\b|\bFIXME\b|issues show",
    )
    own = Path(__file__).relative_to(repo).as_posix()
    text = [
        name for name in files if name.endswith((".md", ".ipynb", ".py", ".yml", ".toml", ".mjs"))
    ]
    found = {
        name: internal.findall((repo / name).read_text("utf-8")) for name in text if name != own
    }
    assert {name: words for name, words in found.items() if words} == {}
