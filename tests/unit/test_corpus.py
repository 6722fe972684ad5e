import csv
import doctest
import gzip
import io
import json
import random
import re
import zipfile

import pytest

from vinogpt import corpus, grammar
from vinogpt.corpus import (
    FIELDS,
    KAGGLE_FILE,
    CorpusError,
    description,
    format_review,
    load_reviews,
    pad_punctuation,
    read_records,
    split_reviews,
)
from vinogpt.tokenizer import WordTokenizer

HEAD = "winemag-data-130k-v2.head-10001"
REVIEW_25 = "wine review : US : California : Pinot Noir : Oak and earth intermingle around robust"
RECORDS = [
    {"country": "Spain", "description": "Red, dry.\nOak.", "points": "90", "price": 12.5}
    | {"province": "Rioja", "variety": "Tempranillo"},
    {"country": None, "description": 'A "big" one', "points": "88", "price": None}
    | {"province": None, "variety": "Malbec"},
    {"country": "Chile", "description": "Añejo", "points": "85", "price": 20}
    | {"province": "Maule", "variety": "País"},
]
TEXTS = [
    "wine review : Spain : Rioja : Tempranillo : Red, dry.\nOak.",
    "wine review : Chile : Maule : País : Añejo",
]


def as_json(records=RECORDS):
    return json.dumps(records, ensure_ascii=False).encode()


def as_csv(records=RECORDS):
    """Como el CSV de Kaggle: primera columna sin nombre y números con decimales."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["", *records[0]])
    for i, record in enumerate(records):
        price = record["price"] and float(record["price"])
        writer.writerow([i, *(record | {"price": price}).values()])
    return out.getvalue().encode()


def as_zip(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def written(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


def test_examples_of_the_docstrings():
    assert doctest.testmod(corpus).failed == 0


# --- leer -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("vinos.json", as_json()),
        ("vinos.csv", as_csv()),
        ("vinos.JSON.GZ", gzip.compress(as_json(), mtime=0)),
        ("vinos.csv.gz", gzip.compress(as_csv(), mtime=0)),
        ("vinos.zip", as_zip(**{"vinos.csv": as_csv()})),
        ("excel.csv", b"\xef\xbb\xbf" + as_csv()),
        ("archive.zip", as_zip(**{"otro.csv": b"x", KAGGLE_FILE: as_json()})),
        ("mac.zip", as_zip(**{"a.json": as_json(), "__MACOSX/._a.json": b"x"})),
    ],
)
def test_every_format_gives_the_same_records(tmp_path, name, data):
    path = written(tmp_path, name, data)
    assert read_records(path) == RECORDS
    assert load_reviews(str(path)) == TEXTS


def test_absent_keys_and_empty_strings_are_none(tmp_path):
    records = [RECORDS[0], {"description": "x", "country": ""}]
    second = read_records(written(tmp_path, "vinos.json", as_json(records)))[1]
    assert second == dict.fromkeys(RECORDS[0]) | {"description": "x"}


def test_n_takes_the_first_reviews(tmp_path):
    assert load_reviews(written(tmp_path, "vinos.json", as_json()), n=1) == TEXTS[:1]


def test_a_record_without_one_of_the_four_fields_has_no_review():
    assert format_review(RECORDS[1]) is None
    for field in ("country", "province", "variety", "description"):
        assert format_review(RECORDS[0] | {field: None}) is None
    assert format_review(RECORDS[0] | {"price": None}) == TEXTS[0]


def test_grammar_is_the_default_and_depends_on_the_seed():
    expected = [" ".join(tokens) for tokens in grammar.load().sample(3, 5)]
    assert load_reviews(n=3, seed=5) == expected != load_reviews(n=3, seed=6)
    assert expected[0].startswith("wine review : ")


# --- errores ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.json", b"", "está vacío"),
        ("a.json.gz", gzip.compress(b" \n", mtime=0), "está vacío"),
        ("a.json", b"[]", "no tiene ninguna reseña"),
        ("a.csv", b"country,province,variety,description\n", "no tiene ninguna reseña"),
        ("a.json", as_json()[:-20], "no es JSON válido (línea 1, columna"),
        ("a.json", b'{"country": 1}', "debe ser una lista"),
        ("a.json", b"[1, 2]", "debe ser una lista"),
        ("a.json", as_json([{"country": "x", "variety": "y"}]), "falta province, description"),
        ("a.json", as_json([RECORDS[0], RECORDS[0] | {"country": 7}]), "el registro 1 tiene"),
        ("a.json", as_json([RECORDS[1]]), "Ninguna reseña"),
        ("a.csv", b"vino,puntos\nx,3\n", "falta country"),
        ("a.csv", as_csv()[:-9], "no es un CSV completo"),
        ("a.csv", as_csv().replace(b"12.5", b"caro"), "no es un CSV completo"),
        ("a.csv", as_csv()[:60] + b'"', "hacia la línea 2"),
        ("a.csv", ",".join(FIELDS).encode() + b'\nUS,California,Merlot,"Oak', "hacia la línea 2"),
        ("a.csv", b"\xef\xbb\xbf", "está vacío"),
        ("a.json", "[“Añejo”]".encode("cp1252"), "no está en UTF-8"),
        ("a.json.gz", gzip.compress(as_json(), mtime=0)[:-12], "incompleto o dañado"),
        ("a.json.gz", as_json(), "incompleto o dañado"),
        ("a.zip", as_zip(**{"a.json": as_json()})[:-30], "incompleto o dañado"),
        ("a.zip", as_zip(**{"leeme.txt": b"x"}), "contiene: ninguno"),
        ("a.zip", as_zip(**{"a.json": b"x", "b.csv": b"x"}), "contiene: a.json, b.csv"),
        ("a.txt", b"x", "No sé leer"),
    ],
)
def test_bad_files_say_what_happened_and_what_to_do(tmp_path, name, data, message):
    path = written(tmp_path, name, data)
    with pytest.raises(CorpusError, match=re.escape(message)) as error:
        load_reviews(path)
    assert str(path) in str(error.value)
    assert re.search("Descárgalo|Usa|Guárdalo|Extrae|Corrígelo|usa", str(error.value))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(CorpusError, match=r"No existe .*nada\.json\. Comprueba la ruta"):
        load_reviews(tmp_path / "nada.json")
    with pytest.raises(CorpusError, match="es una carpeta"):
        load_reviews(tmp_path)
    with pytest.raises(CorpusError, match="pide 1 o más"):
        load_reviews(n=0)


def test_damaged_archives_only_raise_corpus_errors(tmp_path):
    """Un byte cambiado o un corte en cualquier sitio: se lee bien o se explica."""
    rng, refused = random.Random(1), 0
    archives = {
        "a.json.gz": gzip.compress(as_json(), mtime=0),
        "a.zip": as_zip(**{"a.json": as_json()}),
    }
    for _ in range(500):
        name, data = rng.choice(list(archives.items()))
        place = rng.randrange(len(data))
        tail = rng.choice([b"", bytes([rng.randrange(256)]) + data[place + 1 :]])
        path = written(tmp_path, name, data[:place] + tail)
        try:
            assert read_records(path) == RECORDS
        except CorpusError:
            refused += 1
    assert refused > 250


# --- repartir ---------------------------------------------------------------------------------


def test_split_sizes_order_and_seed():
    reviews = [f"wine review : a : b : c : texto {i}" for i in range(100)]
    train, validation, test = split_reviews(reviews, seed=1)
    assert [len(train), len(validation), len(test)] == [80, 10, 10]
    assert sorted(train + validation + test) == sorted(reviews)
    assert train == [review for review in reviews if review in train]
    assert split_reviews(reviews, seed=1) == (train, validation, test)
    assert split_reviews(reviews, seed=2) != (train, validation, test)
    assert list(map(len, split_reviews(reviews, 1, validation=0.2, test=0))) == [80, 20, 0]


def test_description_is_what_follows_the_header():
    assert description("wine review : US : California : Merlot : Oak : plum") == "Oak : plum"


def test_equal_descriptions_stay_together_whatever_the_header():
    reviews = [f"wine review : país {i} : b : c : texto {i % 20}" for i in range(60)]
    parts = [set(map(description, part)) for part in split_reviews(reviews, seed=3)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 20
    assert sum(map(len, split_reviews(reviews, seed=3))) == 60


# --- puntuación -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "padded"),
    [
        ("Oak, earth.", "Oak , earth . "),
        ("a  b\nc", "a b \n c"),
        ("O'Brien's [15%]", "O ' Brien ' s [ 15 % ] "),
        ("back\\slash_under", "back \\ slash _ under"),
        ("¿Añejo? — sí", "¿Añejo ? — sí"),
    ],
)
def test_pad_punctuation(text, padded):
    assert pad_punctuation(text) == padded


def test_pad_punctuation_is_idempotent_and_loses_no_letter():
    rng = random.Random(9)
    for _ in range(300):
        text = "".join(rng.choices("abÉñ,.;:'\"()[]\\-/ \n\t–", k=30))
        padded = pad_punctuation(text)
        assert pad_punctuation(padded) == padded
        assert padded.replace(" ", "") == text.replace(" ", "")


def test_the_regex_of_the_slide_fails():
    """La clase perdió sus paréntesis: no hay grupo 1 al que volver."""
    with pytest.raises(re.error, match="invalid group reference"):
        re.sub("[.,;]", r" \1 ", "Oak, earth.")


# --- reseñas reales ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def head_records(reviews_folder):
    return read_records(reviews_folder / f"{HEAD}.json.gz")


@pytest.fixture(scope="module")
def reviews(reviews_folder):
    return load_reviews(reviews_folder / f"{HEAD}.json.gz")


def test_csv_and_json_of_kaggle_give_the_same_records(reviews_folder, head_records):
    assert read_records(reviews_folder / f"{HEAD}.csv.gz") == head_records


def test_head_has_10001_records_and_9996_reviews(head_records, reviews):
    assert len(head_records) == 10_001
    assert len(reviews) == 9_996


def test_record_10_is_the_one_of_source_004(head_records):
    record = head_records[10]
    assert record["title"].startswith("Kirkland Signature 2011 Mountain Cuvée Cabernet Sauvignon")
    assert (record["points"], record["price"]) == ("87", 19)
    assert record["description"].startswith("Soft, supple plum envelopes an oaky structure")
    assert (record["region_1"], record["region_2"]) == ("Napa Valley", "Napa")


def test_review_25_is_the_one_of_source_004(reviews):
    assert reviews[25].startswith(REVIEW_25)
    assert pad_punctuation(reviews[25]).endswith("smoky spice and smooth texture . ")


def test_the_40_repeated_descriptions_never_fall_in_two_parts(reviews):
    assert len(reviews) - len(set(map(description, reviews))) == 40
    for seed in range(5):
        train, validation, test = split_reviews(reviews, seed)
        parts = [set(map(description, part)) for part in (train, validation, test)]
        assert sum(map(len, parts)) == len(set.union(*parts))
        assert abs(len(train) - 7_997) < 40 and abs(len(test) - 1_000) < 40


@pytest.fixture
def full_file(reviews_folder):
    names = [KAGGLE_FILE, f"{KAGGLE_FILE}.gz", f"{KAGGLE_FILE}.zip", "archive.zip"]
    found = [reviews_folder / name for name in names if (reviews_folder / name).exists()]
    if not found:
        pytest.skip(f"La carpeta de VINOGPT_REVIEWS no tiene el archivo completo, {KAGGLE_FILE}.")
    return found[0]


def test_full_file_gives_the_vocabulary_and_ids_of_source_004(full_file):
    reviews = load_reviews(full_file)
    tokenizer = WordTokenizer.train(reviews, vocab_size=10_000)
    first = ["", "[UNK]", ":", ",", ".", "and", "the", "wine", "a", "of"]
    ids = """7 10 2 20 2 29 2 43 62 2 55 5 243 4145 453 634 26 9 497 499 667 17 12 142 14 2214 43
        25 2484 32 8 223 14 2213 948 4 594 17 987 3 15 75 237 3 64 14 82 97 5 74 2633 17 198 49 5
        125 77 4"""
    assert len(reviews) == 129_907
    assert tokenizer.vocabulary[:10] == first
    assert tokenizer.encode(reviews[25]) == [int(i) for i in ids.split()]
