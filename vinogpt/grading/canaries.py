"""Ataques de prueba: antes de calificar se comprueba que el aislamiento los contiene todos.

`prove` los dirige desde fuera y los juzga por sus efectos; cada `try_…` es lo que se intenta.
"""

import ctypes
import os
import secrets
import signal
import socket
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

from vinogpt.check import CheckFailed

CODE = "from vinogpt.grading.canaries import *"
PLACES = [Path(__file__).parent, Path("/"), Path("/tmp"), Path("/dev/shm")]  # donde escribir
ROOM = 2**30  # bytes de disco que ya son demasiados
NEW_USER = 0x10000000  # unshare(2)
LIFE = 3  # segundos que dura lo que intenta sobrevivir


def prove(start, variable):
    """{ataque: ¿fracasa?}, con dos procesos de `start()`: uno ataca y el otro es su vecino.

    `variable` es un valor del entorno de quien los arranca, que dentro no debe verse.
    """
    token = secrets.token_hex()
    with closing(start()) as neighbour:
        with closing(start()) as attacker, attacker.limit(30):
            outside, beside = written(attacker, neighbour, token)
            proof = {
                "writing": not outside,
                "sharing": not beside,
                "files": token not in read_outside(attacker, token),
                "environment": variable not in str(ask(attacker, "try_environment")),
                "network": not reached(attacker, socket.AF_INET, ("127.0.0.1", 0)),
                "sockets": not reached(attacker, socket.AF_UNIX, f"\0{token}"),
                "signals": not killed(attacker, neighbour),
                "processes": not ask(attacker, "try_processes"),
                "privileges": not ask(attacker, "try_privileges"),
                "limits": not ask(attacker, "try_limits"),
                "disk": not ask(attacker, "try_disk"),
            }
            ask(attacker, "try_outlive")
        proof["outliving"] = not attacker.listener.is_alive()
    return proof


def ask(child, name, *arguments):
    """Lo que responde un intento; None si falla."""
    with suppress(CheckFailed):
        if fault := child.run("canaries", CODE):
            raise OSError(fault)  # no se sabe si el ataque fracasa: no ha llegado a empezar
        return child.get(name)(*arguments)


def read_outside(attacker, token):
    """Lo que lee de un archivo recién escrito en la carpeta desde la que se califica."""
    folder = "." if os.access(".", os.W_OK) else None
    with tempfile.NamedTemporaryFile("w", prefix=".vinogpt-", dir=folder) as secret:
        print(token, file=secret, flush=True)
        os.chmod(secret.name, 0o644)  # como cualquier archivo del curso
        return str(ask(attacker, "try_read", os.path.abspath(secret.name)))


def reached(attacker, family, address):
    """¿Llega a un servidor de este equipo?"""
    with socket.socket(family) as server:
        server.bind(address)
        server.listen()
        name = server.getsockname()
        ask(attacker, "try_connect", int(family), name if isinstance(name, tuple) else address)
        server.setblocking(False)
        with suppress(BlockingIOError):
            server.accept()[0].close()
            return True
    return False


def written(attacker, neighbour, token):
    """Lo que escribe, ¿aparece fuera? ¿Y en el proceso vecino?"""
    ask(attacker, "try_write", token)
    seen = ask(neighbour, "try_look", token)
    found = [place / token for place in PLACES if (place / token).exists()]
    for path in found:
        path.unlink()
    return bool(found), bool(seen)


def killed(attacker, neighbour):
    ask(attacker, "try_kill", neighbour.process.pid)
    return ask(neighbour, "try_look", "") is None


def try_read(path):
    return Path(path).read_text()


def try_environment():
    return [*os.environ.values(), Path("/proc/self/environ").read_text()]


def try_connect(family, address):
    with socket.socket(family) as client:
        client.settimeout(2)
        client.connect(tuple(address) if isinstance(address, list) else address)


def try_write(name):
    for place in PLACES:
        with suppress(OSError):
            (place / name).touch()


def try_look(name):
    """Dónde hay un archivo con ese nombre."""
    return [str(place) for place in PLACES if name and (place / name).exists()]


def try_kill(pid):
    os.kill(pid, signal.SIGKILL)


def try_processes():
    """Los demás procesos que se ven."""
    return [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def try_privileges():
    """¿Tiene privilegios, o los gana en otro espacio de usuario?"""
    pid = os.fork()
    if pid == 0:
        os._exit(ctypes.CDLL(None).unshare(NEW_USER) != 0)
    status = Path("/proc/self/status").read_text()
    held = int(status.partition("CapEff:")[2].split()[0], 16)
    return os.waitpid(pid, 0)[1] == 0 or held != 0


def try_limits():
    import resource  # no existe en Windows, donde este módulo solo se importa

    resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return True


def try_disk():
    """¿Hay sitio de sobra para llenar?"""
    space = os.statvfs(".")
    return space.f_blocks * space.f_frsize > ROOM


def try_outlive():
    """Un nieto sin sesión común sigue vivo, con la salida de errores abierta, durante LIFE."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(LIFE)
        os._exit(0)
    os.waitpid(pid, 0)
