"""El corpus: reseñas de vino de la gramática, de Kaggle o de un archivo propio.

``load_reviews`` devuelve textos; ``split_reviews`` los reparte en entrenamiento, validación y
prueba. Todo lo que puede fallar al leer acaba en ``CorpusError``, con el siguiente paso.
"""

import csv
import gzip
import io
import json
import random
import re
import string
import zipfile
from pathlib import Path

FIELDS = ("country", "province", "variety", "description")
GRAMMAR_REVIEWS = 10_000
# La versión fija da siempre los mismos datos y permite usar la copia ya descargada sin conexión.
KAGGLE_DATASET = "zynicide/wine-reviews/versions/4"
KAGGLE_FILE = "winemag-data-130k-v2.json"
BY_HAND = (
    "También puedes descargar el .zip desde https://www.kaggle.com/datasets/zynicide/wine-reviews "
    'y usar su ruta en lugar de "kaggle", o usar "grammar", que no descarga nada.'
)


class CorpusError(Exception):
    """No se puede leer el corpus; el mensaje dice qué ha pasado y qué hacer."""


def load_reviews(source: str | Path = "grammar", n: int | None = None, seed: int = 1) -> list[str]:
    """Carga reseñas como textos ``wine review : país : provincia : variedad : descripción``.

    Args:
        source: ``"grammar"`` (muestras de ``vinogpt.grammar``), ``"kaggle"`` (descarga con
            kagglehub) o la ruta de un .json o .csv, también en .gz o .zip.
        n: cuántas; de un archivo, las primeras. ``None``: 10 000 de la gramática, o todas.
        seed: semilla de la gramática; un archivo no la usa.

    Raises:
        CorpusError: no se puede leer o descargar, o no contiene reseñas.
    """
    if n is not None and n < 1:
        raise CorpusError(f"No se pueden cargar {n} reseñas: pide 1 o más.")
    if source == "grammar":
        from vinogpt import grammar

        return [" ".join(tokens) for tokens in grammar.load().sample(n or GRAMMAR_REVIEWS, seed)]
    path = download_kaggle() if source == "kaggle" else Path(source)
    reviews = [text for text in map(format_review, read_records(path)) if text is not None]
    if not reviews:
        raise CorpusError(
            f"Ninguna reseña de {path} tiene {', '.join(FIELDS)}. Usa un archivo que los tenga."
        )
    return reviews[:n]


def format_review(record: dict) -> str | None:
    """Une los cuatro campos de un registro, o devuelve ``None`` si falta alguno."""
    values = [record[field] for field in FIELDS]
    return None if None in values else " : ".join(["wine review", *values])


def split_reviews(
    reviews: list[str], seed: int, validation: float = 0.1, test: float = 0.1
) -> tuple[list[str], list[str], list[str]]:
    """Reparte las reseñas en entrenamiento, validación y prueba, en su orden original.

    Las reseñas con la misma descripción caen en la misma parte, aunque cambie la cabecera.
    ``validation`` y ``test`` son fracciones de las descripciones distintas; el resto es
    entrenamiento. La misma ``seed`` da siempre el mismo reparto.
    """
    texts = list(dict.fromkeys(map(description, reviews)))
    random.Random(seed).shuffle(texts)
    test_start = round(len(texts) * (1 - test))
    validation_start = round(len(texts) * (1 - test - validation))
    part = {text: (i >= validation_start) + (i >= test_start) for i, text in enumerate(texts)}
    train, valid, held_out = ([r for r in reviews if part[description(r)] == k] for k in range(3))
    return train, valid, held_out


def description(review: str) -> str:
    """Devuelve la reseña sin su cabecera."""
    return review.split(" : ", 4)[-1]


def pad_punctuation(text: str) -> str:
    r"""Rodea de espacios cada signo de puntuación ASCII y cada salto de línea.

    Después deja un solo espacio donde haya varios. Aplicarla dos veces no cambia nada más.
    Corrige la expresión de la diapositiva, que perdió el grupo al que se refiere ``\1``
    (Foster, *Generative Deep Learning*, 2.ª ed., capítulo 9, sí lo tiene).

    >>> pad_punctuation("Oak, earth; smooth.")
    'Oak , earth ; smooth . '
    """
    spaced = re.sub(f"([{re.escape(string.punctuation)}\n])", r" \1 ", text)
    return re.sub(" +", " ", spaced)


def read_records(path: str | Path) -> list[dict]:
    """Lee todos los registros de un .json o .csv de Kaggle, también en .gz o .zip.

    Los dos formatos dan lo mismo: ``points`` es un texto, ``price`` un número y lo ausente,
    ``None``. La columna sin nombre del CSV, que numera las filas, no se lee.
    Lanza ``CorpusError`` si no existe, está vacío o dañado, no es UTF-8 o le faltan campos.
    """
    path = Path(path).expanduser()
    name, data = _decompress(_read_bytes(path), path)
    if not name.endswith((".json", ".csv")):
        raise CorpusError(f"No sé leer {path}. Usa un .json o .csv, también en .gz o .zip.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{path} no está en UTF-8 (byte {error.start}). Guárdalo como UTF-8 y vuelve a probar."
        ) from error
    if not text.strip():
        raise CorpusError(f"{path} está vacío. Descárgalo otra vez o usa otro archivo.")
    rows = _parse_json(text, path) if name.endswith(".json") else _parse_csv(text, path)
    columns = dict.fromkeys(column for row in rows for column in row)
    records = [columns | row for row in rows]
    _check_fields(records, path)
    return records


def _read_bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise CorpusError(f"{path} es una carpeta. Usa la ruta de un .json o .csv.")
        return path.read_bytes()
    except FileNotFoundError:
        raise CorpusError(
            f"No existe {path}. Comprueba la ruta; la carpeta actual es {Path.cwd()}."
        ) from None
    except OSError as error:
        raise CorpusError(
            f"No se puede leer {path} ({error.strerror}). Comprueba la ruta y los permisos."
        ) from error


def _decompress(data: bytes, path: Path) -> tuple[str, bytes]:
    """Devuelve el nombre en minúsculas y el contenido del archivo sin comprimir."""
    name = path.name.lower()
    try:
        if name.endswith(".gz"):
            return name.removesuffix(".gz"), gzip.decompress(data)
        if name.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                member = _choose_member(archive.namelist(), path)
                return member.lower(), archive.read(member)
    except CorpusError:
        raise
    except Exception as error:  # según el byte dañado, gzip y zipfile lanzan clases muy distintas
        raise CorpusError(f"{path} está incompleto o dañado. Descárgalo otra vez.") from error
    return name, data


def _choose_member(names: list[str], path: Path) -> str:
    """Elige el archivo de reseñas; el .zip de Kaggle trae tres."""
    names = [name for name in names if name.lower().endswith((".json", ".csv"))]
    names = [name for name in names if not name.startswith("__MACOSX/")]
    chosen = [name for name in names if name.endswith(KAGGLE_FILE)] or names
    if len(chosen) != 1:
        raise CorpusError(
            f"{path} debe contener {KAGGLE_FILE} o un único .json o .csv, y contiene: "
            f"{', '.join(names) or 'ninguno'}. Extrae el que quieras y usa su ruta."
        )
    return chosen[0]


def _parse_json(text: str, path: Path) -> list[dict]:
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise CorpusError(
            f"{path} no es JSON válido (línea {error.lineno}, columna {error.colno}): "
            "quizá está incompleto. Descárgalo otra vez."
        ) from error
    if not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
        raise CorpusError(f"{path} debe ser una lista de registros. Usa {KAGGLE_FILE}.")
    return [{key: None if value == "" else value for key, value in row.items()} for row in rows]


def _parse_csv(text: str, path: Path) -> list[dict]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader)
        return [_csv_record(dict(zip(header, line, strict=True))) for line in reader if line]
    except (csv.Error, ValueError) as error:
        raise CorpusError(
            f"{path} no es un CSV completo: hacia la línea {reader.line_num} sobran o faltan "
            "columnas, no se cierran las comillas o el precio no es un número. "
            "Descárgalo otra vez."
        ) from error


def _csv_record(row: dict[str, str]) -> dict:
    record = {column: value or None for column, value in row.items() if column}
    if record.get("price"):
        price = float(record["price"])
        record["price"] = int(price) if price.is_integer() else price
    return record


def _check_fields(records: list[dict], path: Path) -> None:
    if not records:
        raise CorpusError(f"{path} no tiene ninguna reseña. Usa otro archivo.")
    missing = [field for field in FIELDS if field not in records[0]]
    if missing:
        raise CorpusError(
            f"En {path} falta {', '.join(missing)}; hay {', '.join(records[0]) or 'nada'}. "
            f"Usa {KAGGLE_FILE} o un archivo con sus columnas."
        )
    for number, record in enumerate(records):
        for field in FIELDS:
            if not isinstance(record[field], str | None):
                raise CorpusError(
                    f"En {path}, el registro {number} tiene {field} = {record[field]!r}, "
                    "que no es un texto. Corrígelo o usa otro archivo."
                )


def download_kaggle() -> Path:
    """Descarga las reseñas reales con kagglehub, o usa la copia que ya guardó.

    Raises:
        CorpusError: falta kagglehub, no hay conexión o credenciales, o Kaggle responde mal.
    """
    try:
        import kagglehub
    except ImportError as error:
        raise CorpusError(
            f'Falta la biblioteca kagglehub. Instálala con "pip install kagglehub". {BY_HAND}'
        ) from error
    try:
        return Path(kagglehub.dataset_download(KAGGLE_DATASET, path=KAGGLE_FILE))
    except Exception as error:  # kagglehub no da una clase común a sus errores
        raise CorpusError(f"{_explain(error)} {BY_HAND}") from error


def _explain(error: Exception) -> str:
    """Traduce un error de kagglehub o de requests, la biblioteca de red que utiliza."""
    from requests.exceptions import ConnectionError, Timeout

    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403) or "credential" in str(error).lower():
        return (
            "Kaggle no acepta tus credenciales o no las tienes. Crea un token en "
            "https://www.kaggle.com/settings y guárdalo como ~/.kaggle/kaggle.json."
        )
    if status == 404 or KAGGLE_FILE in str(error):
        return f"La descarga de Kaggle no contiene {KAGGLE_FILE}."
    if isinstance(error, ConnectionError | Timeout):
        return "No hay conexión con Kaggle. Comprueba la red y vuelve a probar."
    summary = (str(error).strip() or type(error).__name__).splitlines()[0]
    return f"La descarga de Kaggle ha fallado ({summary}). Vuelve a probar más tarde."
