"""Como en Colab: carpeta vacía, sin el paquete, y la primera celda lo instala desde la etiqueta.

La dirección del repositorio se desvía (``insteadOf`` de git) a un clon local con lo que hay
ahora en esta carpeta. El Python de Colab se imita con un entorno que tiene las dependencias
y no el paquete; si ``COLAB_PYTHON`` nombra uno de verdad, se usa ese y se ejecuta todo entero.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml

LOCATE = "import vinogpt\n\nprint(vinogpt.__file__)"
REAL = os.environ.get("COLAB_PYTHON")


def git(folder, *arguments):
    author = ["-c", "user.name=Equipo VinoGPT", "-c", "user.email=vinogpt@example.org"]
    subprocess.run(["git", *author, *arguments], cwd=folder, check=True, capture_output=True)


def tagged_clone(repo, files, folder):
    """Repositorio con los archivos de ``repo`` y la etiqueta de su versión."""
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repo / name, folder / name)
    version = tomllib.loads((repo / "pyproject.toml").read_text(encoding="utf-8"))
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "copia")
    git(folder, "tag", f"v{version['project']['version']}")


def python_without_vinogpt(folder):
    """Entorno con enlaces a los paquetes de este, salvo ``vinogpt``; devuelve su Python."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    scheme = {"base": str(folder), "platbase": str(folder)}
    target = Path(sysconfig.get_path("purelib", vars=scheme))
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        own = "vinogpt" in path.name or path.suffix == ".pth" or path.name.startswith("pip")
        if own:
            continue
        if (target / path.name).is_dir():
            shutil.rmtree(target / path.name)
        (target / path.name).symlink_to(path)
    return Path(sysconfig.get_path("scripts", vars=scheme)) / "python"


def pretend_colab(folder):
    """Archivo de arranque que importa ``google.colab``, de verdad o de mentira; sus variables."""
    startup = folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-colab.py").write_text("import google.colab\n")
    (folder / "google" / "colab").mkdir(parents=True)
    (folder / "google" / "colab" / "__init__.py").touch()
    module = {} if REAL else {"PYTHONPATH": str(folder)}
    return {"IPYTHONDIR": str(folder / "ipython"), **module}


def redirect_to(clone, repo):
    """Variables con las que git lee de ``clone`` lo que pide a la dirección del repositorio."""
    config = yaml.safe_load((repo / "_config.yml").read_text(encoding="utf-8"))
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{clone.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": config["repository"]["url"],
    }


@pytest.fixture(scope="module")
def colab(repo, files, tmp_path_factory):
    """Núcleo de Jupyter que se comporta como el de Colab."""
    folder = tmp_path_factory.mktemp("colab")
    (folder / "clone").mkdir()
    tagged_clone(repo, files, folder / "clone")
    python = Path(REAL) if REAL else python_without_vinogpt(folder / "venv")
    # Colab descarga lo que hace falta para compilar; aquí basta el setuptools instalado.
    pip = {} if REAL else {"PIP_NO_BUILD_ISOLATION": "0"}
    kernel = {
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Colab",
        "language": "python",
        "env": {**redirect_to(folder / "clone", repo), **pretend_colab(folder / "fake"), **pip},
    }
    (folder / "kernels" / "colab").mkdir(parents=True)
    (folder / "kernels" / "colab" / "kernel.json").write_text(json.dumps(kernel))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder))
        yield SimpleNamespace(python=python, kernel="colab")


def uninstall(python):
    command = [python, "-m", "pip", "uninstall", "--quiet", "--yes", "vinogpt"]
    subprocess.run(command, check=True, capture_output=True)


def installed_by_the_notebook(run_notebook, colab, cells, folder):
    """Ejecuta ``cells`` y dice si el paquete quedó en el Python de Colab."""
    uninstall(colab.python)
    locate = nbformat.v4.new_code_cell(LOCATE)
    notebook = nbformat.v4.new_notebook(cells=[*cells, locate])
    run_notebook(notebook, folder, kernel=colab.kernel)
    place = Path(locate.outputs[0].text.strip())
    return place.is_relative_to(colab.python.parents[1])


def code_cells(path):
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code"]


def test_setup_cells_run_as_in_colab(run_notebook, colab, notebook, tmp_path):
    """La celda que instala y la siguiente, que importa."""
    cells = code_cells(notebook)[:2]
    assert installed_by_the_notebook(run_notebook, colab, cells, tmp_path)


def test_whole_notebook_runs_as_in_colab(repo, run_notebook, colab, tmp_path):
    chapters = sorted(repo.glob("book/*.ipynb"))
    for chapter in chapters if REAL else chapters[:1]:
        cells = code_cells(chapter)
        assert installed_by_the_notebook(run_notebook, colab, cells, tmp_path)
    assert chapters, "No hay capítulos."
