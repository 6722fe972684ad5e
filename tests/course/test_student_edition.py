"""La edición pública: completa, coherente y sin una sola línea de solución o de prueba oculta."""

import importlib.util
import json
import os
import re
import subprocess
import sys

import pytest

STEM = "01_embeddings"
REGION = re.compile(r"BEGIN (HIDDEN TESTS|SOLUTION)\n(.*?)### END \1", re.DOTALL)
OWN = re.compile(r"vinogpt/vinogpt/(?:blob|tree|edit|raw)/main/([\w./-]+)")
LINK = re.compile(r"\]\((?!<?https?:|#|mailto:)([^)\s#]+)")


@pytest.fixture(scope="module")
def script(repo):
    folder = repo / "scripts"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        spec = importlib.util.spec_from_file_location("student", folder / "student_edition.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def edition(script, tmp_path_factory):
    """La edición, como repositorio sin historia."""
    out = tmp_path_factory.mktemp("edition")
    assert script.main(["--out", str(out), "--git"]) == 0
    return out


@pytest.fixture(scope="module")
def secrets(repo):
    """Las líneas secretas de todos los originales."""
    paths = repo.glob("solutions/*/*.ipynb")
    return {line for path in paths for line in secret_lines(json.loads(path.read_bytes()))}


def text_of(content):
    """El contenido y, si es JSON, sus cadenas unidas: un cuaderno parte el texto en líneas."""
    text = content.decode("utf-8", errors="replace")
    inner = []
    try:
        json.loads(text, object_hook=lambda node: inner.extend(node.values()))
    except ValueError:
        return text
    pieces = ["".join(map(str, part)) if isinstance(part, list) else str(part) for part in inner]
    return "\n".join([text, *pieces])


def prose_of(page):
    """El texto de una página, sin código; de un cuaderno, sus celdas de texto."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return re.sub(r"`[^`\n]*`", "", text)


def secret_lines(source):
    """Líneas que solo están en zonas secretas; las más cortas coinciden con cualquier programa."""
    text = "\n".join("".join(cell["source"]) for cell in source["cells"])
    visible = REGION.sub("", text)
    lines = {line.strip() for _, region in REGION.findall(text) for line in region.splitlines()}
    found = {line for line in lines if len(line) >= 40 and line not in visible}
    assert len(found) > 100
    return found


def objects(repository):
    """Contenido de todos los objetos de git, también los que ninguna rama alcanza."""
    command = ["git", "cat-file", "--batch", "--batch-all-objects"]
    rest = subprocess.check_output(command, cwd=repository)
    while rest:
        header, _, rest = rest.partition(b"\n")
        size = int(header.split()[2])
        yield rest[:size]
        rest = rest[size + 1 :]


def git(repository, *arguments):
    return subprocess.check_output(["git", *arguments], cwd=repository, text=True).strip()


def call(edition, *command):
    """Ejecuta Python en la edición, con su paquete y no con el instalado."""
    env = {**os.environ, "PYTHONPATH": str(edition)}
    text = {"capture_output": True, "text": True, "encoding": "utf-8"}
    return subprocess.run([sys.executable, *command], cwd=edition, env=env, **text)


# --- Nada secreto --------------------------------------------------------------------------


def test_no_file_shows_a_secret_line(edition, secrets):
    contents = [path.read_bytes() for path in edition.rglob("*") if path.is_file()]
    assert len(contents) > 100
    assert [line for text in map(text_of, contents) for line in secrets if line in text] == []


def test_no_object_of_git_shows_a_secret_line(edition, secrets):
    contents = [text_of(content) for content in objects(edition)]
    assert len(contents) > 100
    assert [line for text in contents for line in secrets if line in text] == []


def test_the_search_finds_every_secret_line_of_the_originals(script, repo):
    """El control: en los propios originales se encuentran todas, por los dos caminos."""
    contents = [(path.name, path.read_bytes()) for path in sorted(repo.glob("solutions/*/*.ipynb"))]
    found = {line for _, line in script.leaks(contents, script.secrets(repo))}
    assert found == script.secrets(repo)
    for _, content in contents:
        own, text = secret_lines(json.loads(content)), text_of(content)
        assert [line for line in own if line not in text] == []
        assert own <= found


@pytest.mark.parametrize(
    "place",
    [
        lambda line: line,
        lambda line: "# " + line,
        lambda line: json.dumps({"cells": [{"outputs": [{"text": [line + "\n", "otra"]}]}]}),
        lambda line: json.dumps({"cells": [], "metadata": {line: 1}}),
    ],
    ids=["texto", "comentario", "salida", "clave"],
)
def test_a_planted_line_is_found(script, repo, place):
    for line in sorted(script.secrets(repo))[:20]:
        content = place(line).encode()
        assert ("x", line) in script.leaks([("x", content)], script.secrets(repo))


def test_short_secret_lines_are_searched_with_the_next_one(script, repo):
    assert "i = 0\nwhile i < len(pieces) - 1:" in script.secrets(repo)
    assert "while True:" not in script.secrets(repo)


def test_only_what_is_meant_for_everybody_goes_out(edition):
    names = {path.name for path in edition.iterdir()}
    private = {"solutions", "tests", "nbgrader_config.py", "CONTRIBUTING.md", ".ci", ".github"}
    private |= {"submitted", "autograded", "feedback", "gradebook.db", ".grading", ".venv"}
    assert names & private == set()
    assert {"book", "exercises", "vinogpt", "README.md", "LICENSE", "environment.yml"} <= names


def test_a_repository_of_one_commit_without_its_author(edition):
    assert git(edition, "rev-list", "--all", "--count") == "1"
    assert git(edition, "log", "--format=%an <%ae>") == "Equipo VinoGPT <vinogpt@example.invalid>"
    assert git(edition, "remote") == ""
    assert git(edition, "status", "--porcelain") == ""
    assert git(edition, "branch", "--show-current") == "main"


# --- Lo que se niega a escribir ------------------------------------------------------------


def test_a_file_that_nobody_classified_is_refused(script):
    with pytest.raises(script.Refusal, match=r"notas\.xlsx es público"):
        script.is_public("notas.xlsx")


def test_every_file_of_the_course_is_classified(script, files):
    assert 100 < sum(map(script.is_public, files)) < len(files)


def test_exercises_that_are_not_current_are_refused(script, repo, tmp_path):
    (tmp_path / "solutions").symlink_to(repo / "solutions")
    stale = tmp_path / "exercises" / STEM / f"{STEM}.ipynb"
    stale.parent.mkdir(parents=True)
    stale.write_bytes((repo / "exercises" / STEM / f"{STEM}.ipynb").read_bytes() + b" ")
    with pytest.raises(script.Refusal, match="no está al día"):
        script.require_current_exercises(tmp_path)


def test_a_secret_in_a_page_is_refused(script, repo, tmp_path, monkeypatch):
    line = max(script.secrets(repo), key=len)
    (tmp_path / "solutions").symlink_to(repo / "solutions")
    (tmp_path / "README.md").write_text(f"Mira: {line}\n", encoding="utf-8")
    monkeypatch.setattr(script, "tracked", lambda root: ["README.md"])
    with pytest.raises(script.Refusal, match=r"README\.md enseña una línea secreta"):
        script.write_edition(tmp_path, tmp_path / "out")


def test_a_folder_with_something_in_it_is_refused(script, edition, capsys):
    assert script.main(["--out", str(edition)]) == 1
    assert "no está vacía" in capsys.readouterr().err


# --- Lo que queda funciona -----------------------------------------------------------------


def test_links_lead_to_files_of_the_edition(edition):
    pages = [*edition.glob("*.md"), *edition.glob("book/*.md"), *edition.rglob("*.ipynb")]
    for page in pages:
        text = prose_of(page)
        relative = [page.parent / name for name in LINK.findall(text)]
        absolute = [edition / name for name in OWN.findall(text)]
        assert [path for path in relative + absolute if not path.exists()] == []


def test_teacher_notes_are_left_out_of_the_readme(edition):
    for name in ("README.md", "README.en.md"):
        text = (edition / name).read_text(encoding="utf-8")
        assert "solutions" not in text and "make test" not in text and "docente -->" not in text


@pytest.mark.parametrize("verb", ["test", "exercises", "student"])
def test_verbs_without_their_folder_say_so(edition, verb):
    done = call(edition, "scripts/course.py", verb)
    assert done.returncode == 1
    assert "que la edición pública no lleva" in done.stderr
    assert f"  {verb} " not in call(edition, "scripts/course.py", "--help").stdout


def test_the_book_is_built_from_it(edition):
    done = call(edition, "scripts/build_site.py")
    assert done.returncode == 0, done.stderr
    page = edition / "_build" / "html" / "exercises" / STEM / f"{STEM}.html"
    assert f"/edit/main/exercises/{STEM}/{STEM}.ipynb" in page.read_text(encoding="utf-8")


def test_check_runs_in_it(edition, tmp_path):
    exercise = f"exercises/{STEM}/{STEM}.ipynb"
    done = call(edition, "-m", "vinogpt", "check", exercise, "--out", str(tmp_path / "x.ipynb"))
    assert done.returncode == 1, done.stderr
    assert "Total: 0 de 8.5 puntos visibles y 11.5 ocultos" in done.stdout
