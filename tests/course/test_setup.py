"""``scripts/course.py`` cuando algo falta: mensaje claro, código de error, nada a medias."""

import importlib.util
import os
import shutil
import subprocess
import sys

import pytest

CLOSED = "http://127.0.0.1:9"  # un puerto donde nadie escucha


@pytest.fixture
def checkout(repo, tmp_path):
    """Copia de lo que course.py necesita, sin ``.venv``."""
    for folder in ("scripts", "tests"):
        (tmp_path / folder).mkdir()
    for name in ("scripts/course.py", "pyproject.toml", "requirements.lock"):
        shutil.copy(repo / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def course(checkout):
    spec = importlib.util.spec_from_file_location("course", checkout / "scripts" / "course.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call(checkout, *arguments, **environment):
    command = [sys.executable, *arguments]
    text = {"capture_output": True, "text": True, "encoding": "utf-8"}
    return subprocess.run(command, cwd=checkout, env={**os.environ, **environment}, **text)


def call_offline(checkout, verb):
    """Ejecuta un verbo sin red y con la caché vacía."""
    proxies = {name: CLOSED for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")}
    proxies |= {name.lower(): address for name, address in proxies.items()}
    empty = {"UV_CACHE_DIR": str(checkout / "cache"), "UV_HTTP_RETRIES": "0", "NO_PROXY": ""}
    pip = {"PIP_NO_CACHE_DIR": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    return call(checkout, "scripts/course.py", verb, **proxies, **empty, **pip)


@pytest.mark.parametrize("minor", [10, 14])
def test_wrong_python_is_refused(checkout, minor):
    pretend = (
        f"import runpy, sys; sys.version_info = (3, {minor}, 0, 'final', 0);"
        "sys.argv = ['', 'book']; runpy.run_path('scripts/course.py', run_name='__main__')"
    )
    answer = call(checkout, "-c", pretend)
    assert answer.returncode == 1
    assert f"necesita Python 3.11, 3.12 o 3.13, y este es 3.{minor}" in answer.stderr
    assert not (checkout / ".venv").exists()


def test_python_without_venv_names_the_debian_package(checkout):
    pretend = (
        "import runpy, sys; sys.modules['ensurepip'] = None; sys.argv = ['', 'book'];"
        "runpy.run_path('scripts/course.py', run_name='__main__')"
    )
    answer = call(checkout, "-c", pretend)
    assert answer.returncode == 1
    assert "sudo apt install python3-venv" in answer.stderr
    assert not (checkout / ".venv").exists()


def test_first_setup_without_network_leaves_nothing(checkout):
    answer = call_offline(checkout, "book")
    assert answer.returncode == 1
    assert "no hay conexión" in answer.stderr
    assert not (checkout / ".venv").exists()


def test_upgrade_without_network_keeps_the_environment_unstamped(checkout, course):
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", ".venv"], cwd=checkout, check=True
    )
    shutil.copy(shutil.which("uv", path=os.path.dirname(sys.executable)), course.UV)
    course.STAMP.write_text(f"{checkout}\nhuella de otra versión", encoding="utf-8")
    answer = call_offline(checkout, "test")
    assert answer.returncode == 1
    assert "no hay conexión" in answer.stderr
    assert course.PYTHON.exists() and not course.STAMP.exists()


def test_full_disk_is_explained(course):
    print_error = "import sys; sys.exit('error: No space left on device (os error 28)')"
    with pytest.raises(course.Problem, match="disco está lleno"):
        course.run_or_explain([sys.executable, "-c", print_error])


def test_stamp_depends_on_group_lock_and_python(course):
    course.VENV.mkdir()
    course.STAMP.write_text(f"{course.ROOT}\n{course.fingerprint('test', '3.11.7')}")
    assert course.stamp_is_current("test", "3.11.7")
    assert course.stamp_is_current("book", "3.11.7")
    assert not course.stamp_is_current("book", "3.12.1")
    course.LOCK.write_text(course.LOCK.read_text() + "\n")
    assert not course.stamp_is_current("test", "3.11.7")


def test_unknown_verb_prints_the_verbs(checkout):
    answer = call(checkout, "scripts/course.py", "vendimia")
    assert answer.returncode == 2
    assert "book" in answer.stdout and "bench" in answer.stdout
