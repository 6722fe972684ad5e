"""Archivos, nombres y enlaces: lo que el curso promete que coincide, coincide."""

import re
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

COLAB = r"https://colab\.research\.google\.com/github/([\w.-]+/[\w.-]+)/blob/([\w.-]+)/([\w./-]+)"
GITHUB = r"https://github\.com/([\w.-]+/[\w.-]+)/(?:blob|tree|edit)/([\w.-]+)/([\w./-]+)"
BOOTSTRAP = """import sys

if "google.colab" in sys.modules:
    %pip install -q --no-deps git+{url}@v{version}"""
TEXT = {".md", ".py", ".ipynb", ".json", ".yml", ".toml", ".css", ".mjs", ".html", ".svg", ""}
GUIDES = ["README.md", "README.en.md", "CONTRIBUTING.md"]


def stems(folder, pattern):
    return {path.stem for path in folder.glob(pattern)}


@pytest.fixture(scope="module")
def repository(repo):
    """Los datos del repositorio, tal como los escribe ``_config.yml``."""
    return yaml.safe_load((repo / "_config.yml").read_text(encoding="utf-8"))["repository"]


@pytest.fixture(scope="module")
def version(repo):
    project = tomllib.loads((repo / "pyproject.toml").read_text(encoding="utf-8"))
    return project["project"]["version"]


@pytest.fixture(scope="module")
def toc(repo):
    """Las páginas del índice, en orden y sin extensión."""

    def pages(node):
        own = [node["file"]] if "file" in node else []
        lists = [node.get(key, []) for key in ("parts", "chapters", "sections")]
        return own + [page for children in lists for child in children for page in pages(child)]

    index = yaml.safe_load((repo / "_toc.yml").read_text(encoding="utf-8"))
    return [index["root"], *pages(index)]


def test_every_exercise_has_its_solution_and_its_chapter(repo):
    exercises = stems(repo, "exercises/*/*.ipynb")
    assert exercises, "No hay ejercicios."
    assert exercises == stems(repo, "solutions/*/*.ipynb")
    assert exercises <= stems(repo, "book/*.ipynb")
    assert all(path.parent.name == path.stem for path in repo.glob("exercises/*/*.ipynb"))


def test_toc_lists_every_page_once(repo, toc):
    patterns = ["book/*.md", "book/**/*.ipynb", "exercises/*/*.ipynb"]
    pages = {path.relative_to(repo) for pattern in patterns for path in repo.glob(pattern)}
    assert sorted(toc) == sorted(path.with_suffix("").as_posix() for path in pages)


def test_exercise_is_a_section_of_its_chapter(repo, toc):
    for stem in stems(repo, "exercises/*/*.ipynb"):
        assert toc.index(f"exercises/{stem}/{stem}") == toc.index(f"book/{stem}") + 1


def test_repository_links_lead_to_files(repo, repository, page):
    links_lead_to_files(repo, repository, page)


@pytest.mark.parametrize("name", GUIDES)
def test_guide_links_lead_to_files(repo, repository, name):
    links_lead_to_files(repo, repository, repo / name)


@pytest.mark.parametrize("name", GUIDES)
def test_guide_relative_links_lead_to_files(repo, name):
    text = (repo / name).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:|#)([^)\s#]+)", text)
    assert [target for target in targets if not (repo / target).exists()] == []


@pytest.mark.parametrize("name", ["README.md", "README.en.md"])
def test_readme_has_a_row_for_every_exercise(repo, name):
    linked = {path for _, _, path in re.findall(COLAB, (repo / name).read_text(encoding="utf-8"))}
    exercises = stems(repo, "exercises/*/*.ipynb")
    assert {f"book/{stem}.ipynb" for stem in exercises} <= linked
    assert {f"exercises/{stem}/{stem}.ipynb" for stem in exercises} <= linked


def links_lead_to_files(repo, repository, page):
    text = page.read_text(encoding="utf-8")
    links = re.findall(COLAB, text) + re.findall(GITHUB, text)
    project = repository["url"].removeprefix("https://github.com/")
    own = [(branch, path) for name, branch, path in links if name == project]
    assert [branch for branch, _ in own if branch != repository["branch"]] == []
    assert [path for _, path in own if not (repo / path).exists()] == []
    foreign = [name for name, _, _ in re.findall(COLAB, text) if name != project]
    assert foreign == [], f"Enlaces a Colab de otro repositorio que {project}."


def test_chapter_links_to_itself_in_colab(repo, chapter):
    assert_colab_link(repo, chapter)


def test_sections_of_a_chapter_are_numbered_in_order(chapter):
    """Falta un número cuando se pierde una sección al editar."""
    cells = nbformat.read(chapter, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    found = re.findall(r"^## (\d+)\.(\d+) ", text, re.MULTILINE)
    number = str(int(chapter.stem[:2]))
    assert found == [(number, str(n)) for n in range(1, len(found) + 1)]


def test_exercise_links_to_itself_in_colab(repo, exercise):
    assert_colab_link(repo, exercise)


def assert_colab_link(repo, path):
    own = path.relative_to(repo).as_posix()
    links = re.findall(COLAB, path.read_text(encoding="utf-8"))
    assert own in [link[2] for link in links], f"{own} no lleva su enlace «Abrir en Colab»."


def test_first_code_cell_installs_the_released_package(repository, version, notebook):
    cells = nbformat.read(notebook, as_version=4).cells
    first = next(cell for cell in cells if cell.cell_type == "code")
    assert first.source == BOOTSTRAP.format(url=repository["url"], version=version)


def test_version_is_announced(repo, version):
    assert f"\n## {version}\n" in (repo / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"@v{version}\n" in (repo / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_file_names_are_ascii_without_dates_or_weeks(files):
    dated = re.compile(r"semana|week|\d{4}-\d{2}|[^\x21-\x7e]", re.IGNORECASE)
    assert [name for name in files if dated.search(name)] == []


def test_no_absolute_paths_in_files(repo, files):
    absolute = re.compile(r"(?<![\w.~])/(?:home|root|Users|work|mnt)/\w")
    text = [name for name in files if Path(name).suffix in TEXT]
    found = {name: absolute.findall((repo / name).read_text(encoding="utf-8")) for name in text}
    assert {name: hits for name, hits in found.items() if hits} == {}


def test_real_reviews_are_not_committed(files):
    assert [name for name in files if "winemag" in name or name.endswith((".csv", ".csv.gz"))] == []


def test_makefile_forwards_the_verbs_of_course(repo):
    makefile = (repo / "Makefile").read_text(encoding="utf-8")
    course = (repo / "scripts" / "course.py").read_text(encoding="utf-8")
    verbs = re.search(r"^VERBS = (.*)$", makefile, re.MULTILINE)[1].split()
    assert verbs == re.findall(r'^    "(\w+)": \(\1, ', course, re.MULTILINE)


def test_workflows_pin_actions_and_permissions(repo):
    workflows = sorted((repo / ".github" / "workflows").glob("*.yml"))
    assert [path.stem for path in workflows] == ["colab", "links", "publish", "test"]
    for path in workflows:
        text = path.read_text(encoding="utf-8")
        assert "permissions" in yaml.safe_load(text), f"{path.name} no limita sus permisos."
        uses = re.findall(r"uses: (\S+)", text)
        assert [use for use in uses if not re.search(r"@v\d+$|^\./", use)] == []


@pytest.mark.parametrize("name", GUIDES)
def test_guide_commands_exist(repo, name):
    makefile = (repo / "Makefile").read_text(encoding="utf-8")
    verbs = re.search(r"^VERBS = (.*)$", makefile, re.MULTILINE)[1].split()
    text = (repo / name).read_text(encoding="utf-8")
    named = re.findall(r"(?:^|`)(?:make|python scripts[/\\]course\.py) (\w+)", text, re.MULTILINE)
    assert named and set(named) <= set(verbs)
