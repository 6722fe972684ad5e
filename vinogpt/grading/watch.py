"""El vigilante: mide desde fuera lo que gasta el proceso del alumno y quien lo comprueba.

El límite es de segundos de CPU de todo el árbol de procesos, o parado mientras se espera su
respuesta, y de memoria; así un equipo cargado tarda más, pero no cambia el veredicto. El reloj
solo interviene tras PATIENCE veces el límite, y queda dicho en `stalled`. Donde no hay /proc no se
puede medir y cuenta el reloj.
"""

import ctypes
import os
import threading
import time
from contextlib import contextmanager, suppress
from multiprocessing import parent_process
from pathlib import Path
from typing import NamedTuple

PERIOD = 0.05  # segundos entre medidas
PATIENCE = 10  # veces el límite
MEMORY = 3 * 2**30  # bytes del árbol de procesos
TASKS = 256  # procesos e hilos del árbol
GONE = OSError, IndexError  # el proceso termina mientras se lee su archivo
METERED = Path("/proc/self/task").exists()

HANG = "Se agota el tiempo, {:g} s: ¿hay un bucle sin fin?"
ASLEEP = "Se agota el tiempo, {:g} s sin hacer nada: ¿espera tu código algo que no llega?"
HUNGRY = f"Tu código ocupa más de {MEMORY // 2**30} GB de memoria: ¿crece una lista sin fin?"
CROWDED = f"Tu código crea más de {TASKS} procesos o hilos: ¿se copia sin fin?"
STALLED = "Tu código no responde tras {:g} s de reloj: ¿reparte el trabajo entre otros procesos?"


class Overrun(BaseException):
    """La comprobación gasta demasiado. No es Exception: ninguna celda la captura."""


class Usage(NamedTuple):
    """Segundos de CPU, ¿duermen todos los hilos?, bytes y número de hilos de un árbol de procesos.

    Los bytes cuentan varias veces lo que varios procesos comparten: son una cota.
    """

    cpu: float
    asleep: bool
    memory: int
    tasks: int


class Watch(threading.Thread):
    """Mata a `child` si gasta más de `seconds`; si los gasta el hilo que vigila, lo interrumpe."""

    def __init__(self, child, seconds):
        super().__init__(daemon=True)
        self.child, self.seconds = child, seconds
        self.scorer, self.done = threading.get_ident(), threading.Event()

    def run(self):
        if METERED:
            self.meter(time.pthread_getcpuclockid(self.scorer))
        elif not self.done.wait(self.seconds):
            self.child.kill(HANG.format(self.seconds))

    def stop(self):
        """Deja de vigilar. Si hay una interrupción pendiente, llega aquí como muy tarde."""
        self.done.set()
        self.join()
        for _ in range(100):
            pass

    def meter(self, clock):
        """Mide cada PERIOD. `clock` es el reloj de CPU del hilo vigilado."""
        begin = last = time.monotonic()
        allowed = time.clock_gettime(clock) + self.seconds
        first = usage(self.child.process.pid).cpu
        spent = idle = 0
        while not self.done.wait(PERIOD):
            now, before = time.monotonic(), spent
            use = usage(self.child.process.pid)
            spent = max(spent, use.cpu - first)
            if use.asleep and self.child.waiting and spent == before:
                idle += min(now - last, 2 * PERIOD)
            last = now
            if not self.child.dead:
                self.judge(use, spent, idle, now - begin)
            if time.clock_gettime(clock) > allowed:
                interrupt(self.scorer)
                allowed += self.seconds

    def judge(self, use, spent, idle, elapsed):
        """Mata al proceso si ha pasado algún límite."""
        if spent > self.seconds:
            self.child.kill(HANG.format(self.seconds))
        elif idle > self.seconds:
            self.child.kill(ASLEEP.format(self.seconds))
        elif use.tasks > TASKS:
            self.child.kill(CROWDED)
        elif use.memory > MEMORY and shared_out(self.child.process.pid) > MEMORY:
            self.child.kill(HUNGRY)
        elif elapsed > PATIENCE * self.seconds:
            self.child.stalled = True
            self.child.kill(STALLED.format(PATIENCE * self.seconds))


@contextmanager
def last_resort(seconds):
    """Si este proceso solo califica, el núcleo lo mata cuando ni interrumpido termina.

    También le niega la memoria desmedida. Quien le dio el trabajo sabe repetir lo que se pierde.
    """
    if not (METERED and parent_process()):
        yield
        return
    import resource  # no existe en Windows, que tampoco tiene /proc

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = {
        resource.RLIMIT_CPU: int(time.process_time() + PATIENCE * seconds) + 1,
        resource.RLIMIT_AS: pages * resource.getpagesize() + MEMORY,
    }
    usual = {limit: resource.getrlimit(limit) for limit in most}
    for limit, value in most.items():
        resource.setrlimit(limit, (value, usual[limit][1]))
    try:
        yield
    finally:
        for limit, value in usual.items():
            resource.setrlimit(limit, value)


def interrupt(thread):
    """Lanza Overrun en otro hilo en cuanto ejecute Python."""
    error = ctypes.py_object(Overrun)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), error)


def tree(pid):
    """Identificadores de `pid` y de sus descendientes vivos; de muchos, solo TASKS y alguno más."""
    found = [pid]
    for each in found:  # crece mientras se recorre
        if len(found) > TASKS:
            break
        with suppress(OSError):
            for task in os.listdir(f"/proc/{each}/task"):
                children = Path(f"/proc/{each}/task/{task}/children").read_text()
                found += map(int, children.split())
    return found


def usage(root):
    """`Usage` del árbol de `root`, leída de /proc: proc(5)."""
    ticks, asleep, pages, tasks = 0, True, 0, 0
    for pid in tree(root):
        with suppress(*GONE):
            stat = fields(f"/proc/{pid}/stat")
            ticks += sum(map(int, stat[11:15]))  # propios y de los hijos ya terminados
            pages += int(stat[21])
            for task in os.listdir(f"/proc/{pid}/task"):
                asleep &= fields(f"/proc/{pid}/task/{task}/stat")[0] not in "RD"
                tasks += 1
    memory = pages * os.sysconf("SC_PAGE_SIZE")
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), asleep, memory, tasks)


def fields(path):
    """Campos de un archivo stat tras el nombre del programa: proc(5), desde el tercero."""
    return Path(path).read_text().rpartition(")")[2].split()


def shared_out(root):
    """Bytes del árbol; lo que comparten varios procesos se reparte entre ellos (PSS)."""
    total = 0
    for pid in tree(root):
        with suppress(*GONE):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += 1024 * int(rollup.partition("\nPss:")[2].split()[0])
    return total
