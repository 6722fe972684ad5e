import itertools
import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from vinogpt import model as gpt
from vinogpt import steps, training
from vinogpt.batches import fresh_batches, grammar_floor
from vinogpt.grammar import END, load
from vinogpt.training import RECIPES, Budget, Recipe, Trainer, TrainingError, loss

TINY = load(Path(__file__).parent / "tiny_grammar.json")
VOCABULARY = [END, "[UNK]", *TINY.vocabulary]
CONFIG = gpt.Config(len(VOCABULARY), context=32, layers=1, heads=2, d=16, key_dim=8, ff=32)
RECIPE = Recipe(batch_size=16, widths=(12,), learning_rate=0.02, warmup=5)


def tiny_trainer(steps, config=CONFIG, recipe=RECIPE, **options):
    """Entrenador de un modelo pequeño con una gramática pequeña; siempre el mismo."""
    keras.utils.set_random_seed(3)
    batches = fresh_batches(TINY, VOCABULARY, recipe, config.context, seed=1)
    floor = grammar_floor(TINY, VOCABULARY)
    return Trainer(gpt.build(config), batches, recipe, Budget(steps=steps), floor, **options)


def in_child(function, *arguments, **environment):
    """Proceso que ejecuta una función de este archivo; los argumentos son textos."""
    code = f"import runpy; runpy.run_path({__file__!r})[{function!r}](*{arguments!r})"
    command = [sys.executable, "-c", code]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | environment)


def bigram(table):
    """Un modelo de mentira: los logits dependen solo del token anterior."""
    return lambda previous, training: keras.ops.take(table, previous, axis=0)


# ------------------------------------------------------------------------------- pérdida


def test_loss_counts_the_words_and_the_first_zero():
    table = np.random.default_rng(1).normal(size=(4, 4)).astype("float32")
    log_q = table - np.log(np.exp(table).sum(axis=1, keepdims=True))
    expected = -(log_q[0, 2] + log_q[2, 3] + log_q[3, 0]) / 3
    assert float(loss(bigram(table), np.array([[2, 3, 0]]))) == pytest.approx(expected, rel=1e-5)


def test_more_padding_changes_nothing():
    table = np.random.default_rng(2).normal(size=(4, 4)).astype("float32")
    ids = np.array([[2, 3, 1, 0], [1, 0, 0, 0]])
    padded = np.pad(ids, ((0, 0), (0, 7)))
    assert float(loss(bigram(table), padded)) == pytest.approx(float(loss(bigram(table), ids)))


def test_counting_the_padding_dilutes_the_loss():
    certain_of_zero = np.zeros((2, 2), "float32")
    certain_of_zero[0] = 50, 0  # tras un 0, otro 0
    ids = np.array([[1, 0, 0, 0]])
    real, diluted = (float(loss(bigram(certain_of_zero), ids, count)) for count in (False, True))
    assert (real, diluted) == pytest.approx(((50 + np.log(2)) / 2, (50 + np.log(2)) / 4))


def test_dropout_is_on_while_training():
    trainer = tiny_trainer(1, replace(CONFIG, dropout=0.5))
    ids = trainer.batches(0)
    assert float(loss(trainer.model, ids)) != float(loss(trainer.model, ids))


# --------------------------------------------------------------------------------- ritmo


@pytest.mark.parametrize(
    ("step", "progress", "rate"), [(0, 0, 0.1), (4, 0.1, 0.45), (9, 0.5, 0.5), (90, 0.9, 0.1)]
)
def test_the_rate_rises_and_then_falls_to_zero(step, progress, rate):
    recipe = Recipe(learning_rate=1.0, warmup=10)
    assert recipe.rate(step, progress) == pytest.approx(rate)


def test_the_reference_rate_is_constant():
    assert {RECIPES["reference"].rate(i, i / 9) for i in range(9)} == {1e-3}


@pytest.mark.parametrize("budget", [Budget(steps=40), Budget(seconds=8)])
def test_progress_is_the_share_of_the_budget_spent(budget):
    assert budget.progress(step=10, seconds=2.0) == 0.25


# -------------------------------------------------------------------------------- entrenar


def test_it_learns_and_tells_how():
    trainer = tiny_trainer(140)
    rows = []
    trainer.run(rows.append)
    assert rows == trainer.history and len(rows) == 100
    assert [rows[-1][name] for name in ("step", "progress")] == [140, 1]
    assert rows[-1]["tokens"] == sum(np.count_nonzero(trainer.batches(i)) + 16 for i in range(140))
    assert rows[0]["gap"] > 1 and -0.02 < np.mean([row["gap"] for row in rows[-10:]]) < 0.2
    assert not training.below_limit(rows)
    json.dumps(rows)


def test_a_budget_of_seconds_ends_on_time_and_the_rate_with_it(monkeypatch):
    clock = SimpleNamespace(monotonic=itertools.count(5).__next__)  # cada paso dura 1 s
    monkeypatch.setattr(training, "time", clock)
    trainer = tiny_trainer(1)
    trainer.budget = Budget(seconds=10)
    assert [row["seconds"] for row in trainer.run()] == list(range(1, 11))
    assert float(trainer.optimizer.learning_rate) == pytest.approx(RECIPE.rate(9, 0.9))


def test_compiling_with_xla_changes_nothing(monkeypatch):
    monkeypatch.setattr(training, "XLA_STEPS", 0)
    rows = tiny_trainer(6).run()
    assert [row["loss"] for row in rows] == pytest.approx(plain_losses(6), rel=0.01)


def test_each_part_of_a_batch_weighs_as_its_real_tokens(monkeypatch):
    losses = []
    for parts in (1, 2, 3):
        monkeypatch.setattr(steps, "CORES", parts)
        losses.append([row["loss"] for row in tiny_trainer(6).run()])
    assert losses[1:] == [pytest.approx(losses[0], rel=1e-5)] * 2


def plain_losses(steps):
    """Las pérdidas de un bucle de entrenamiento sin compilar, de lo más simple."""
    import tensorflow as tf

    trainer, losses = tiny_trainer(steps), []
    for i in range(steps):
        with tf.GradientTape() as tape:
            losses.append(loss(trainer.model, trainer.batches(i)))
        trainer.optimizer.learning_rate = RECIPE.rate(i, i / steps)
        weights = trainer.model.trainable_variables
        trainer.optimizer.apply(tape.gradient(losses[-1], weights), weights)
    return [float(value) for value in losses]


# ------------------------------------------------------------------------- la alarma


class Peeker(keras.Model):
    """Hace trampa: lee el token siguiente, como una atención sin máscara."""

    def __init__(self):
        super().__init__()
        self.table = keras.layers.Embedding(CONFIG.vocab_size, CONFIG.vocab_size)

    def call(self, ids):
        return self.table(keras.ops.roll(ids, -1, axis=1))


def peeker(config):
    model = Peeker()
    model(np.zeros((1, 2), int))  # crea los pesos
    return model


def test_the_alarm_sounds_if_a_model_looks_ahead(monkeypatch):
    monkeypatch.setattr(gpt, "build", peeker)
    trainer = tiny_trainer(140, recipe=replace(RECIPE, learning_rate=0.3))
    assert training.below_limit(trainer.run())


def test_the_alarm_sounds_if_the_loss_counts_the_padding():
    recipe = replace(RECIPE, count_padding=True, widths=())
    assert training.below_limit(tiny_trainer(140, recipe=recipe).run())


def test_the_alarm_waits_for_enough_rows():
    rows = [{"gap": -1.0 - i / 100} for i in range(20)]
    assert training.below_limit(rows) and not training.below_limit(rows[:19])
    assert not training.below_limit([{"loss": 0.1}] * 20)


# ------------------------------------------------------------------ puntos de control


def run_and_print(path, steps):
    """En otro proceso: entrena, guarda cada paso y lo cuenta."""
    training.XLA_STEPS = 0
    config = replace(CONFIG, dropout=0.2)
    trainer = tiny_trainer(int(steps), config, checkpoint=path, save_every=0)
    trainer.run(lambda row: print(row["step"], flush=True))


def test_killed_and_resumed_gives_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "XLA_STEPS", 0)
    steps, killed_at = 60, random.randint(1, 50)
    path = tmp_path / "checkpoint.npz"
    with in_child("run_and_print", str(path), str(steps)) as child:
        for _ in range(killed_at):
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
    resumed = tiny_trainer(steps, replace(CONFIG, dropout=0.2), checkpoint=path)
    resumed.restore()
    assert killed_at <= resumed.step + 1 < steps
    resumed.run()
    whole = tiny_trainer(steps, replace(CONFIG, dropout=0.2))
    whole.run()
    for one, other in zip(resumed.variables(), whole.variables(), strict=True):
        assert np.array_equal(one, other), one.path
    assert [row["loss"] for row in resumed.history] == [row["loss"] for row in whole.history]


def test_a_checkpoint_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    trainer = tiny_trainer(2, checkpoint=tmp_path / "checkpoint.npz")
    trainer.save()
    before = trainer.checkpoint.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda file: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        trainer.save()
    assert trainer.checkpoint.read_bytes() == before


def test_the_checkpoint_of_another_model_is_refused(tmp_path):
    path = tmp_path / "checkpoint.npz"
    tiny_trainer(1, checkpoint=path).save()
    with pytest.raises(TrainingError, match="es de otro modelo"):
        tiny_trainer(1, replace(CONFIG, ff=8), checkpoint=path).restore()


@pytest.mark.parametrize("save_every", [0, 999])
def test_nan_stops_with_the_last_good_state(tmp_path, save_every):
    path = tmp_path / "checkpoint.npz"
    recipe = replace(RECIPE, learning_rate=1e38, clip=None, warmup=0)
    trainer = tiny_trainer(50, recipe=recipe, checkpoint=path, save_every=save_every)
    with pytest.raises(TrainingError, match=r"dejó de ser un número.* último estado bueno"):
        trainer.run()
    assert all(np.isfinite(np.array(weight)).all() for weight in trainer.model.weights)
    assert trainer.step < 50
