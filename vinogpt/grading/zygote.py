"""El proceso que se copia: dentro de la caja de arena, importa una vez y se bifurca por petición.

`python -m vinogpt.grading.zygote MODULE …` importa los módulos y no ejecuta ninguna operación:
tras ella, las copias de TensorFlow se bloquean. Cada petición que llega por el socket de la
entrada estándar trae cuatro descriptores: entrada, salida y errores del proceso nuevo, y un socket
en el que este dice si está listo y, al final, con qué código termina.

El proceso nuevo no ve ni alcanza a nadie: tiene sus propios espacios de nombres (usuario, montajes,
procesos, red e IPC), carpetas en memoria, límites y ningún privilegio.
"""

import ctypes
import gc
import importlib
import os
import re
import resource
import signal
import socket
import struct
import sys
from pathlib import Path

from vinogpt.grading import child
from vinogpt.grading.child import HOME
from vinogpt.grading.watch import TASKS

NOBODY = 65534
SIZES = {HOME: "256m", "/dev/shm": "64m"}  # carpetas en memoria de cada proceso
# De cada proceso, salvo NPROC; los límites del árbol entero los vigila `watch` desde fuera.
LIMITS = {"CPU": 600, "FSIZE": 2**28, "NOFILE": 256, "CORE": 0}
OWN_COUNT = (5, 14)  # desde este Linux, NPROC no cuenta los procesos ajenos del mismo usuario
MEMORY = 2**32  # bytes de memoria virtual además de los que ya tiene al empezar

LIBC = ctypes.CDLL(None, use_errno=True)
NEW_SPACES = 0x7C020000  # unshare(2): usuario, montajes, procesos, red, IPC y nombre del equipo
BIND, MOVE, NOSUID, NODEV = 4096, 8192, 2, 4  # mount(2)
DUMPABLE, SECCOMP, FILTER, DROP_BOUND, CAPABILITIES = 4, 22, 2, 24, 64  # prctl(2)
LOAD, EQUAL, ABOVE, RETURN, ALLOW, DENY = 0x20, 0x15, 0x35, 0x06, 0x7FFF0000, 0x00050001  # bpf
# Llamadas que reservan memoria fuera de toda cuenta o abren puertas al núcleo sin uso aquí:
# memfd_create, memfd_secret, shmget, mq_open, add_key, keyctl, io_uring_setup, userfaultfd, bpf
# y perf_event_open, con el número que tienen en cada procesador.
CALLS = {
    "x86_64": (0xC000003E, [319, 447, 29, 240, 248, 250, 425, 323, 321, 298]),
    "aarch64": (0xC00000B7, [279, 447, 194, 180, 217, 219, 425, 282, 280, 241]),
}


def main(modules):
    """Atiende peticiones hasta que se cierra el socket."""
    control = socket.socket(fileno=0)
    for module in modules:
        importlib.import_module(module)
    LIBC.prctl(DUMPABLE, 0, 0, 0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # los hijos terminados no se acumulan
    gc.freeze()
    control.send(b"ready")
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 4)
        if not message:
            os._exit(0)
        if os.fork() == 0:
            control.close()
            guard(*descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def guard(reader, writer, noise, status):
    """Crea el proceso nuevo en espacios propios y, cuando termina, dice con qué código."""
    status = socket.socket(fileno=status)
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        isolate()
        pid = os.fork()
        if pid == 0:
            confine()
            status.send(b"ready")
    except (OSError, KeyError) as error:  # sin permiso, o en un procesador que no está en CALLS
        status.send(str(error).encode())
        os._exit(1)
    if pid == 0:
        for number, descriptor in enumerate((reader, writer, noise)):
            os.dup2(descriptor, number)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        child.main()
    for descriptor in (reader, writer, noise):
        os.close(descriptor)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    status.send(str(code).encode())
    os._exit(0)


def call(function, *arguments):
    """Llama a una función de la biblioteca de C; OSError si falla."""
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function.__name__}: {os.strerror(number)}")


def mount(source, target, kind=None, flags=0, options=""):
    texts = (text and text.encode() for text in (source, target, kind))
    call(LIBC.mount, *texts, flags | NOSUID | NODEV, options.encode())


def isolate():
    """Espacios de nombres nuevos para los hijos, que no podrán crear otros ni ser root."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    LIBC.prctl(DUMPABLE, 1, 0, 0, 0)  # sin esto no lee ni su propio /proc/self
    user, group = os.getuid(), os.getgid()
    call(LIBC.unshare, NEW_SPACES)
    for name, text in [
        ("self/setgroups", "deny"),
        ("self/uid_map", f"1000 {user} 1"),
        ("self/gid_map", f"1000 {group} 1"),
        ("sys/user/max_user_namespaces", "0"),
    ]:
        Path("/proc", name).write_text(text)


def confine():
    """Carpetas propias, límites y ningún privilegio."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limits = {**LIMITS, "AS": pages * resource.getpagesize() + MEMORY}
    if tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) >= OWN_COUNT:
        limits["NPROC"] = TASKS
    Path("/proc/self/oom_score_adj").write_text("1000")  # si falta memoria, muere él
    for folder, size in SIZES.items():
        mount("tmpfs", folder, "tmpfs", options=f"size={size},nr_inodes=10k,mode=700")
    hide_processes()
    os.mkdir(f"{HOME}/tmp")
    os.mkdir(f"{HOME}/work")
    os.chdir(f"{HOME}/work")
    os.setsid()
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    for capability in range(CAPABILITIES):
        LIBC.prctl(DROP_BOUND, capability, 0, 0, 0)
    call(LIBC.capset, struct.pack("Ii", 0x20080522, 0), bytes(24))
    deny_calls(*CALLS[os.uname().machine])


def hide_processes():
    """Deja en /proc lo propio y dos archivos del equipo que leen las bibliotecas."""
    new = f"{HOME}/proc"
    os.mkdir(new)
    mount("tmpfs", new, "tmpfs", options="size=4k,nr_inodes=10")
    os.mkdir(f"{new}/self")
    for name in ("cpuinfo", "meminfo"):
        Path(new, name).touch()
    for name in ("self", "cpuinfo", "meminfo"):
        mount(f"/proc/{name}", f"{new}/{name}", flags=BIND)
    mount(new, "/proc", flags=MOVE)
    os.rmdir(new)


def deny_calls(processor, numbers):
    """Filtro de llamadas al sistema: las de `numbers` y las de otro procesador fallan."""
    n = len(numbers)
    steps = [(LOAD, 0, 0, 4), (EQUAL, 0, n + 3, processor), (LOAD, 0, 0, 0)]
    steps += [(ABOVE, n + 1, 0, 2**30)]  # los mismos números, con otra base, en x86_64
    steps += [(EQUAL, n - i, 0, number) for i, number in enumerate(numbers)]
    steps += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, DENY)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *s) for s in steps))
    head = struct.pack("HP", len(steps), ctypes.addressof(program))
    call(LIBC.prctl, SECCOMP, FILTER, head, 0, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
