"""Un paso repartido entre dispositivos o equipos es el mismo paso."""

import json
import os
import socket
import subprocess
import sys

import pytest

from vinogpt import runs

CARD = {"preset": "course", "source": "grammar", "seed": 1}
PROGRAM = f"""
import json
from vinogpt import runs
card = {CARD} | {{"budget": {{"steps": 6, "seconds": None, "epochs": None}}}}
losses = [row["loss"] for row in runs.prepare(card, None)[0].run()]
import jax
print(json.dumps([len(jax.devices()), losses]))
"""
JAX = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}


def start(repo, **more):
    """Entrena seis pasos en otro proceso, con JAX."""
    environment = {**os.environ, **JAX, **more}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=repo)


def machines(number):
    """El entorno de cada uno de los procesos que se reparten un entrenamiento."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    for i in range(number):
        names = {"JOB_ADDRESSES": address, "NUM_PROCESSES": str(number), "PROCESS_ID": str(i)}
        yield {f"KERAS_DISTRIBUTION_{name}": value for name, value in names.items()}


def answer(process):
    """Cuántos dispositivos ha visto y la pérdida de cada paso."""
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 0
    return json.loads(output.splitlines()[-1])


@pytest.fixture(scope="module")
def alone(repo):
    return answer(start(repo))


def test_four_devices_give_the_losses_of_one(repo, alone):
    four = answer(start(repo, XLA_FLAGS="--xla_force_host_platform_device_count=4"))
    assert (alone[0], four[0]) == (1, 4)
    assert four[1] == pytest.approx(alone[1], rel=1e-4)


def test_two_machines_give_the_losses_of_one(repo, alone):
    processes = [start(repo, **environment) for environment in machines(2)]
    for devices, losses in map(answer, processes):
        assert devices == 2
        assert losses == pytest.approx(alone[1], rel=1e-4)


def test_several_machines_need_a_budget_of_steps(monkeypatch):
    monkeypatch.setenv("KERAS_DISTRIBUTION_JOB_ADDRESSES", "10.0.0.1:9911,10.0.0.2:9911")
    seconds = CARD | {"budget": {"steps": None, "seconds": 60, "epochs": None}}
    with pytest.raises(runs.RunError, match="usa --steps o --epochs"):
        runs.budget_of(seconds, None)
