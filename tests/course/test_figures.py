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
    assert figures.page().count("| no medido |") == len(figures.GRADING) + len(figures.MODEL)


def test_every_goal_names_its_program(figures, repo):
    programs = {name for _, _, name, _ in [*figures.GRADING, *figures.MODEL]}
    assert all((repo / "benchmarks" / f"{name}.py").exists() for name in programs)


def test_missed_goal_is_told(figures):
    slow = {"numpy": {"faster_than_nbgrader": {"2 workers": {"median": 12, "low": 9, "high": 14}}}}
    assert figures.speed("numpy", 10)(slow) == ("12 veces [9, 14]", False)


@pytest.mark.parametrize(
    ("goal", "met"),
    [("at_most(2)", False), ("at_most(3)", True), ("at_least(1)", True), ("at_least(2)", False),
     ("within(2)", True), ("within(1)", False)],
)  # fmt: skip
def test_a_goal_is_met_if_the_worst_end_meets_it(figures, goal, met):
    name, number = goal[:-1].split("(")
    tell = getattr(figures, name)(int(number), "speed", "ours")
    result = {"speed": {"ours": {"median": 2, "low": 1.5, "high": 2.5}}}
    assert tell(result) == ("2 [1.5, 2.5]", met)


def test_a_peer_that_was_not_there_is_told(figures):
    result = {"speed": {"missing": "no se pudo instalar"}}
    assert figures.at_least(1, "speed", "steady")(result) == ("no se pudo instalar", None)
