"""El candado: satisface a ``pyproject.toml`` y es lo que está instalado."""

import re
import subprocess
import sys
import sysconfig
import tomllib
from importlib.metadata import distributions

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@pytest.fixture(scope="module")
def lock(repo):
    return (repo / "requirements.lock").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def versions(lock):
    """Versión que el candado da a cada paquete en este Python y este sistema."""
    pins = [Requirement(line) for line in re.findall(r"^(\S+==.*?) \\$", lock, re.MULTILINE)]
    here = [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]
    return {pin.name: str(pin.specifier).removeprefix("==") for pin in here}


@pytest.fixture(scope="module")
def wanted(repo):
    """Todo lo que ``pyproject.toml`` pide: paquete, extra kaggle y grupos."""
    project = tomllib.loads((repo / "pyproject.toml").read_text(encoding="utf-8"))
    groups = [line for group in project["dependency-groups"].values() for line in group]
    lines = project["project"]["dependencies"] + [line for line in groups if isinstance(line, str)]
    extras = project["project"]["optional-dependencies"].values()
    return [Requirement(line) for line in lines + [line for extra in extras for line in extra]]


def test_lock_satisfies_pyproject(versions, wanted):
    def satisfied(requirement):
        version = versions.get(canonicalize_name(requirement.name))
        return version is not None and requirement.specifier.contains(version)

    assert [str(requirement) for requirement in wanted if not satisfied(requirement)] == []


def test_installed_versions_are_those_of_the_lock(versions):
    site = sysconfig.get_path("purelib")
    names = {canonicalize_name(dist.name): dist.version for dist in distributions(path=[site])}
    assert {
        name: found for name, found in names.items() if versions.get(name, found) != found
    } == {}


def test_installed_packages_have_what_they_need():
    command = [sys.executable, "-m", "uv", "pip", "check", "--python", sys.executable]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


def test_lock_has_hashes_and_no_addresses(lock):
    assert "://" not in lock
    blocks = re.split(r"^(?=\S)", lock, flags=re.MULTILINE)[1:]
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_conda_environment_names_what_pyproject_asks_with_the_versions_of_the_lock(
    repo, versions, wanted
):
    environment = yaml.safe_load((repo / "environment.yml").read_text(encoding="utf-8"))
    conda, pip = environment["dependencies"][:-1], environment["dependencies"][-1]["pip"]
    assert "python=3.11" in conda
    assert pip[-1] == "--editable .[kaggle]"
    names = sorted({canonicalize_name(requirement.name) for requirement in wanted})
    assert pip[:-1] == [f"{name}=={versions[name]}" for name in names]
