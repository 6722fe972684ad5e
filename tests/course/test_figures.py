"""La página de cifras dice lo que dicen los resultados medidos."""

import sys

import pytest


@pytest.fixture
def figures(repo, monkeypatch):
    monkeypatch.syspath_prepend(str(repo / "scripts"))
    import write_figures

    yield write_figures
    sys.modules.pop("write_figures")


def test_page_is_what_the_results_say(figures):
    assert figures.PAGE.read_text(encoding="utf-8") == figures.page()


def test_missing_result_is_told(figures, tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "RESULTS", tmp_path)
    assert figures.page().count("| no medido |") == len(figures.GRADING)


def test_missed_goal_is_told(figures):
    slow = {"numpy": {"faster_than_nbgrader": {"2 workers": {"median": 12, "low": 9, "high": 14}}}}
    assert figures.speed("numpy", 10)(slow) == ("12 veces [9, 14]", False)
