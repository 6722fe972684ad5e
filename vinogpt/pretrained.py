"""Los modelos del curso ya entrenados, que vienen con el paquete: no hace falta red.

    model, vocabulary = load("gpt")
    card("gpt")["gap"]

Todos han leído el mismo número de reseñas de la gramática, siempre nuevas:

* ``"gpt"``, el GPT del curso; ``"gpt_1"`` y ``"gpt_0"``, el mismo con un bloque y sin ninguno.
* ``"lstm"`` y ``"gru"``, redes recurrentes con casi tantos parámetros como el GPT.

En ``vinogpt/data``, cada uno tiene sus pesos, ``weights.NAME.npz``, y su ficha,
``weights.NAME.json``: cómo se entrenó y cuánto le falta para llegar al límite de la gramática. Los
escribe ``scripts/train_weights.py``.
"""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from vinogpt.model import Config, build, pack, unpack
from vinogpt.rnn import RNN

NAMES = ("gpt", "gpt_0", "gpt_1", "lstm", "gru")
DATA = Path(__file__).parent / "data"


def load(name: str):
    """El modelo ``name``, con ``log_probs`` como todos, y la palabra de cada id.

    ValueError si no es uno de ``NAMES``.
    """
    return read(path_of(name, "npz"))


def card(name: str) -> dict:
    """La ficha de ``name``. ValueError si no es uno de ``NAMES``."""
    return json.loads(path_of(name, "json").read_text(encoding="utf-8"))


def path_of(name, extension):
    """El archivo de ``name`` que acaba así. ValueError si no es uno de ``NAMES``."""
    if name not in NAMES:
        raise ValueError(f"No hay ningún modelo {name!r}. Los que hay son: {', '.join(NAMES)}.")
    return DATA / f"weights.{name}.{extension}"


# ------------------------------------------------------------------- un GPT o una RNN


def write(model, path, vocabulary: list[str], dtype: str = "float32"):
    """Guarda un GPT, como ``vinogpt.model.save``, o una RNN."""
    pack(model, path, sizes(model), vocabulary, dtype)


def read(path):
    """El GPT o la RNN que guardó ``write``, y su vocabulario."""
    return unpack(path, make)


def sizes(model) -> dict:
    """Las medidas con las que ``make`` rehace un GPT o una RNN."""
    if isinstance(model, RNN):
        return {"kind": model.name, "V": model.tokens.input_dim, "C": model.recurrent.units}
    return asdict(model.config)


def make(sizes: dict):
    """Un GPT o una RNN sin entrenar, según qué medidas sean."""
    if "kind" not in sizes:
        return build(Config(**sizes))
    model = RNN(**sizes)
    model(np.zeros((1, 1), int))  # crea los pesos
    return model
