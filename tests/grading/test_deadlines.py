"""vinogpt.grading.deadlines: cuánto se pierde por llegar tarde."""

from datetime import UTC, datetime, timedelta

import pytest

from vinogpt.grading.deadlines import DeadlineError, late_fraction, late_reason, load_policy

DUE = datetime(2026, 3, 2, 22, 59, tzinfo=UTC)
POLICY = """
[01_tema]
due = 2026-03-02T23:59:00+01:00
grace_minutes = 15
percent_per_day = 10
max_percent = 25
zero_after_days = 7
excused = ["luis"]
[01_tema.extensions]
ana = 2026-03-09T23:59:00+01:00
"ana@uni.es" = 2026-03-03T22:59:00Z
"""


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "deadlines.toml"
    path.write_text(POLICY, encoding="utf-8")
    return load_policy(path)


@pytest.mark.parametrize(
    ("student", "late", "lost"),
    [
        ("eva", timedelta(0), 0),
        ("eva", timedelta(days=-30), 0),
        ("eva", timedelta(minutes=15), 0),
        ("eva", timedelta(minutes=16), 0.1),
        ("eva", timedelta(days=1), 0.1),
        ("eva", timedelta(days=1, seconds=1), 0.2),
        ("eva", timedelta(days=3), 0.25),
        ("eva", timedelta(days=7), 0.25),
        ("eva", timedelta(days=7, seconds=1), 1),
        ("eva", timedelta(days=4_000), 1),
        ("luis", timedelta(days=4_000), 0),
        ("ana", timedelta(days=7), 0),
        ("ana", timedelta(days=8), 0.1),
        ("ana@uni.es", timedelta(days=1), 0),
    ],
)
def test_what_is_lost(policy, student, late, lost):
    assert late_fraction(policy, "01_tema", student, DUE + late) == lost


def test_without_date_or_deadline_nothing_is_lost(policy):
    assert late_fraction(policy, "01_tema", "eva", None) == 0
    assert late_fraction(policy, "02_otra", "eva", DUE) == 0
    assert late_fraction({}, "01_tema", "eva", DUE) == 0


def test_the_reason_is_said(policy):
    told = [late_reason(policy, "01_tema", "eva", date) for date in (DUE, None)]
    assert told == ["", "No consta cuándo se recibió: no se resta nada por retraso."]
    late = late_reason(policy, "01_tema", "eva", DUE + timedelta(hours=30))
    assert late == "Llega con 2 días de retraso: se resta el 20 % de los puntos."


def test_without_file_there_are_no_deadlines(tmp_path):
    assert load_policy(tmp_path / "deadlines.toml") == {}


def test_only_the_date_is_required(tmp_path):
    (tmp_path / "d.toml").write_text("[t]\ndue = 2026-03-02T22:59:00Z\n")
    assert late_fraction(load_policy(tmp_path / "d.toml"), "t", "eva", DUE + timedelta(9)) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[t]\ndue = ayer\n", "línea 2"),
        ("[t]\ndue = 2026-03-02T23:59:00\n", "`due` debe ser una fecha con hora y zona"),
        ("[t]\ndue = 2026-03-02\n", "`due` debe ser una fecha"),
        ("[t]\n", "falta `due`"),
        ("t = 1\n", "falta `due`"),
        ("[t]\ndue = 2026-03-02T23:59:00Z\ngrace = 1\n", "no se conoce `grace`"),
        ("[t]\ndue = 2026-03-02T23:59:00Z\nmax_percent = -1\n", "`max_percent` debe ser un número"),
        ("[t]\ndue = 2026-03-02T23:59:00Z\npercent_per_day = true\n", "`percent_per_day`"),
        ("[t]\ndue = 2026-03-02T23:59:00Z\npercent_per_day = nan\n", "`percent_per_day`"),
        ("[t]\ndue = 2026-03-02T23:59:00Z\nexcused = 'ana'\n", "`excused` debe ser una lista"),
        ("[t]\ndue = 2026-03-02T23:59:00Z\nextensions = 3\n", "`extensions` debe ser una tabla"),
        ("[t]\ndue = 2026-03-02T23:59:00Z\n[t.extensions]\nana = 3\n", "`ana` debe ser una fecha"),
    ],
)
def test_a_bad_file_says_where(tmp_path, text, message):
    (tmp_path / "deadlines.toml").write_text(text)
    with pytest.raises(DeadlineError, match=message):
        load_policy(tmp_path / "deadlines.toml")
