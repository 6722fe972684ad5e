"""Tokenizadores: por palabras, por caracteres y por subpalabras (BPE).

Los tres se usan igual. ``train(texts, vocab_size)`` aprende un vocabulario de unos textos;
``tokenize(text)`` parte un texto en piezas; ``encode(text)`` cambia cada pieza por su número,
que es su posición en ``vocabulary``; ``decode(ids)`` vuelve al texto.
El número 0 es siempre el relleno, que ``decode`` no escribe.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import pairwise

from vinogpt.corpus import pad_punctuation

PAD = ""
UNKNOWN = "[UNK]"
SPECIAL_TOKENS = ["<|im_start|>", "<|im_sep|>", "<|im_end|>"]
BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(256)]


def pad(ids: list[int], length: int) -> list[int]:
    """Recorta ``ids`` por el final o lo completa con ceros hasta ``length`` números."""
    return (ids + [0] * length)[:length]


def by_frequency(tokens: Iterable[str]) -> list[str]:
    """Devuelve los tokens distintos, del más al menos frecuente.

    Entre tokens igual de frecuentes va antes el último en orden Unicode, como en
    ``keras.layers.TextVectorization``: "plum" antes que "oak".
    """
    counts = Counter(tokens)
    return sorted(counts, key=lambda token: (counts[token], token), reverse=True)


def split_words(text: str) -> list[str]:
    """Parte ``text`` en palabras y signos de puntuación, en minúsculas.

    Trabaja con bytes para coincidir con TensorFlow: solo cambian a minúscula las letras sin
    acento (``"Église"`` conserva su É) y solo separan los espacios ASCII.
    """
    return [word.decode() for word in pad_punctuation(text).encode().lower().split()]


class TableTokenizer:
    """Una pieza, un número: lo que no está en la tabla se codifica como 1, ``[UNK]``.

    Las clases hijas dicen cómo se parte un texto (``split``) y con qué se unen las piezas
    (``separator``).
    """

    split: Callable[[str], list[str]]
    separator: str

    def __init__(self, vocabulary: list[str]):
        self.vocabulary = vocabulary
        self._ids = {token: i for i, token in enumerate(vocabulary)}

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int | None = None):
        """Se queda con las ``vocab_size`` entradas más frecuentes (``None``: con todas).

        Las dos primeras son siempre el relleno y ``[UNK]``.
        """
        tokens = by_frequency(token for text in texts for token in cls.split(text))
        return cls([PAD, UNKNOWN, *tokens][:vocab_size])

    def tokenize(self, text: str) -> list[str]:
        """Parte ``text`` en piezas, estén o no en el vocabulario."""
        return self.split(text)

    def encode(self, text: str) -> list[int]:
        """Devuelve el número de cada pieza; 1 si no está en el vocabulario."""
        return [self._ids.get(token, 1) for token in self.split(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """Une las piezas que corresponden a ``ids``."""
        return self.separator.join(self.vocabulary[i] for i in ids if i != 0)


class WordTokenizer(TableTokenizer):
    """Una pieza por palabra o signo de puntuación.

    Da los mismos números que ``TextVectorization(standardize="lower", max_tokens=vocab_size)``
    sobre los textos tratados con ``pad_punctuation``. ``decode`` devuelve minúsculas y signos
    separados: no recupera el texto original.
    """

    split = staticmethod(split_words)
    separator = " "


class CharTokenizer(TableTokenizer):
    """Una pieza por carácter Unicode, mayúsculas incluidas.

    ``decode(encode(text)) == text`` si el vocabulario tiene todos los caracteres de ``text``.
    """

    split = staticmethod(list)
    separator = ""


WORD = re.compile(r" ?\w+| ?[^\w\s]+|\s+")
SPECIAL = re.compile(f"({'|'.join(map(re.escape, SPECIAL_TOKENS))})")


def split_chunks(text: str) -> list[str]:
    """Parte ``text`` en trozos que BPE no une entre sí; juntos vuelven a dar ``text``.

    Un trozo es un token especial entero, una palabra o una serie de signos (con el espacio que
    la precede), o una serie de espacios.
    """
    chunks = []
    for part in SPECIAL.split(text):
        chunks += [part] if part in SPECIAL_TOKENS else WORD.findall(part)
    return chunks


def merge(pieces: list[str], pair: tuple[str, str]) -> list[str]:
    """Une cada aparición de ``pair``, de izquierda a derecha.

    >>> merge(["b", "a", "n", "a", "n", "a"], ("a", "n"))
    ['b', 'an', 'an', 'a']
    """
    merged, i = [], 0
    while i < len(pieces):
        size = 2 if tuple(pieces[i : i + 2]) == pair else 1
        merged.append("".join(pieces[i : i + size]))
        i += size
    return merged


def learn_merges(chunk_counts: dict[str, int], num_merges: int) -> list[tuple[str, str]]:
    """Aprende hasta ``num_merges`` uniones (Sennrich et al., 2016, https://arxiv.org/abs/1508.07909).

    Cada paso une la pareja contigua más frecuente; entre iguales, la primera en orden Unicode.
    Acaba cuando ninguna sale dos veces. ``chunk_counts`` dice cuántas veces sale cada trozo.
    """
    pieces = {chunk: list(chunk) for chunk in chunk_counts}
    pair_counts, chunks_with = Counter(), defaultdict(set)

    def count_pairs(chunk, times):
        for pair in pairwise(pieces[chunk]):
            pair_counts[pair] += times
            chunks_with[pair].add(chunk)

    for chunk, times in chunk_counts.items():
        count_pairs(chunk, times)
    merges = []
    while len(merges) < num_merges and (top := max(pair_counts.values(), default=0)) > 1:
        best = min(pair for pair, count in pair_counts.items() if count == top)
        merges.append(best)
        for chunk in chunks_with.pop(best):  # los demás no cambian
            count_pairs(chunk, -chunk_counts[chunk])
            pieces[chunk] = merge(pieces[chunk], best)
            count_pairs(chunk, chunk_counts[chunk])
    return merges


def apply_merges(chunk: str, ranks: dict[tuple[str, str], int]) -> list[str]:
    """Parte ``chunk`` en caracteres y los une en el orden en que se aprendieron las uniones.

    ``ranks[pair]`` es el turno en que se aprendió la pareja.
    """
    pieces = list(chunk)
    while len(pieces) > 1:
        best = min(pairwise(pieces), key=lambda pair: ranks.get(pair, math.inf))
        if best not in ranks:
            break
        pieces = merge(pieces, best)
    return pieces


class BPETokenizer:
    """Subpalabras: parte de los caracteres y une las parejas frecuentes (*byte pair encoding*).

    ``decode(encode(text)) == text`` con cualquier texto Unicode: un carácter que no salió en el
    entrenamiento se escribe con sus bytes UTF-8 (Kudo y Richardson, 2018,
    https://arxiv.org/abs/1808.06226). Los tokens especiales nunca se parten, tampoco cuando los
    escribe quien usa el modelo.

    El vocabulario lleva, en este orden: relleno, tokens especiales, los 256 bytes, los
    caracteres y las uniones.
    """

    def __init__(self, alphabet: list[str], merges: list[tuple[str, str]]):
        self.merges = merges
        joined = [left + right for left, right in merges]
        # Dos uniones pueden dar la misma pieza: "a" + "bc" y "ab" + "c". Cuenta una vez.
        tokens = dict.fromkeys([PAD, *SPECIAL_TOKENS, *BYTE_TOKENS, *alphabet, *joined])
        self.vocabulary = list(tokens)
        self._ids = {token: i for i, token in enumerate(tokens)}
        self._bytes = {token: token.encode() for token in tokens}
        self._bytes |= {token: bytes([byte]) for byte, token in enumerate(BYTE_TOKENS)}
        self._ranks = {pair: rank for rank, pair in enumerate(merges)}
        self._pieces = {token: [token] for token in SPECIAL_TOKENS}  # cada trozo, una sola vez

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int) -> "BPETokenizer":
        """Aprende uniones hasta tener, como mucho, ``vocab_size`` entradas.

        Las entradas anteriores a las uniones están siempre, aunque pasen de ``vocab_size``.
        """
        chunks = Counter(chunk for text in texts for chunk in split_chunks(text))
        for token in SPECIAL_TOKENS:
            chunks.pop(token, None)
        alphabet = sorted(set("".join(chunks)))
        base_size = len(cls(alphabet, []).vocabulary)
        return cls(alphabet, learn_merges(chunks, vocab_size - base_size))

    def tokenize(self, text: str) -> list[str]:
        """Parte ``text`` en piezas del vocabulario."""
        return [piece for chunk in split_chunks(text) for piece in self._split(chunk)]

    def encode(self, text: str) -> list[int]:
        """Devuelve el número de cada pieza."""
        return [self._ids[piece] for piece in self.tokenize(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """Une las piezas; los bytes que no forman un carácter se ven como ``�``."""
        return b"".join(self._bytes[self.vocabulary[i]] for i in ids).decode(errors="replace")

    def _split(self, chunk: str) -> list[str]:
        if chunk not in self._pieces:
            self._pieces[chunk] = [
                token
                for piece in apply_merges(chunk, self._ranks)
                for token in ([piece] if piece in self._ids else self._byte_tokens(piece))
            ]
        return self._pieces[chunk]

    def _byte_tokens(self, character: str) -> list[str]:
        return [BYTE_TOKENS[byte] for byte in character.encode()]


def chat_template(messages: list[dict[str, str]]) -> str:
    """Escribe una conversación como el texto que lee el modelo.

    Cada mensaje tiene ``role`` y ``content``:

    >>> chat_template([{"role": "user", "content": "Hola"}])
    '<|im_start|>user<|im_sep|>Hola<|im_end|>'
    """
    start, separator, end = SPECIAL_TOKENS
    return "".join(
        f"{start}{message['role']}{separator}{message['content']}{end}" for message in messages
    )
