"""Arranque, límite de tiempo y final del proceso del alumno."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress

from vinogpt.check import CheckFailed
from vinogpt.grading.wire import Peer

# -P: la carpeta de trabajo no se importa; los paquetes del usuario sí, como en el cuaderno.
COMMAND = [sys.executable, "-P", "-u", "-X", "utf8", "-m", "vinogpt.grading.child"]
RUN, GET = 0, 1  # funciones que ofrece el proceso del alumno
NOISE = 20_000  # bytes que se guardan de lo que imprime


class Child(Peer):
    """Proceso que ejecuta celdas (`run`) y presta sus respuestas (`get`).

    `command` habla por su entrada y salida estándar; una caja de arena lo envuelve y nada más.
    Si el proceso muere, tarda o responde mal, toda petición lanza CheckFailed y queda `dead`.
    """

    def __init__(self, command=COMMAND):
        self.folder = tempfile.TemporaryDirectory(prefix="vinogpt-", ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder.name,
            env={**os.environ, "MPLBACKEND": "Agg"},
            start_new_session=True,
        )
        super().__init__(self.process.stdout, self.process.stdin)
        self.dead, self.output = None, b""
        self.listener = threading.Thread(target=self.drain, daemon=True)
        self.listener.start()

    def run(self, name, text):
        """Ejecuta una celda; devuelve None o por qué falla."""
        return self.call(RUN, name, text)

    def get(self, name):
        """Respuesta `name` como dato simple o como llamada al proceso."""
        return self.call(GET, name)

    def send(self, kind, value):
        if self.dead:
            raise CheckFailed(self.dead)
        try:
            super().send(kind, value)
        except OSError:
            self.bury()

    def listen(self):
        try:
            return super().listen()
        except CheckFailed:
            raise
        except (EOFError, OSError):
            self.bury()
        except Exception as error:
            self.kill(f"La respuesta de tu código no se entiende: {type(error).__name__}")
            raise CheckFailed(self.dead) from None

    @contextmanager
    def limit(self, seconds):
        """Si el bloque dura más de `seconds`, el proceso muere y la espera termina."""
        reason = f"Se agota el tiempo, {seconds} s: ¿hay un bucle sin fin?"
        timer = threading.Timer(seconds, self.kill, [reason])
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def bury(self):
        """Cierra un proceso que ya no responde y lanza CheckFailed con la causa."""
        self.kill("")
        code = self.process.wait()
        self.dead = self.dead or (
            f"El proceso de tus celdas termina de golpe (código {code}): "
            "¿llama tu código a `exit` o agota la memoria?"
        )
        raise CheckFailed(self.dead) from None

    def kill(self, reason):
        """Mata el proceso y los que haya creado en su grupo."""
        self.dead = self.dead or reason
        if self.process.returncode is not None:
            return
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()

    def drain(self):
        """Vacía lo que imprime el proceso; guarda el principio y olvida el resto."""
        while chunk := self.process.stderr.read1():
            self.output += chunk[: NOISE - len(self.output)]

    def close(self):
        self.kill("El proceso está cerrado")
        self.process.wait()
        self.listener.join(1)
        for stream in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                stream.close()
        self.folder.cleanup()
