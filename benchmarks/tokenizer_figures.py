"""Mide los tokenizadores sobre reseñas reales: palabras desconocidas, longitud y tiempo.

    VINOGPT_REVIEWS=carpeta python benchmarks/tokenizer_figures.py [--full]

Usa las 10 001 primeras filas del archivo de Kaggle; aprende de nueve décimas partes de las reseñas
y mide en la otra décima. Con ``--full`` escribe ``benchmarks/results/tokenizers.json``; sin él usa
una de cada diez reseñas.
"""

import time

from side_by_side import FULL, publish, real_reviews

from vinogpt.corpus import split_reviews
from vinogpt.tokenizer import BPETokenizer, CharTokenizer, WordTokenizer

SIZES = [500, 1_000, 2_000, 4_000, 10_000]


def mean_length(tokenizer, reviews):
    """Tokens por reseña."""
    return sum(len(tokenizer.encode(review)) for review in reviews) / len(reviews)


def unknown_rate(tokenizer, reviews):
    """Fracción de las palabras que no están en el vocabulario."""
    ids = [i for review in reviews for i in tokenizer.encode(review)]
    return ids.count(1) / len(ids)


def training_seconds(reviews):
    """Lo que tarda BPE en aprender 1400 entradas de dos mil reseñas."""
    start = time.perf_counter()
    BPETokenizer.train(reviews[:2_000], 1_400)
    return time.perf_counter() - start


def measure(reviews):
    """Todas las cifras, sobre una décima parte que el entrenamiento no ha visto."""
    train, _, test = split_reviews(reviews, seed=1, validation=0.0, test=0.1)
    words, chars = WordTokenizer.train(train), CharTokenizer.train(train)
    return {
        "reviews": {"train": len(train), "test": len(test)},
        "word_vocabulary": {
            "all_reviews": len(WordTokenizer.train(reviews).vocabulary),
            "train": len(words.vocabulary),
        },
        "char_vocabulary": len(chars.vocabulary),
        "unknown_word_rate": {
            str(size): round(unknown_rate(WordTokenizer.train(train, size), test), 4)
            for size in [*SIZES, len(words.vocabulary)]
        },
        "tokens_per_review": {
            "words": round(mean_length(words, test), 2),
            "chars": round(mean_length(chars, test), 2),
            "bpe": {
                str(size): round(mean_length(BPETokenizer.train(train, size), test), 2)
                for size in SIZES
            },
        },
        "bpe_1400_on_2000_reviews_seconds": round(training_seconds(train), 2),
    }


if __name__ == "__main__":
    publish("tokenizers", measure(real_reviews()[:: 1 if FULL else 10]))
