"""Órdenes ``train``, ``evaluate``, ``generate`` e ``info``: un modelo y su carpeta.

Keras tarda en cargarse: se importa cuando las opciones ya son correctas.
"""

import argparse
import os
import sys
from contextlib import contextmanager
from pathlib import Path

from vinogpt.__main__ import PROGRAM, Parser, fail, whole_number
from vinogpt.corpus import CorpusError
from vinogpt.tokenizer import WordTokenizer

ABOUT = {
    "train": "Entrena un modelo y lo guarda en una carpeta.",
    "evaluate": "Mide un modelo con reseñas que no ha visto.",
    "generate": "Escribe reseñas con un modelo, palabra a palabra.",
    "info": "Muestra las medidas de un modelo y cómo se entrenó.",
}
PRESETS = ("reference", "course", "reviews", "large", "gpt_0", "gpt_1", "simple", "lstm", "gru")
BUNDLED = ("gpt", "gpt_0", "gpt_1", "lstm", "gru")
WHERE = f"la carpeta del modelo o el nombre de uno del curso: {', '.join(BUNDLED)}"
SECONDS = 60  # lo que se entrena si no se dice otra cosa
ALARM = """
⚠⚠⚠ ALARMA: la pérdida está por debajo del límite posible. Es un error, no un buen modelo.
⚠⚠⚠ O la atención mira hacia delante, o la pérdida cuenta el relleno, como hace «reference».
"""


# ------------------------------------------------------------------------------- opciones


def build_parser(verb):
    """Las opciones de un verbo."""
    parser = Parser(prog=f"{PROGRAM} {verb}", description=ABOUT[verb])
    either = parser.add_mutually_exclusive_group()
    if verb == "train":
        add_train_options(parser.add_argument, either.add_argument)
    else:
        parser.add_argument("place", metavar="FOLDER", help=WHERE)
    if verb == "generate":
        add_generate_options(parser.add_argument, either.add_argument)
    return parser


def add_train_options(add, either):
    """Las de ``train``."""
    add("--preset", choices=PRESETS, default="course", help="modelo y receta (course)")
    add("--source", default="grammar", help='"grammar", "kaggle" o la ruta de un .json o .csv')
    either("--seconds", type=positive(float), help=f"cuánto dura, compilar incluido ({SECONDS})")
    either("--steps", type=positive(int), help="o cuántos lotes")
    either("--epochs", type=positive(int), help="o cuántas veces se leen todas las reseñas")
    add("--seed", type=positive(int), default=1, help="semilla (1)")
    add("--out", metavar="FOLDER", type=Path, required=True, help="la carpeta donde se guarda")
    add("--resume", action="store_true", help="sigue lo que quedó a medias, con sus opciones")


def add_generate_options(add, either):
    """Las de ``generate``."""
    add("--prompt", default="wine review :", help='cómo empieza ("wine review :")')
    add("--temperature", type=positive(float), default=1.0, help="menos de 1, más seguro (1)")
    either("--top-k", type=positive(int), help="elige entre las K palabras más probables")
    either("--top-p", type=share, help="o entre las que juntan una probabilidad P")
    add("--n", type=positive(int), default=1, help="cuántas reseñas (1)")
    add("--seed", type=whole_number, default=1, help="semilla (1)")


def positive(kind):
    """Lector de números mayores que 0: ``int`` o ``float``."""

    def read(text):
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value < float("inf"):
            name = "entero" if kind is int else "número"
            raise argparse.ArgumentTypeError(f"{text!r} no es un {name} mayor que 0")
        return value

    return read


def share(text):
    """Lector de una proporción: más de 0 y hasta 1."""
    value = positive(float)(text)
    if value > 1:
        raise argparse.ArgumentTypeError(f"{text!r} es mayor que 1")
    return value


def main(argv):
    """Ejecuta la orden ``argv``; devuelve 0, 2 si hay un error o 130 si se interrumpe."""
    sys.stdout.reconfigure(errors="replace")  # una terminal puede no tener todos los signos
    args = build_parser(argv[0]).parse_args(argv[1:])
    with quiet():
        from vinogpt.runs import RunError
        from vinogpt.training import TrainingError
    try:
        VERBS[argv[0]](args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        fail("Interrumpido. Un entrenamiento sigue con --resume y la misma --out.")
        return 130
    except BrokenPipeError:  # quien lee la salida ya tiene bastante: ... | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (CorpusError, RunError, TrainingError) as error:
        return fail(str(error))
    except OSError as error:
        return fail(f"{error.filename or 'La salida'}: {error.strerror}.")
    return 0


@contextmanager
def quiet():
    """Calla lo que TensorFlow escribe en la salida de error al cargarse."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


# --------------------------------------------------------------------------------- verbos


def train(args):
    """Entrena, mide con reseñas de validación y guarda."""
    from vinogpt import runs

    card = card_for(args, runs.read_card(args.out))
    with quiet():  # al empezar a calcular escribe más
        trainer, vocabulary, validation = runs.prepare(card, args.out / "checkpoint.npz")
    if args.resume:
        trainer.restore()
    args.out.mkdir(parents=True, exist_ok=True)
    runs.write_json(args.out / "card.json", card)
    sizes = f"{trainer.model.count_params():_} parámetros y {len(vocabulary):_} palabras"
    print(f"Modelo de {sizes.replace('_', ' ')}. Lo primero es compilarlo.", flush=True)
    with quiet():
        trainer.run(Progress(trainer.history))
    result = runs.measure(trainer.model, vocabulary, card["source"], validation)
    runs.finish(args.out, trainer, vocabulary, card, result)
    print(describe(result))
    print(f"Modelo guardado en {args.out}. Para leerlo: {PROGRAM} generate {args.out}")


def card_for(args, old):
    """La ficha del entrenamiento que piden las opciones, o la que se reanuda."""
    from vinogpt.runs import RunError

    if args.resume:
        if not old or not (args.out / "checkpoint.npz").exists():
            raise RunError(f"En {args.out} no hay nada que reanudar. Quita --resume.")
        return old
    if old or (args.out / "model.npz").exists():
        raise RunError(f"{args.out} ya tiene un modelo. Usa --resume u otra carpeta.")
    budget = {name: getattr(args, name) for name in ("seconds", "steps", "epochs")}
    if not any(budget.values()):
        budget["seconds"] = SECONDS
    return {"preset": args.preset, "source": args.source, "seed": args.seed, "budget": budget}


class Progress:
    """Escribe cómo va: en una terminal, siempre en el mismo renglón; si no, cada 10 %."""

    def __init__(self, history):
        self.history, self.alarmed = history, False

    def __call__(self, row):
        from vinogpt.training import ROWS, below_limit

        if sys.stdout.isatty():
            print(f"\r{progress_line(row):<78}", end="\n" if row["progress"] >= 1 else "")
        elif len(self.history) % (ROWS // 10) == 0 or row["progress"] >= 1:
            print(progress_line(row))
        if not self.alarmed and below_limit(self.history):
            self.alarmed = True
            print(ALARM)
        sys.stdout.flush()


def progress_line(row):
    """Una fila del historial, en un renglón."""
    left = row["seconds"] * (1 / row["progress"] - 1)
    gap = f" · brecha {row['gap']:.3f}" if "gap" in row else ""
    return (
        f"{min(row['progress'], 1):4.0%} · paso {row['step']} · pérdida {row['loss']:.3f}{gap} · "
        f"{row['tokens'] / row['seconds']:.0f} tokens/s · quedan {max(left, 0):.0f} s"
    )


def describe(result):
    """Lo que mide ``runs.measure``, en frases."""
    from vinogpt.evaluation import limit_alarm, perplexity

    lines = [
        f"Pérdida: {result['nats']:.4f} ± {1.96 * result['nats_error']:.4f} nats por token "
        f"({result['nats_per_review']:.1f} por reseña), perplejidad "
        f"{perplexity(result['nats']):.2f}, en {result['tokens']} tokens no vistos"
    ]
    if "gap" in result:
        lines.append(
            f"Brecha al límite: {result['gap']:.4f} ± {1.96 * result['gap_error']:.4f} "
            f"nats por token; por la KL exacta, {result['exact_gap']:.4f}"
        )
        if limit_alarm(result["gap"], result["gap_error"]):
            lines.append(ALARM)
    return "\n".join(lines)


def evaluate(args):
    """Mide con las reseñas de prueba."""
    from vinogpt import runs

    with quiet():
        model, vocabulary, card = runs.find(args.place)
        source = card.get("source", "grammar")
        result = runs.measure(model, vocabulary, source, runs.load_texts(source)[2])
    print(describe(result))


def generate(args):
    """Escribe cada palabra en cuanto se elige."""
    from vinogpt import runs
    from vinogpt.sampling import temperature, top_k, top_p

    with quiet():
        model, vocabulary, _ = runs.find(args.place)
    prompt = WordTokenizer(vocabulary)
    unknown = [word for word in prompt.tokenize(args.prompt) if word not in vocabulary]
    if unknown:
        raise runs.RunError(f"El modelo no conoce: {', '.join(unknown)}. Cambia --prompt.")
    sampler = temperature(args.temperature)
    if args.top_k:
        sampler = top_k(min(args.top_k, len(vocabulary)), args.temperature)
    if args.top_p:
        sampler = top_p(args.top_p, args.temperature)
    stream, ids = runs.streamer(model, sampler), prompt.encode(args.prompt)
    for i in range(args.n):
        print(args.prompt, end="", flush=True)
        with quiet():
            for token in stream(ids, args.seed + i):
                print(f" {vocabulary[token]}", end="", flush=True)
        print()


def info(args):
    """Medidas, parámetros y ficha."""
    from vinogpt import pretrained, runs

    with quiet():
        model, vocabulary, card = runs.find(args.place)
    print(f"{model.count_params():_} parámetros, {len(vocabulary)} palabras".replace("_", " "))
    for title, table in (("Medidas", pretrained.sizes(model)), ("Ficha", card)):
        print(f"\n{title}:")
        for name, value in table.items():
            print(f"  {name}: {value}")


VERBS = {"train": train, "evaluate": evaluate, "generate": generate, "info": info}
