"""Los rastros de las entregas hostiles: dónde los dejarían y cómo se encuentran después.

`Watch` rodea a una clase de cosas que atacar (servicios que escuchan, un proceso ajeno, un secreto
en el entorno, archivos del curso) y dice, entrega a entrega, qué han conseguido.
"""

import ctypes
import hashlib
import os
import re
import secrets
import shutil
import signal
import site
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
from pathlib import Path

import vinogpt

SET_CHILD_SUBREAPER = 36  # prctl: los huérfanos de esta prueba pasan a ser hijos suyos
TASKS = "/proc/self/task"
HOME = Path.home()
ROOTS = [  # carpetas en las que se buscan archivos con la marca de una entrega
    Path("/"),
    Path("/etc"),
    Path("/run"),
    Path("/tmp"),
    Path("/var/tmp"),
    Path("/dev/shm"),
    Path("/var/spool/cron"),
    HOME,
    HOME / ".config",
    HOME / ".jupyter",
    HOME / ".ipython/profile_default/startup",
    Path(site.getusersitepackages()),
    Path(sysconfig.get_path("purelib")),
    Path(sysconfig.get_path("purelib"), "numpy"),
    Path(vinogpt.__file__).parent,
]


class Watch:
    """Lo que hay alrededor de una clase hostil, y los rastros que quedan en ello."""

    def __init__(self, course):
        self.course = Path(course)
        self.run = secrets.token_hex(4)
        self.outside = Path(tempfile.mkdtemp(prefix=f"fuera-{self.run}-"))
        self.heard, self.servers = [], []
        self.open_services()
        os.environ["VINOGPT_TRAP"] = f"secreto-{self.run}"
        self.canary = self.course / f"{self.run}.txt"
        self.canary.write_text(f"apuntes {self.run}")
        program = [sys.executable, "-c", "import time; time.sleep(3600)", f"victima-{self.run}"]
        self.victim = subprocess.Popen(program)
        ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.guarded, self.known = self.digest(), self.children()

    def open_services(self):
        """Escucha por TCP, por UDP, en un archivo y en un nombre abstracto."""
        tcp = socket.create_server(("127.0.0.1", 0))
        self.port = tcp.getsockname()[1]
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", self.port))
        self.servers = [tcp, udp]
        for address in (f"{self.outside}/servicio", f"\0servicio-{self.run}"):
            self.servers.append(socket.socket(socket.AF_UNIX))
            self.servers[-1].bind(address)
            self.servers[-1].listen()
        for server in self.servers:
            threading.Thread(target=self.hear, args=(server,), daemon=True).start()

    def hear(self, server):
        """Guarda lo que se reciba hasta que se cierre."""
        try:
            while True:
                if server.type == socket.SOCK_DGRAM:
                    self.heard.append(server.recv(4096))
                    continue
                with server.accept()[0] as connection:
                    connection.settimeout(1)
                    self.heard.append(connection.recv(4096))
        except OSError:
            return

    def digest(self):
        """Huella de lo que ninguna entrega debe cambiar: originales, entregas y un archivo.

        Sin timestamp.txt: lo escribe o lo borra el libro de notas, con la fecha de recepción.
        """
        digest = hashlib.sha256()
        folders = [self.course / "solutions", self.course / "submitted"]
        files = [path for folder in folders for path in sorted(folder.rglob("*"))]
        files = [path for path in files if path.name != "timestamp.txt"]
        for path in [*files, self.canary]:
            kind = os.lstat(path).st_mode if os.path.lexists(path) else None
            digest.update(f"{path} {kind}\n".encode(errors="replace"))
            if path.is_file() and not path.is_symlink() and path.stat().st_size < 2**26:
                digest.update(path.read_bytes())
        return digest.hexdigest()

    def token(self, name):
        return f"{name}-{self.run}"

    def traces(self, name, texts=()):
        """Rastros de una entrega: lo que dicen `texts`, archivos, conexiones y procesos."""
        token = self.token(name)
        said = re.compile(rf"CONSEGUIDO ([^\n\"<]*?) {re.escape(token)}")
        found = [f"dice: {what}" for text in texts for what in said.findall(text)]
        found += [f"archivo: {path}" for path in self.files(token)]
        found += ["conexión" for data in self.heard if token.encode() in data]
        found += [f"proceso: {pid}" for pid in processes(token)]
        found += ["clave del núcleo" for _ in re.findall(token, read("/proc/keys"))]
        return sorted(set(found))

    def files(self, token):
        """Archivos cuyo nombre lleva la marca."""
        places = [self.outside, self.course, self.course / ".grading", *ROOTS]
        names = ((place, name) for place in places if place.is_dir() for name in os.listdir(place))
        return [place / name for place, name in names if token in name]

    def damage(self):
        """Rastros que no dicen de quién son."""
        found = []
        if self.victim.poll() is not None:
            found.append("un proceso ajeno ha muerto")
        if self.digest() != self.guarded:
            found.append("han cambiado archivos del curso")
        key = str(int(self.run, 16) & 0x7FFFFFFF)
        for kind in ("shm", "sem", "msg"):
            if key in read(f"/proc/sysvipc/{kind}").split():
                found.append(f"queda {kind} de System V")
        found += [f"sobrevive el proceso {pid}" for pid in sorted(self.children() - self.known)]
        return found

    def children(self):
        """Procesos vivos que dependen de este, también los huérfanos."""
        threads = (read(f"/proc/self/task/{thread}/children") for thread in os.listdir(TASKS))
        pids = {pid for children in threads for pid in children.split()}
        states = {pid: read(f"/proc/{pid}/stat").rpartition(") ")[2][:1] for pid in pids}
        return {pid for pid, state in states.items() if state not in ("Z", "")}

    def close(self, names):
        """Borra todo rastro."""
        for server in self.servers:
            server.close()
        self.victim.kill()
        self.victim.wait()
        for token in map(self.token, names):
            for path in self.files(token):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            for pid in processes(token):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.outside)
        self.canary.unlink(missing_ok=True)
        del os.environ["VINOGPT_TRAP"]


def read(path):
    """Texto de un archivo de /proc; vacío si ya no está."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def processes(token):
    """Procesos vivos que llevan la marca en su orden."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if token in read(f"/proc/{pid}/cmdline") and pid != os.getpid()]
