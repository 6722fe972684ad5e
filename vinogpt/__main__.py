"""Línea de órdenes: ``python -m vinogpt VERBO``."""

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path

from vinogpt.corpus import CorpusError, load_reviews
from vinogpt.tokenizer import BPETokenizer, CharTokenizer, WordTokenizer

PROGRAM = "python -m vinogpt"
SPANISH = {
    "usage: ": "uso: ",
    "options": "opciones",
    "positional arguments": "argumentos",
    "show this help message and exit": "muestra esta ayuda y termina",
    "argument %(argument_name)s: %(message)s": "en %(argument_name)s: %(message)s",
    "the following arguments are required: %s": "falta %s",
    "unrecognized arguments: %s": "no se conoce %s",
    "expected one argument": "falta su valor",
    "ignored explicit argument %r": "no admite el valor %r",
    "not allowed with argument %s": "no se puede usar con %s",
    "invalid choice: %(value)r (choose from %(choices)s)": "no vale %(value)r; "
    "elige entre %(choices)s",
}
argparse._ = lambda message: SPANISH.get(message, message)  # argparse traduce con gettext
TRAINING_REVIEWS = 2_000
TOKENIZERS = {  # título, clase y tamaño máximo del vocabulario
    "words": ("Palabras", WordTokenizer, None),
    "chars": ("Caracteres", CharTokenizer, None),
    "bpe": ("Subpalabras (BPE)", BPETokenizer, 1_000),
}
ELSEWHERE = {  # verbos con su propio módulo
    "check": ("check_cli", "comprueba un cuaderno de ejercicios"),
    "grade": ("grading.cli", "califica las entregas de una clase"),
    "regrade": ("grading.cli", "repite la calificación y dice qué cambia"),
    "train": ("train_cli", "entrena un modelo"),
    "evaluate": ("train_cli", "mide un modelo con reseñas que no ha visto"),
    "generate": ("train_cli", "escribe reseñas con un modelo"),
    "info": ("train_cli", "muestra las medidas de un modelo"),
}


class Parser(argparse.ArgumentParser):
    """Un error ocupa una línea y dice dónde está la ayuda."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}. Ayuda: {self.prog} --help\n")


def whole_number(text: str) -> int:
    """Lee un entero de la línea de órdenes."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} no es un número entero") from None


def build_parser() -> argparse.ArgumentParser:
    """Describe los verbos y sus opciones."""
    parser = Parser(prog=PROGRAM, description="VinoGPT: el corpus, los modelos y los ejercicios.")
    verbs = parser.add_subparsers(dest="verb", metavar="VERBO", required=True, title="verbos")
    add_corpus_verb(verbs)
    add_tokens_verb(verbs)
    for verb, (_, about) in ELSEWHERE.items():
        verbs.add_parser(verb, help=about, add_help=False)
    return parser


def add_corpus_verb(verbs) -> None:
    """Verbo ``corpus`` y sus opciones."""
    corpus = verbs.add_parser(
        "corpus",
        help="escribe reseñas, una por línea",
        description="Escribe reseñas de vino, una por línea, en un archivo o en la pantalla.",
    )
    corpus.add_argument(
        "--n", type=whole_number, help="cuántas (si falta, 10000 o todo el archivo)"
    )
    corpus.add_argument("--seed", type=whole_number, default=1, help="semilla (por defecto, 1)")
    corpus.add_argument("--out", metavar="FILE", help="archivo de salida (si falta, la pantalla)")
    source_help = '"grammar" (por defecto), "kaggle" o la ruta de un .json o .csv'
    corpus.add_argument("--source", default="grammar", help=source_help)
    corpus.set_defaults(run=write_corpus)


def add_tokens_verb(verbs) -> None:
    """Verbo ``tokens`` y sus opciones."""
    tokens = verbs.add_parser(
        "tokens",
        help="muestra un texto partido en tokens, con sus números",
        description="Parte un texto con tokenizadores entrenados con la gramática de vinos.",
    )
    tokens.add_argument("text", metavar="TEXT", help="el texto, entre comillas")
    tokens.add_argument("--tokenizer", choices=TOKENIZERS, help="solo uno (si falta, los tres)")
    tokens.set_defaults(run=show_tokens)


def write_corpus(args: argparse.Namespace) -> None:
    """Escribe el corpus en ``args.out`` o en la pantalla."""
    reviews = load_reviews(args.source, n=args.n, seed=args.seed)
    lines = "".join(" ".join(review.splitlines()) + "\n" for review in reviews)
    if args.out is None:
        sys.stdout.write(lines)
    else:
        Path(args.out).write_text(lines, encoding="utf-8", newline="\n")
        print(f"{len(reviews)} reseñas escritas en {args.out}")


def show_tokens(args: argparse.Namespace) -> None:
    """Muestra ``args.text`` con los tokenizadores pedidos, entrenados con la gramática."""
    texts = load_reviews(n=TRAINING_REVIEWS)
    for name in [args.tokenizer] if args.tokenizer else TOKENIZERS:
        title, kind, vocab_size = TOKENIZERS[name]
        tokenizer = kind.train(texts, vocab_size)
        pieces, ids = tokenizer.tokenize(args.text), tokenizer.encode(args.text)
        print(f"{title}: {len(ids)} tokens, vocabulario de {len(tokenizer.vocabulary)}")
        print(in_columns([visible(piece) for piece in pieces], [str(i) for i in ids]))
        if name != "bpe" and 1 in ids:
            print("  El 1 es [UNK]: esa pieza no está en el vocabulario.")
        print()


def visible(piece: str) -> str:
    """Cambia espacios y caracteres de control por signos que se ven."""
    spaced = piece.replace(" ", "␣").replace("\n", "↵")
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in spaced)


def in_columns(top: list[str], bottom: list[str], width: int = 78) -> str:
    """Coloca cada pieza sobre su número, en renglones de hasta ``width`` caracteres."""
    rows = [["  ", "  "]]
    for pair in zip(top, bottom, strict=True):
        size = max(map(len, pair)) + 2
        if len(rows[-1][0]) + size > width:
            rows.append(["  ", "  "])
        rows[-1] = [row + text.ljust(size) for row, text in zip(rows[-1], pair, strict=True)]
    return "\n".join(row.rstrip() for pair in rows for row in pair)


def main(argv: list[str] | None = None) -> int:
    """Ejecuta un verbo y devuelve el código de salida: 0, o 2 si hay un error."""
    argv = sys.argv[1:] if argv is None else argv
    verb = argv[0] if argv else ""
    if verb in ELSEWHERE:
        module = import_module(f"vinogpt.{ELSEWHERE[verb][0]}")
        return module.main(argv[1:] if verb == "check" else argv)
    sys.stdout.reconfigure(errors="replace")  # una terminal puede no tener todos los signos
    args = build_parser().parse_args(argv)
    try:
        args.run(args)
        sys.stdout.flush()
    except BrokenPipeError:  # quien lee la salida ya tiene bastante: ... | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except CorpusError as error:
        return fail(str(error))
    except UnicodeEncodeError:
        return fail("El texto tiene caracteres que no se pueden escribir en UTF-8. Quítalos.")
    except OSError as error:
        place = error.filename or "la salida"
        return fail(f"No se puede escribir en {place} ({error.strerror}). Elige otro archivo.")
    return 0


def fail(message: str) -> int:
    """Escribe el error en una línea y devuelve 2."""
    print(f"{PROGRAM}: error: {' '.join(message.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
