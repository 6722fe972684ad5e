"""Los notebooks del curso, uno por prueba, y quien los ejecuta."""

import subprocess
from pathlib import Path

import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
GLOBS = {
    "chapter": ["book/**/*.ipynb"],
    "solution": ["solutions/*/*.ipynb"],
    "exercise": ["exercises/*/*.ipynb"],
    "notebook": ["book/**/*.ipynb", "solutions/*/*.ipynb", "exercises/*/*.ipynb"],
    "page": ["book/*.md", "book/**/*.ipynb", "exercises/*/*.ipynb"],
}


def paths(kind):
    return sorted(path for pattern in GLOBS[kind] for path in ROOT.glob(pattern))


def pytest_generate_tests(metafunc):
    """``chapter``, ``solution``… piden una prueba por archivo; sin ninguno, falla al leerlo."""
    for kind in GLOBS.keys() & set(metafunc.fixturenames):
        found = paths(kind) or [ROOT / GLOBS[kind][0]]
        metafunc.parametrize(kind, found, ids=lambda path: str(path.relative_to(ROOT)))


@pytest.fixture(scope="session")
def files():
    """Rutas (relativas a la raíz) de lo que git sigue o seguiría."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(name for name in set(answer.stdout.split("\0")) if (ROOT / name).is_file())


@pytest.fixture(scope="session")
def run_notebook():
    """Ejecuta un notebook en una carpeta y lo devuelve con sus salidas."""

    def run(notebook, folder, allow_errors=False, kernel="python3"):
        NotebookClient(
            notebook,
            timeout=900,
            kernel_name=kernel,
            allow_errors=allow_errors,
            resources={"metadata": {"path": str(folder)}},
        ).execute()
        return notebook

    return run
