"""nbgrader y Chromium, como los usa quien califica."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def nbgrader():
    """Ejecuta nbgrader en la carpeta de un curso: `nbgrader(course, "autograde", "01_x")`."""

    def run(course, *arguments):
        # nbgrader llama al programa alembic, que está junto a este Python.
        env = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
        env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env["PATH"]])
        command = [sys.executable, "-W", "ignore", "-m", "nbgrader", *arguments, "--log-level=WARN"]
        done = subprocess.run(command, cwd=course, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    return run
