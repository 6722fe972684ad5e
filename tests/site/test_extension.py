"""Las piezas de book/_ext que se pueden probar sin construir el sitio."""

import sys
from datetime import date

import pytest


@pytest.fixture(scope="module")
def ext(repo):
    sys.path.insert(0, str(repo / "book"))
    import _ext

    yield _ext
    sys.path.remove(str(repo / "book"))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2. Vale 1.", 2),
        ("b) porque sí", 2),
        ("La 3: cada palabra", 3),
        ("La opción c.", 3),
        ("La respuesta correcta es la segunda.", 2),
        ("Es la primera", 1),
        ("El 1. Solo puede", 1),
        ("Depende del corpus", None),
        ("A veces cambia.", None),
        ("3 de cada 4", None),
        ("2,560 números", None),
        ("", None),
    ],
)
def test_answer_number_reads_how_people_write(ext, text, number):
    assert ext.quizzes.answer_number(text) == number


def test_release_date_comes_from_its_own_heading(ext):
    changelog = "# Cambios\n\n## 0.2.0 · 2027-01-05\n\n## 0.1.0 · 2026-11-21\n"
    assert ext.release.release_date(changelog, "0.1.0") == date(2026, 11, 21)
    assert ext.release.release_date(changelog, "0.2.0") == date(2027, 1, 5)
    assert ext.release.release_date(changelog, "0.3.0") is None


def test_release_line_says_when_nothing_is_published(ext):
    assert (
        ext.release.release_line("0.1.0", date(2026, 11, 2))
        == "Versión 0.1.0 · 2 de noviembre de 2026"
    )
    assert ext.release.release_line("0.2.0", None) == "Versión 0.2.0 · sin publicar"


def test_long_descriptions_end_in_a_sentence_or_a_word(ext):
    assert ext.pages.shorten("Corta.") == "Corta."
    assert ext.pages.shorten("Una frase bastante larga que llega a la mitad. " * 5).endswith(
        "mitad."
    )
    assert ext.pages.shorten("palabra " * 40).endswith("palabra…")
