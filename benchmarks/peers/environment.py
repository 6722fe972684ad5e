"""Entornos aislados, en ``_build/peers``, de los programas con los que se compara el curso.

Las versiones se escriben solo aquí. Un programa de ``benchmarks/peers`` lee peticiones de su
entrada, una por línea en JSON, y contesta cada una con otra línea; espera sin gastar CPU.
"""

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLACE = HERE.parents[1] / "_build" / "peers"
VERSIONS = {
    "gpt2": ["torch==2.13.0", "transformers==5.24.0", "numpy==2.4.6"],
    "cached_decoder": [
        "keras-hub==0.32.0", "keras==3.15.1", "tensorflow==2.21.0", "tensorflow-text==2.21.1",
    ],
}  # fmt: skip


class Missing(Exception):
    """El programa no se puede instalar o no funciona aquí; el mensaje dice por qué."""


class Peer:
    """Un programa en marcha. ``with Peer("gpt2", layers=2) as peer: peer.ask(steps=10)``."""

    def __init__(self, name, **options):
        command = [str(python_of(name)), str(HERE / f"{name}.py"), json.dumps(options)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_WAIT_POLICY": "passive"}
        self.name, self.process = name, subprocess.Popen(command, env=os.environ | quiet, **pipes)
        self.about = self._answer()

    def ask(self, **request):
        """Pide algo y espera la respuesta, un diccionario. ``Missing`` si ya no está."""
        with suppress(BrokenPipeError):
            print(json.dumps(request), file=self.process.stdin, flush=True)
        return self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise Missing(f"{self.name} terminó con el código {self.process.wait()}")
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.wait(60)


def python_of(name):
    """El Python del entorno de un programa; lo crea con uv si falta. ``Missing`` si no se puede."""
    folder = PLACE / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = folder / "versions.json"
    if not done.exists() or json.loads(done.read_text(encoding="utf-8")) != VERSIONS[name]:
        shutil.rmtree(folder, ignore_errors=True)
        uv("venv", "--quiet", "--python", sys.executable, str(folder))
        uv("pip", "install", "--quiet", "--python", str(python), *VERSIONS[name])
        done.write_text(json.dumps(VERSIONS[name]), encoding="utf-8")
    return python


def uv(*arguments):
    """Ejecuta uv, que busca paquetes también donde los busca pip. ``Missing`` si falla."""
    extra = {"UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", "")}
    places = os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()])
    program = shutil.which("uv", path=places)
    if program is None or subprocess.run([program, *arguments], env=os.environ | extra).returncode:
        raise Missing("uv no pudo instalarlo")
