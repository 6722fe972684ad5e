#!/usr/bin/env python3
"""Los verbos del curso: cada uno prepara su propio entorno y hace su trabajo.

    python scripts/course.py VERBO [-- ARGUMENTOS]

Solo necesita la biblioteca estándar. El entorno se llama ``.venv`` y lleva las versiones de
``requirements.lock``. Repetir un verbo es seguro; si nada ha cambiado, es también rápido.
"""

import contextlib
import hashlib
import http.server
import os
import re
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
WINDOWS = os.name == "nt"
BIN = VENV / ("Scripts" if WINDOWS else "bin")
PYTHON = BIN / ("python.exe" if WINDOWS else "python")
UV = BIN / ("uv.exe" if WINDOWS else "uv")
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "vinogpt-stamp"  # se escribe al terminar una instalación, nunca antes
SITE = ROOT / "_build" / "html"

PACKAGES = {
    "book": ["--group", "book"],
    "test": ["--group", "test", "--editable", ".[kaggle]"],
}
REMEDIES = [
    (
        "No space left|os error 28|Errno 28|not enough space|Disk quota",
        "el disco está lleno. Libera unos 4 GB y repite la orden.",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED|invalid peer certificate|UnknownIssuer",
        "tu red usa un certificado propio. Pon su ruta en SSL_CERT_FILE y PIP_CERT y repite.",
    ),
    (
        "NewConnectionError|ProxyError|Max retries|Failed to fetch|error sending request"
        "|Connection refused|timed out|dns error|name resolution",
        "no hay conexión con el índice de paquetes de Python. Comprueba la red (y el proxy, "
        "si lo usas) y repite la orden.",
    ),
]


class Problem(Exception):
    """Algo que quien ejecuta la orden puede remediar; el texto dice cómo."""


def say(message):
    print(f"· {message}", flush=True)


# --- Entorno -------------------------------------------------------------------------------


def check_python():
    """Exige Python 3.11–3.13; el mensaje se lee aunque el intérprete sea antiguo."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        found = "{}.{}".format(*sys.version_info[:2])
        raise Problem(
            f"el curso necesita Python 3.11, 3.12 o 3.13, y este es {found}.\n"
            "  Linux y macOS: make book PYTHON=python3.13\n"
            "  Windows:       py -3.13 scripts\\course.py book"
        )


def prepare(group):
    """Deja en ``.venv`` el grupo pedido; no hace nada si ya está al día."""
    version = venv_version()
    if version and stamp_is_current(group, version):
        return
    if version is None:
        say("Preparo el entorno .venv (solo la primera vez).")
        shutil.rmtree(VENV, ignore_errors=True)
        try:
            create_venv()
            install(group)
        except BaseException:
            shutil.rmtree(VENV, ignore_errors=True)
            raise
    else:
        say("Pongo al día el entorno .venv.")
        STAMP.unlink(missing_ok=True)
        install(group)
    STAMP.write_text(f"{ROOT}\n{fingerprint(group, venv_version())}", encoding="utf-8")
    say("Entorno listo.")


def venv_version():
    """Versión de Python de ``.venv``; None si falta, quedó a medio hacer o se ha movido."""
    if not PYTHON.exists() or read_stamp()[0] not in ("", str(ROOT)):
        return None
    needed = "sys" if UV.exists() else "sys, pip"
    probe = [str(PYTHON), "-c", f"import {needed}; print(*sys.version_info[:3], sep='.')"]
    answer = subprocess.run(probe, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return answer.stdout.strip() or None


def read_stamp():
    """La carpeta para la que se instaló ``.venv`` y la huella de lo instalado."""
    lines = STAMP.read_text(encoding="utf-8").splitlines() if STAMP.exists() else []
    return lines if len(lines) == 2 else ["", ""]


def fingerprint(group, version):
    """Huella de todo lo que decide qué se instala."""
    content = (ROOT / "pyproject.toml").read_bytes() + LOCK.read_bytes()
    return hashlib.sha256(content + f"{group} {version}".encode()).hexdigest()


def stamp_is_current(group, version):
    """El grupo ``test`` contiene a ``book``: quien tiene el primero no instala el segundo."""
    return read_stamp()[1] in {fingerprint(name, version) for name in (group, "test")}


def create_venv():
    try:
        import ensurepip  # noqa: F401  (Debian lo reparte en un paquete aparte)
        import venv  # noqa: F401
    except ImportError:
        raise Problem(
            "a este Python le falta el módulo venv.\n"
            "  Debian y Ubuntu: sudo apt install python3-venv"
        ) from None
    run_or_explain([sys.executable, "-m", "venv", str(VENV)])


def install(group):
    """Instala con uv el grupo, con las versiones y las huellas de ``requirements.lock``."""
    bootstrap_uv()
    say("Instalo las versiones de requirements.lock (la primera vez tarda unos minutos).")
    where = ["--python", str(PYTHON), "--constraints", str(LOCK)]
    run_or_explain([str(UV), "pip", "install", *where, *PACKAGES[group]])


def bootstrap_uv():
    """Instala con pip el uv de ``requirements.lock``, comprobada su huella."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("uv=="))
    end = next(i for i, line in enumerate(lines[start:], start) if not line.endswith("\\"))
    version = lines[start].split("==")[1].split()[0]
    if UV.exists() and version in subprocess.check_output([str(UV), "--version"], text=True):
        return
    say(f"Instalo uv {version}, que instala lo demás.")
    requirement = VENV / "uv.txt"
    requirement.write_text("\n".join(lines[start : end + 1]), encoding="utf-8")
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--retries", "2"]
    run_or_explain([*pip, "--require-hashes", "--requirement", str(requirement)])


def run_or_explain(command):
    """Ejecuta ``command`` mostrando lo que dice; si falla, explica la causa y el remedio."""
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    text = {"text": True, "encoding": "utf-8", "errors": "replace"}
    lines = []
    with subprocess.Popen(command, cwd=ROOT, env=environment(), **output, **text) as process:
        for line in process.stdout:
            lines.append(line)
            if not line.startswith((" + ", " - ", " ~ ")):  # la lista de paquetes no se lee
                print(f"    {line}", end="", flush=True)
    if process.returncode:
        causes = [cause for signs, cause in REMEDIES if re.search(signs, "".join(lines))]
        raise Problem((causes or ["la instalación ha fallado; la causa está justo encima."])[0])


def environment():
    """Variables con las que los programas de ``.venv`` se encuentran entre sí."""
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", "")])
    extra = {"VIRTUAL_ENV": str(VENV), "PYTHONUTF8": "1", "JUPYTER_PREFER_ENV_PATH": "1"}
    return {**os.environ, **extra, "PATH": path}


def run(*arguments):
    """Ejecuta el Python de ``.venv`` en la raíz del repositorio; devuelve su código."""
    return subprocess.run([str(PYTHON), *arguments], cwd=ROOT, env=environment()).returncode


# --- Verbos --------------------------------------------------------------------------------


def book(arguments):
    return run("scripts/build_site.py", *arguments)


def serve(arguments):
    """Construye el sitio y lo sirve hasta que se pulse Ctrl+C."""
    if not re.fullmatch(r"(--port \d+)?", " ".join(arguments)):
        raise Problem("serve solo admite --port NÚMERO.")
    port = int(arguments[1]) if arguments else 8000
    if book([]):
        return 1
    # En Windows el registro puede asignar otro tipo a los módulos de JavaScript.
    files = http.server.SimpleHTTPRequestHandler
    files.extensions_map.update(dict.fromkeys([".js", ".mjs"], "text/javascript"))
    try:
        server = http.server.ThreadingHTTPServer(
            ("localhost", port), partial(files, directory=str(SITE))
        )
    except (OSError, OverflowError) as error:  # ocupado, reservado o mayor que 65535
        raise Problem(f"no se puede usar el puerto {port}: prueba con --port 8001.") from error
    say(f"El sitio está en http://localhost:{port} (Ctrl+C para terminar).")
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
    return 0


def test(arguments):
    """Todas las pruebas; con argumentos, solo pytest con ellos."""
    if arguments:
        return run("-m", "pytest", *arguments)
    notebooks = ["--nbval", "--nbval-current-env", "--ignore-glob=tests/**/*.ipynb"]
    parts = {
        "ruff check": ["-m", "ruff", "check", "."],
        "ruff format": ["-m", "ruff", "format", "--check", "."],
        "sitio": ["scripts/build_site.py"],
        "pytest": ["-m", "pytest", "-n", "auto", "--dist", "loadfile", *notebooks, "tests", "book"],
    }
    results = {}
    for name, command in parts.items():
        say(f"{name}…")
        start = time.monotonic()
        failed = run(*command)
        results[name] = f"{name} {'FALLA' if failed else 'bien'} ({time.monotonic() - start:.0f} s)"
    say("Resumen: " + ", ".join(results.values()))
    return int(any("FALLA" in result for result in results.values()))


def exercises(arguments):
    return run("scripts/generate_exercises.py", *arguments)


def execute(arguments):
    return run("scripts/execute_notebooks.py", *arguments)


def grade(arguments):
    return run("scripts/demo_class.py", *arguments)


def student(arguments):
    return run("scripts/student_edition.py", *arguments)


def bench(arguments):
    """Cada medida de ``benchmarks/``: una vez y sin guardar nada, o con ``--full`` las cifras."""
    scripts = sorted((ROOT / "benchmarks").glob("*.py"))
    results = {}
    for script in scripts:
        if "__main__" in script.read_text(encoding="utf-8"):
            say(f"{script.name}…")
            start = time.monotonic()
            failed = run(str(script), *arguments)
            verdict = "FALLA" if failed else "bien"
            results[script.name] = f"{script.name} {verdict} ({time.monotonic() - start:.0f} s)"
    say("Resumen: " + ", ".join(results.values()))
    return int(any("FALLA" in result for result in results.values()))


VERBS = {
    "book": (book, "book", "construye el sitio en _build/html"),
    "serve": (serve, "book", "lo construye y lo abre en http://localhost:8000"),
    "test": (test, "test", "ejecuta todas las pruebas (argumentos: los de pytest)"),
    "exercises": (exercises, "test", "genera exercises/ a partir de solutions/"),
    "execute": (execute, "test", "ejecuta los notebooks de book/ y guarda sus salidas"),
    "grade": (grade, "test", "califica una clase de prueba en _build/demo_class"),
    "student": (student, "test", "escribe la edición pública en _build/student"),
    "bench": (bench, "test", "repite las medidas de benchmarks/ (--full: las que se publican)"),
}
# Carpetas que la edición pública no lleva, y los verbos que sin ellas no hacen nada.
NEEDS = {"test": "tests", "exercises": "solutions", "grade": "solutions", "student": "solutions"}


def available(verb):
    return (ROOT / NEEDS.get(verb, "")).exists()


def usage():
    shown = {verb: summary for verb, (_, _, summary) in VERBS.items() if available(verb)}
    lines = [f"  {verb:<10} {summary}" for verb, summary in shown.items()]
    return "Uso: python scripts/course.py VERBO [-- ARGUMENTOS]\n\n" + "\n".join(lines)


def main(arguments):
    if not arguments or arguments[0] not in VERBS:
        print(usage())
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    verb, *rest = arguments
    action, group, _ = VERBS[verb]
    try:
        check_python()
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(encoding="utf-8", errors="replace")
        if not available(verb):
            raise Problem(f"{verb} necesita {NEEDS[verb]}/, que la edición pública no lleva.")
        prepare(group)
        return action(rest[1:] if rest[:1] == ["--"] else rest)
    except Problem as problem:
        print(f"\nError: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrumpido.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
