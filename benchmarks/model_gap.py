"""Brecha al límite de la gramática: el GPT del curso frente a lo que se usaría en su lugar.

    python benchmarks/model_gap.py [--full] [--turns N]

En cada turno, con la misma semilla y todos los núcleos, se entrenan con reseñas siempre nuevas, y
después se mide:

* ``course``, la receta del curso, 60 s y 20 s, compilar incluido;
* ``reference``, la receta de origen (Foster, *Generative Deep Learning*, 2.ª ed., capítulo 9),
  20 s: tal cual, y con un bloque de la anchura del curso, que aquí es un rival más difícil;
* una LSTM con tantos parámetros como el GPT y su tasa ajustada (``baseline_rates.py``), 60 s;
* Kneser-Ney con ventanas de 0 a 8, sobre 1.7 millones de tokens o más.

Todo se mide en las mismas reseñas nuevas, contando solo los tokens reales. La brecha que se
compara es la KL exacta; ``paired`` es la estimación emparejada, -log q + log p*, independiente.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import sys
import time
from dataclasses import replace

import keras
import numpy as np
from recipe_ladder import GRAMMAR, TRUTH, VOCABULARY, encoded
from side_by_side import FULL, UNFINISHED, publish, ratio, take_turns

from vinogpt import evaluation, pretrained
from vinogpt.batches import fresh_batches, pad_texts
from vinogpt.model import PRESETS, build
from vinogpt.ngrams import NGram
from vinogpt.rnn import build_rnn
from vinogpt.runs import GRAMMAR_CONTEXT
from vinogpt.sampling import FastGenerator, temperature
from vinogpt.training import RECIPES, Budget, Trainer

HELD_OUT, SAMPLES, COUNTED = (1_500, 1_024, 28_500) if FULL else (100, 64, 2_000)
WINDOWS = range(9) if FULL else (5,)
SHARE = 1 if FULL else 0.25  # de los segundos de cada entrenamiento
REFERENCES = ("reference_20", "scaled_20")  # cuenta el que mejor quede
FAR = 40  # tokens antes: el tramo más lejano de evaluation.DISTANCES


def sized(preset, **sizes):
    """Un preset con el vocabulario y la ventana de la gramática."""
    here = {"vocab_size": len(VOCABULARY), "context": GRAMMAR_CONTEXT}
    return replace(PRESETS[preset], **here | sizes)


COURSE = sized("course")
SCALED = {"layers": 1, "d": COURSE.d, "key_dim": COURSE.d, "ff": COURSE.d}
CONTESTANTS = {  # cómo se hace cada modelo, su receta y sus segundos
    "course_60": (lambda: build(COURSE), "course", 60),
    "course_20": (lambda: build(COURSE), "course", 20),
    "reference_20": (lambda: build(sized("reference")), "reference", 20),
    "scaled_20": (lambda: build(sized("reference", **SCALED)), "reference", 20),
    "lstm_60": (lambda: build_rnn("lstm", len(VOCABULARY), parameters()), "lstm", 60),
}


def parameters():
    """Los del GPT del curso."""
    return build(COURSE).count_params()


def reviews(n, seed):
    """n reseñas nuevas como ids, (n, context). Ningún entrenamiento usa semillas negativas."""
    return pad_texts(encoded(GRAMMAR.sample(n, seed)), GRAMMAR_CONTEXT)


def weights(name, seed):
    """El archivo donde queda un modelo entre entrenarlo y medirlo."""
    UNFINISHED.mkdir(parents=True, exist_ok=True)
    return UNFINISHED / f"model_gap{'' if FULL else '_quick'}.{name}.{seed}.npz"


def train(seed):
    """Entrena y guarda todos los modelos de un turno; devuelve qué ha costado cada uno."""
    spent = {}
    for name, (make, recipe, seconds) in CONTESTANTS.items():
        keras.utils.set_random_seed(seed)
        start, model = time.monotonic(), make()
        batches = fresh_batches(GRAMMAR, VOCABULARY, RECIPES[recipe], GRAMMAR_CONTEXT, seed)
        budget = Budget(seconds=seconds * SHARE - (time.monotonic() - start))
        trainer = Trainer(model, batches, RECIPES[recipe], budget)
        trainer.run()
        spent[name] = {"parameters": model.count_params(), "steps": trainer.step}
        spent[name] |= {"tokens": trainer.tokens}
        pretrained.write(model, weights(name, seed), VOCABULARY)
    return spent


def scored(model, ids):
    """Brecha exacta y emparejada, y la de las palabras que se decidieron lejos."""
    scores = evaluation.measure(model, ids, TRUTH)
    paired, far = evaluation.gap(scores), evaluation.excess_by_distance(scores, TRUTH, ids)[FAR]
    if evaluation.limit_alarm(paired.mean, paired.error):
        sys.exit("Una brecha por debajo del límite posible: hay un error.")
    result = {"gap": evaluation.exact_gap(scores).mean, "paired": paired.mean}
    return result | {"paired_error": paired.error, "far": far.mean, "far_error": far.error}


def invalid(model, seed):
    """Proporción de reseñas imposibles entre las que escribe un GPT a temperatura 1."""
    generator = FastGenerator(model, temperature(1.0))
    texts = generator.generate([[]] * SAMPLES, GRAMMAR_CONTEXT - 1, seed=seed * SAMPLES)
    words = [[VOCABULARY[i] for i in text] for text in texts]
    return 1 - evaluation.validity(GRAMMAR, words).share


def count_models(ids, seed):
    """Brecha de Kneser-Ney con cada ventana."""
    training = reviews(COUNTED, -1_000 - seed)
    found = {"tokens": int((training > 0).sum()) + COUNTED}
    for window in WINDOWS:
        model = NGram(training, len(VOCABULARY), window)
        found[window] = scored(model, ids)
    return found


def measure(seed):
    """Lo que vale cada modelo de un turno, todos en las mismas reseñas."""
    ids, result = reviews(HELD_OUT, -100 - seed), {}
    for name in CONTESTANTS:
        model, _ = pretrained.read(weights(name, seed))
        result[name] = scored(model, ids)
        if name != "lstm_60":
            result[name]["invalid"] = invalid(model, seed)
        print(name, result[name], flush=True)
    counts = count_models(ids, seed)
    best = min(WINDOWS, key=lambda window: counts[window]["gap"])
    return result | {"counts": {"best_window": best, **counts[best], "tokens": counts["tokens"]}}


def shipped(turn):
    """Lo mismo, con los modelos que trae el paquete; en cada turno, otras reseñas."""
    ids, found = reviews(HELD_OUT, -200 - turn), {}
    for name in ("gpt", "lstm"):
        model, _ = pretrained.load(name)
        found[name] = {"parameters": model.count_params()} | scored(model, ids)
    return found


def compare(turns, own):
    """Las razones que se publican."""

    def column(who, key="gap"):
        return [turn[who][key] for turn in turns]

    def over_reference(key):
        rival = min(REFERENCES, key=lambda name: np.median(column(name, key)))
        return {"rival": rival} | ratio(column("course_20", key), column(rival, key))

    models = [turn[name] for turn in turns for name in CONTESTANTS]
    exact, paired = ([model[key] for model in models] for key in ("gap", "paired"))
    return {
        "course_60_over_counts": ratio(column("course_60"), column("counts")),
        "course_20_over_reference_20": over_reference("gap"),
        "invalid_course_20_over_reference_20": over_reference("invalid"),
        "far_course_60_over_lstm_60": ratio(column("course_60", "far"), column("lstm_60", "far")),
        "far_shipped": ratio(*([turn[who]["far"] for turn in own] for who in ("gpt", "lstm"))),
        "exact_over_paired": ratio(exact, paired),
    }


def main():
    spent, turns = take_turns("model_gap_training", train), take_turns("model_gap", measure)
    own = take_turns("model_gap_shipped", shipped)
    publish("model_gap", {
        "held_out_reviews": HELD_OUT, "samples": SAMPLES, "spent": spent, "turns": turns,
        "shipped": own, "ratios": compare(turns, own),
    })  # fmt: skip


if __name__ == "__main__":
    main()
