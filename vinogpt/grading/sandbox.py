"""Aislamiento del código de los alumnos con bubblewrap (Linux o WSL2).

Una caja de arena tiene hasta dos zigotos: uno con NumPy y otro, además, con TensorFlow. Cada uno
vive en su bubblewrap: sin red, sin variables de entorno y sin más archivos que los que necesita
Python, de solo lectura. De él sale, por copia, el proceso de cada conjunto de respuestas.
"""

import os
import secrets
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from vinogpt.grading.canaries import prove
from vinogpt.grading.child import HOME
from vinogpt.grading.process import ENVIRONMENT, PYTHON, Child

LIGHT = ["numpy.random"]
HEAVY = [*LIGHT, "tensorflow", "keras"]
OURS = secrets.token_hex()  # está en nuestro entorno y no debe verse dentro
START = 300  # segundos de reloj para arrancar, en el equipo más cargado
SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"]
SETTINGS = ["/etc/ld.so.cache", "/etc/alternatives"]
DEVICES = ["null", "zero", "full", "random", "urandom"]
AS_ROOT = [
    *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"),
    *("--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"),
]
VARIABLES = {
    **ENVIRONMENT,
    "PATH": "/usr/bin:/bin",
    "HOME": HOME,
    "TMPDIR": f"{HOME}/tmp",
    "LANG": "C.UTF-8",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    **dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1"),
    **dict.fromkeys(["TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"], "1"),
}
MISSING = (
    "Falta bubblewrap, que aísla el código de los estudiantes: instala el paquete `bubblewrap`. "
    "En Windows, califica dentro de WSL2."
)
ADVICE = (
    "El sistema debe permitir espacios de nombres sin privilegios: con sysctl, "
    "`kernel.apparmor_restrict_unprivileged_userns=0` en Ubuntu y `user.max_user_namespaces` "
    "mayor que 0; en un contenedor, `--privileged`."
)


class SandboxError(RuntimeError):
    """Aquí no se puede aislar; el mensaje dice por qué y qué hacer."""


class Sandbox:
    """Arranca los procesos de los alumnos; sin aislar, si `isolated` es falso."""

    def __init__(self, isolated=True):
        self.isolated = isolated
        self.zygotes, self.proof, self.lock = {}, {}, threading.Lock()
        # bubblewrap muere con el hilo que lo arranca: este dura lo que la caja.
        self.starter = ThreadPoolExecutor(1)

    def start(self, heavy):
        """Proceso nuevo para las celdas de un alumno, con TensorFlow cargado si `heavy`."""
        if not self.isolated:
            return Child()
        with self.lock:
            if heavy not in self.zygotes or self.zygotes[heavy].poll() is not None:
                modules = HEAVY if heavy else LIGHT
                self.zygotes[heavy] = self.starter.submit(Zygote, modules).result()
            return Child(Inmate(self.zygotes[heavy]))

    def prove(self):
        """{ataque: ¿fracasa?} de `canaries`, o {} si no aísla; se comprueba una sola vez.

        Lanza SandboxError si aquí no se puede aislar o algún ataque tiene éxito.
        """
        if self.isolated and not self.proof:
            try:
                proof = prove(partial(self.start, heavy=False), OURS)
            except OSError as error:
                raise SandboxError(f"No se puede aislar: {error}. {ADVICE}") from error
            if failed := [name for name, denied in proof.items() if not denied]:
                raise SandboxError(
                    f"El aislamiento no contiene estos ataques de prueba: {', '.join(failed)}. "
                    "Así no se califica; --no-sandbox lo hace sin aislar y lo deja dicho."
                )
            self.proof = proof
        return self.proof

    def close(self):
        for zygote in self.zygotes.values():
            zygote.close()
        self.starter.shutdown()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


class Zygote(subprocess.Popen):
    """Proceso encerrado del que se copian los demás; `control` recibe las peticiones."""

    def __init__(self, modules):
        self.control, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [*enclosure(), *PYTHON, "vinogpt.grading.zygote", *modules]
        environment = {**os.environ, "VINOGPT_CANARY": OURS}
        with inside, tempfile.TemporaryFile() as log:
            try:
                super().__init__(command, stdin=inside, stdout=log, stderr=log, env=environment)
            except FileNotFoundError:
                raise SandboxError(MISSING) from None
            inside.close()
            self.control.settimeout(START)
            if not self.control.recv(16):
                log.seek(0)
                fault = log.read().decode(errors="replace").strip().rpartition("\n")[2]
                raise SandboxError(f"No se puede aislar: {fault}. {ADVICE}")

    def close(self):
        """Termina, y con él todo lo que haya dentro."""
        self.control.shutdown(socket.SHUT_RDWR)
        self.control.close()
        self.wait()


class Inmate:
    """Copia de un zigoto, con las partes de un Popen que usa `Child`."""

    def __init__(self, zygote):
        self.status, status = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.status.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        (reader, stdin), (stdout, writer), (stderr, noise) = (os.pipe() for _ in range(3))
        with status:
            sent = [reader, writer, noise, status.fileno()]
            socket.send_fds(zygote.control, [b"1"], sent)
        for descriptor in sent[:3]:
            os.close(descriptor)
        self.stdin, self.stdout = os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb")
        self.stderr = os.fdopen(stderr, "rb")
        self.status.settimeout(START)
        message, ancillary, _, _ = self.status.recvmsg(200, socket.CMSG_SPACE(12))
        if message != b"ready":
            raise OSError(message.decode())
        [(_, _, credentials)] = ancillary
        self.pid, _, _ = struct.unpack("3i", credentials)  # visto desde aquí
        self.handle = os.pidfd_open(self.pid)
        self.returncode = None

    def kill(self):
        """Mata el proceso, que es el primero de su espacio: con él mueren los que haya creado."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)

    def wait(self):
        """Código con el que termina; cuando llega, ya no queda nadie en su espacio."""
        if self.returncode is None:
            self.returncode = int(self.status.recv(16) or -9)
        return self.returncode

    def close(self):
        os.close(self.handle)
        self.status.close()


def enclosure():
    """Orden de bubblewrap que encierra un programa de Python."""
    places = [*folders(), *map(Path, filter(os.path.exists, SETTINGS))]
    command = ["bwrap", "--die-with-parent", "--new-session", "--as-pid-1", "--clearenv"]
    # Si aquí manda root, el zigoto puede dejar de serlo: cada copia suya será de nadie.
    command += ["--unshare-all"] if os.getuid() else AS_ROOT
    for name, value in VARIABLES.items():
        command += ["--setenv", name, value]
    command += ["--chdir", "/", "--proc", "/proc", "--dir", "/dev", "--dir", "/dev/shm"]
    command += ["--tmpfs", HOME, "--dir", f"{HOME}/tmp"]
    for name in DEVICES:
        command += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    for place in SYSTEM:
        if os.path.islink(place):
            command += ["--symlink", os.readlink(place), place]
        elif os.path.isdir(place):
            command += ["--ro-bind", place, place]
    for parent in sorted({parent for place in places for parent in place.parents[:-1]}):
        command += ["--dir", str(parent)]
    for place in places:
        command += ["--ro-bind", str(place), str(place)]
    if Path("/tmp") not in {parent for place in places for parent in place.parents}:
        command += ["--symlink", f"{HOME}/tmp", "/tmp"]
    return [*command, "--remount-ro", "/"]


def folders():
    """Carpetas de Python y de este paquete que no están dentro de otra ni en /usr."""
    python, package = Path(sys.executable).resolve().parents[1], Path(__file__).parents[1]
    found = [Path("/usr")]
    for folder in sorted({Path(sys.base_prefix), Path(sys.prefix), python, package}):
        if not any(folder.is_relative_to(parent) for parent in found):
            found.append(folder)
    return found[1:]
