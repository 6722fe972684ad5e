"""Conversación entre dos procesos que no se fían uno del otro: solo datos simples y llamadas.

Un mensaje es una cabecera de 16 bytes (longitud del JSON y de los arrays), un texto JSON
`[kind, value]` y los bytes de los arrays, uno tras otro. Hay tres clases:

- `call`: `[number, args, kwargs]`, llama a la función `number` del otro extremo;
- `value`: lo que esa llamada devuelve;
- `error`: por qué no devuelve nada, en una frase.

Mientras espera su respuesta, cada extremo atiende las llamadas del otro, así que una función puede
viajar como argumento. Nunca se usa pickle ni se crea un objeto de otra clase.
"""

import io
import json
import math
import struct

import numpy as np

from vinogpt.check import CheckFailed, plain

HEADER = struct.Struct("!QQ")
# Un objeto de Python ocupa unas veinte veces lo que su JSON: por eso el texto tiene menos sitio.
TEXT_LIMIT, DATA_LIMIT = 2**24, 2**28  # bytes por mensaje


def encode(value, blobs, number):
    """Árbol JSON de un dato simple; los arrays van a `blobs` y las funciones son números."""
    if isinstance(value, np.ndarray):
        blobs.append(value.tobytes())
        return {"array": [value.dtype.str, list(value.shape)]}
    if isinstance(value, list):
        return [encode(item, blobs, number) for item in value]
    if isinstance(value, tuple):  # solo como clave
        return {"tuple": [encode(item, blobs, number) for item in value]}
    if isinstance(value, dict):
        pairs = [[key, item] for key, item in value.items()]
        return {"dict": encode(pairs, blobs, number)}
    return {"function": number(value)} if callable(value) else value


def decode(tree, blobs, function):
    """Inversa de `encode`, con los bytes de los arrays en el archivo `blobs`.

    `function` hace de un número algo que se puede llamar.
    """
    if isinstance(tree, list):
        return [decode(item, blobs, function) for item in tree]
    if not isinstance(tree, dict):
        return tree
    [(kind, content)] = tree.items()
    if kind == "array":
        return decode_array(*content, blobs)
    if kind == "function":
        return function(int(content))
    if kind == "tuple":
        return tuple(decode(content, blobs, function))
    if kind == "dict":
        return dict(decode(content, blobs, function))
    raise ValueError(f"clase desconocida: {kind}")


def decode_array(dtype, shape, blobs):
    """Array nuevo con los bytes que siguen en `blobs`: cada byte sirve para uno solo.

    ValueError si no son números, booleanos o textos, o si faltan bytes.
    """
    dtype = np.dtype(dtype)
    if dtype.kind not in "biufU" or any(type(n) is not int or n < 0 for n in shape):
        raise ValueError("array no admitido")
    size = math.prod(shape) * dtype.itemsize
    data = blobs.read(min(size, DATA_LIMIT))
    if len(data) < size:
        raise ValueError("array incompleto")
    if dtype.kind == "b":  # un byte distinto de 0 y 1 no es un booleano
        return np.ndarray(shape, np.uint8, data).astype(bool)
    return np.ndarray(shape, dtype, data).copy()


def readable(text):
    """Texto ajeno sin caracteres de control y de longitud acotada."""
    return "".join(char for char in text[:2000] if char.isprintable() or char == "\n")


class Peer:
    """Un extremo: ofrece `functions`, por su número, y llama a las del otro."""

    def __init__(self, reader, writer, functions=()):
        self.reader, self.writer, self.functions = reader, writer, list(functions)

    def call(self, number, *args, **kwargs):
        """Resultado de la función `number` del otro extremo; CheckFailed si falla."""
        self.send("call", [number, args, kwargs])
        return self.listen()

    def listen(self):
        """Atiende llamadas hasta que llega la respuesta a la propia; EOFError si se cierra."""
        while True:
            kind, value = self.receive()
            if kind == "value":
                return value
            if kind == "error":
                raise CheckFailed(readable(str(value)))
            number, args, kwargs = value
            self.attend(number, args, kwargs)

    def attend(self, number, args, kwargs):
        """Ejecuta la función propia `number` y envía lo que devuelve o por qué falla."""
        try:
            self.send("value", self.functions[number](*args, **kwargs))
        except CheckFailed as error:
            self.send("error", str(error))
        except Exception as error:
            self.send("error", f"{type(error).__name__}: {error}")

    def send(self, kind, value):
        blobs = []
        tree = encode(plain([kind, value], leaf=lambda function: function), blobs, self.offer)
        text, data = json.dumps(tree).encode(), b"".join(blobs)
        if len(text) > TEXT_LIMIT or len(data) > DATA_LIMIT:
            raise CheckFailed(
                f"demasiados datos de una vez: más de {TEXT_LIMIT // 2**20} MB de listas "
                f"o de {DATA_LIMIT // 2**20} MB de arrays"
            )
        self.write(HEADER.pack(len(text), len(data)) + text + data)

    def receive(self):
        text, data = HEADER.unpack(self.read(HEADER.size))
        if text > TEXT_LIMIT or data > DATA_LIMIT:
            raise ValueError("mensaje demasiado largo")
        tree = json.loads(self.read(text))
        kind, value = decode(tree, io.BytesIO(self.read(data)), self.proxy)
        return kind, value

    def read(self, size):
        data = self.reader.read(size)
        if len(data) < size:
            raise EOFError
        return data

    def write(self, data):
        self.writer.write(data)
        self.writer.flush()

    def offer(self, function):
        """Número con el que el otro extremo puede llamar a `function`."""
        self.functions.append(function)
        return len(self.functions) - 1

    def proxy(self, number):
        return lambda *args, **kwargs: self.call(number, *args, **kwargs)
