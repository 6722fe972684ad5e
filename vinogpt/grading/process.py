"""El proceso del alumno visto desde fuera: arranque, peticiones con límite y final."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress

from vinogpt.check import CheckFailed
from vinogpt.grading.watch import Overrun, Watch, last_resort
from vinogpt.grading.wire import Peer

# -P: la carpeta de trabajo no se importa; los paquetes del usuario sí, como en el cuaderno.
PYTHON = [sys.executable, "-P", "-u", "-X", "utf8", "-m"]
# Sin pantalla, y el mismo orden de los conjuntos en cada ejecución.
ENVIRONMENT = {"MPLBACKEND": "Agg", "PYTHONHASHSEED": "0"}
RUN, GET = 0, 1  # funciones que ofrece el proceso del alumno
NOISE = 20_000  # bytes que se guardan de lo que imprime
OVERRUN = "Comprobar lo que devuelve tu código gasta más de {:g} s: ¿es demasiado grande?"


class Plain(subprocess.Popen):
    """Proceso sin aislar, en su propio grupo y en una carpeta de trabajo que se borra."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="vinogpt-", ignore_cleanup_errors=True)
        super().__init__(
            [*PYTHON, "vinogpt.grading.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder.name,
            env={**os.environ, **ENVIRONMENT},
            start_new_session=True,
        )

    def kill(self):
        """Mata el proceso y los que haya creado en su grupo."""
        if self.returncode is None and hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        else:
            super().kill()

    def close(self):
        self.folder.cleanup()


class Child(Peer):
    """Proceso que ejecuta celdas (`run`) y presta sus respuestas (`get`).

    `process` es como un Popen con tres tuberías; `close` borra lo que deje. Si muere, gasta
    demasiado o responde mal, toda petición lanza CheckFailed con la causa, que queda en `dead`.
    `stalled`: puede que la culpa sea del equipo, y conviene repetir.
    """

    def __init__(self, process=None):
        self.process = process or Plain()
        super().__init__(self.process.stdout, self.process.stdin)
        self.dead, self.output = None, b""
        self.stalled = self.waiting = False
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

    def read(self, size):
        return self.blocked(super().read, size)

    def write(self, data):
        self.blocked(super().write, data)

    def blocked(self, function, argument):
        """Llama a `function` y deja dicho que, mientras tanto, es el proceso quien hace esperar."""
        self.waiting = True
        try:
            return function(argument)
        finally:
            self.waiting = False

    @contextmanager
    def limit(self, seconds):
        """CheckFailed si el bloque, o el proceso mientras dura, gasta más de `seconds`."""
        watch = Watch(self, seconds)
        try:
            with last_resort(seconds):
                watch.start()
                try:
                    yield
                finally:
                    watch.stop()
        except Overrun:
            watch.stop()
            self.kill(OVERRUN.format(seconds))
            raise CheckFailed(self.dead) from None

    def bury(self):
        """Cierra un proceso que ya no responde y lanza CheckFailed con la causa."""
        self.kill("")
        code = self.process.wait()
        if not self.dead:
            self.stalled = code == -9  # lo mata el sistema: quizá falta memoria
            self.dead = (
                f"El proceso de tus celdas termina de golpe (código {code}): "
                "¿llama tu código a `exit` o agota la memoria?"
            )
        raise CheckFailed(self.dead) from None

    def kill(self, reason):
        """Mata el proceso y lo que haya creado."""
        self.dead = self.dead or reason
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
        self.process.close()
