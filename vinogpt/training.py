"""Entrenamiento: recetas, puntos de control y el bucle que da los pasos de ``vinogpt.steps``.

La pérdida son nats por token real: el primer 0 de cada texto es su fin y cuenta; el relleno que lo
sigue, no. Cada lote depende solo de (semilla, paso). Con eso y con el estado completo en cada
punto de control, un entrenamiento por pasos que se interrumpe y se reanuda da los mismos pesos.

No se usa ``keras.Model.fit``: el ritmo sigue aquí al tiempo que queda, y el estado se guarda y se
recupera en cualquier paso.

    recipe = RECIPES["course"]
    batches = fresh_batches(grammar.load(), vocabulary, recipe, context=128, seed=1)
    Trainer(model, batches, recipe, Budget(seconds=60)).run(report=print)
"""

import json
import math
import os
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import ops

from vinogpt.evaluation import limit_alarm
from vinogpt.ngrams import real_tokens
from vinogpt.steps import STEPS, loss

ROWS = 100  # filas del historial: una por cada 1 % del presupuesto
ALARM_ROWS = 20  # filas que promedia la alarma del límite
XLA_STEPS, XLA_SECONDS = 150, 20  # con menos, compilar con XLA cuesta más de lo que ahorra


class TrainingError(Exception):
    """El entrenamiento no puede empezar o seguir; el mensaje dice qué ha pasado y qué hacer."""


@dataclass(frozen=True)
class Recipe:
    """Cómo se entrena."""

    batch_size: int = 16
    widths: tuple[int, ...] = (64, 80)  # anchuras de los lotes, además de la ventana del modelo
    learning_rate: float = 8e-3
    warmup: int = 50  # pasos que tarda en llegar a ``learning_rate``
    decay: bool = True  # baja hasta 0 al acabarse el presupuesto
    weight_decay: float = 0.0
    beta_2: float = 0.99
    clip: float | None = 1.0  # norma máxima del gradiente
    count_padding: bool = False  # la receta de origen cuenta el relleno en la pérdida

    def rate(self, step: int, progress: float) -> float:
        """Tasa de aprendizaje tras ``step`` pasos y una parte ``progress`` del presupuesto."""
        rise = min(1.0, (step + 1) / max(1, self.warmup))
        return self.learning_rate * rise * (1 - progress if self.decay else 1)


RECIPES = {
    # Foster, Generative Deep Learning (2.ª ed., 2023), capítulo 9.
    "reference": Recipe(
        32, widths=(), learning_rate=1e-3, warmup=0, decay=False, beta_2=0.999, clip=None,
        count_padding=True,
    ),
    "course": Recipe(),
    "reviews": Recipe(32, (64, 88), learning_rate=5e-3, weight_decay=0.3),
    "large": Recipe(64, learning_rate=1e-3, warmup=200, weight_decay=0.1),
    # El mismo GPT con menos bloques.
    "gpt_0": Recipe(),
    "gpt_1": Recipe(),
    # La mejor de las tasas probadas con benchmarks/baseline_rates.py.
    "simple": Recipe(),
    "lstm": Recipe(learning_rate=1.6e-2),
    "gru": Recipe(learning_rate=1.6e-2),
}  # fmt: skip


@dataclass(frozen=True)
class Budget:
    """Cuánto dura un entrenamiento: pasos o segundos, uno de los dos."""

    steps: int | None = None
    seconds: float | None = None

    def progress(self, step: int, seconds: float) -> float:
        """Parte ya gastada: de 0 a 1, o algo más si el último paso se pasa de tiempo."""
        return step / self.steps if self.steps else seconds / self.seconds


# ----------------------------------------------------------------------------- el bucle


class Trainer:
    """Entrena ``model`` hasta gastar ``budget``; el tiempo de compilar cuenta.

    floor(ids): la pérdida más baja posible en un lote, si se conoce. checkpoint: archivo .npz con
    el estado completo, que se escribe al empezar, al acabar y cada ``save_every`` segundos.
    """

    def __init__(
        self, model, batches, recipe, budget, floor=None, checkpoint=None, save_every=30.0
    ):
        self.model, self.batches, self.recipe, self.budget = model, batches, recipe, budget
        self.floor, self.save_every = floor, save_every
        self.checkpoint = checkpoint and Path(checkpoint)
        self.optimizer = keras.optimizers.AdamW(
            recipe.learning_rate, recipe.weight_decay, beta_2=recipe.beta_2,
            global_clipnorm=recipe.clip,
        )  # fmt: skip
        self.optimizer.build(model.trainable_variables)
        self.step, self.seconds, self.tokens, self.history = 0, 0.0, 0, []

    def run(self, report=lambda row: None):
        """Entrena y devuelve el historial; ``report`` recibe cada fila nueva.

        TrainingError si la pérdida deja de ser un número: el modelo vuelve al último estado bueno.
        """
        step = self._compiled_step()
        began, saved, losses = time.monotonic() - self.seconds, -math.inf, []
        with ThreadPoolExecutor(1) as reader:
            following = reader.submit(self.batches, self.step)
            while (progress := self.budget.progress(self.step, self.seconds)) < 1:
                if self.seconds - saved >= self.save_every:
                    self.save()
                    saved = self.seconds
                ids, following = following.result(), reader.submit(self.batches, self.step + 1)
                self.optimizer.learning_rate = self.recipe.rate(self.step, progress)
                losses.append(step(ids))
                self.step, self.tokens = self.step + 1, self.tokens + int(real_tokens(ids).sum())
                self.seconds = time.monotonic() - began
                if self._row_is_due():
                    report(self._add_row(ids, [float(value) for value in losses]))
                    losses = []
        self.save()
        return self.history

    def _compiled_step(self):
        def own_loss(model, ids):
            return loss(model, ids, self.recipe.count_padding)

        steps, seconds = self.budget.steps or 0, self.budget.seconds or 0
        xla = steps >= XLA_STEPS or seconds >= XLA_SECONDS
        return STEPS[keras.backend.backend()](self.model, self.optimizer, own_loss, xla)

    def _row_is_due(self):
        last = self.history[-1] if self.history else {"step": 0, "seconds": 0.0}
        done, now = (last["step"], last["seconds"]), (self.step, self.seconds)
        return int(self.budget.progress(*now) * ROWS) > int(self.budget.progress(*done) * ROWS)

    def _add_row(self, ids, losses):
        """Añade y devuelve una fila: pérdida media desde la anterior; brecha, en el último lote."""
        if not np.isfinite(losses).all():
            self._stop()
        progress = self.budget.progress(self.step, self.seconds)
        row = {"step": self.step, "progress": progress, "seconds": self.seconds}
        row |= {"tokens": self.tokens, "loss": float(np.mean(losses))}
        if self.floor:
            row["gap"] = losses[-1] - self.floor(ids)
        self.history.append(row)
        return row

    def _stop(self):
        message = f"La pérdida dejó de ser un número antes del paso {self.step}."
        if self.checkpoint:
            self.restore()
            message += f" Queda el último estado bueno, el del paso {self.step}."
        raise TrainingError(f"{message} Prueba otra semilla o baja la tasa de aprendizaje.")

    # ------------------------------------------------------------------ puntos de control

    def variables(self):
        """Todo lo que cambia al entrenar, también el azar del dropout."""
        return [*self.model.variables, *self.optimizer.variables]

    def save(self):
        """Escribe el estado en ``checkpoint``: entero o nada, y solo si todo es finito."""
        if self.checkpoint is None:
            return
        arrays = [ops.convert_to_numpy(variable) for variable in self.variables()]
        if not all(np.isfinite(array).all() for array in arrays):
            self._stop()
        about = {name: getattr(self, name) for name in ("step", "seconds", "tokens", "history")}
        temporary = self.checkpoint.with_suffix(".tmp")
        with open(temporary, "wb") as file:
            np.savez(file, *arrays, about=np.array(json.dumps(about)))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.checkpoint)

    def restore(self):
        """Recupera el estado de ``checkpoint``. TrainingError si no es de este modelo."""
        try:
            with np.load(self.checkpoint) as file:
                arrays = [file[f"arr_{i}"] for i in range(len(file.files) - 1)]
                about = json.loads(str(file["about"]))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise TrainingError(f"No se puede leer {self.checkpoint}. Empieza otro.") from error
        own = self.variables()
        if [array.shape for array in arrays] != [tuple(variable.shape) for variable in own]:
            raise TrainingError(f"{self.checkpoint} es de otro modelo. Usa el suyo o empieza otro.")
        for variable, array in zip(own, arrays, strict=True):
            variable.assign(array)
        self.__dict__ |= about


def below_limit(history):
    """La alarma: si la brecha media de las últimas filas está 3 errores típicos bajo cero."""
    gaps = [row["gap"] for row in history[-ALARM_ROWS:] if "gap" in row]
    if len(gaps) < ALARM_ROWS:
        return False
    return bool(limit_alarm(np.mean(gaps), np.std(gaps, ddof=1) / math.sqrt(ALARM_ROWS)))
