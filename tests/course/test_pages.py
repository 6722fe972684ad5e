"""Las páginas dicen la verdad: el repaso se ejecuta y toda cita tiene su entrada."""

import ast
import doctest
import json
import math
import re
from statistics import mean

import pytest

from vinogpt import grammar
from vinogpt.training import RECIPES

LINK = (
    r"<(https://doi\.org/[^>]+)>|(https://(?:doi\.org|arxiv\.org|aclanthology\.org)/[^\s)>\"\\\]]+)"
)
CITING = ["book/*.ipynb", "book/*.md", "exercises/**/*.ipynb", "vinogpt/**/*.py", "scripts/*.py"]


def cited(text):
    return {(bracketed or plain).rstrip(".,;") for bracketed, plain in re.findall(LINK, text)}


@pytest.mark.parametrize("pattern", CITING)
def test_every_cited_work_is_in_the_references(repo, pattern):
    known = cited((repo / "book/referencias.md").read_text(encoding="utf-8"))
    for path in repo.glob(pattern):
        assert cited(path.read_text(encoding="utf-8")) <= known, path.name


def test_code_of_the_review_gives_the_results_it_shows(repo):
    text = (repo / "book/intro.md").read_text(encoding="utf-8")
    code = "\n\n".join(re.findall(r"```python\n(>>> .*?)```", text, re.DOTALL))
    review = doctest.DocTestParser().get_doctest(code, {}, "intro.md", None, 0)
    result = doctest.DocTestRunner().run(review)
    assert result.attempted > 20
    assert result.failed == 0


def test_published_limit_is_that_of_the_shipped_grammar(repo):
    limits = json.loads((repo / "benchmarks/results/grammar_limits.json").read_text())
    nats, low, high = limits["entropy_rate_posterior"]
    fresh = grammar.load("en").entropy_rate(1000, seed=3, method="posterior")
    assert fresh.low < high and low < fresh.high
    page = (repo / "book/datos.md").read_text(encoding="utf-8")
    assert f"$H^* = {nats:.2f}$" in page
    for window in (0, 1, 2, 4, 8):
        assert f" {limits['window_limits'][str(window)][0]:.2f} |" in page


# --- Las cifras guardadas que copia un cuaderno son las de su programa -----------------------


def copied(repo, page, name):
    """La lista o el diccionario que una celda de `book/page` asigna a `name`."""
    notebook = json.loads((repo / f"book/{page}.ipynb").read_text(encoding="utf-8"))
    sources = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    [cell] = [
        source for source in sources if re.search(rf"^{name} = [\[{{]( |\n|[\d.])", source, re.M)
    ]
    for line in ast.parse(cell).body:
        if isinstance(line, ast.Assign) and line.targets[0].id == name:
            return ast.literal_eval(line.value)


def measured(repo, name):
    return json.loads((repo / f"benchmarks/results/{name}.json").read_text(encoding="utf-8"))


def test_window_limits_of_chapter_02_are_those_measured(repo):
    page, limits = "02_factorizacion_autorregresiva", measured(repo, "grammar_limits")
    gaps = measured(repo, "window_networks")["gaps"]
    assert copied(repo, page, "network_gaps") == [round(mean(g), 3) for g in gaps.values()]
    windows = [round(nats, 3) for nats, *_ in limits["window_limits"].values()]
    assert copied(repo, page, "H_k") == windows


def test_recipe_ladder_of_chapter_05_is_the_one_measured(repo):
    gaps = {}
    for turn in measured(repo, "recipe_ladder")["turns"]:
        gaps.setdefault(turn["name"], []).append(turn["gap"])
    shown = copied(repo, "05_gpt_de_vinos", "ladder").values()
    assert list(shown) == pytest.approx([mean(own) for own in gaps.values()], abs=0.006)


def test_broken_curves_of_chapter_05_are_those_measured(repo):
    shown = copied(repo, "05_gpt_de_vinos", "texts").values()
    turns = measured(repo, "training_curves")["turns"]
    for text, turn in zip(shown, turns, strict=True):
        assert list(map(float, text.split())) == [round(nats, 2) for nats in turn["losses"]]


def test_real_reviews_of_chapter_05_are_those_measured(repo):
    """Las tablas de la sección 5.15: pérdidas, muestras enteras y series repetidas."""
    page = (repo / "book/05_gpt_de_vinos.ipynb").read_text(encoding="utf-8")
    found, rows = measured(repo, "real_samples"), []
    for turn in found["curve"]:
        perplexity = float(f"{math.exp(turn['nats']):.3g}")
        rows.append(f"| {turn['step']:,} | {turn['nats']:.2f} | {perplexity:,.0f} | *")
    for sample in found["samples"]:
        rows.append(f"| {sample['temperature']} | *{sample['text']}* |")
    for group in found["repetition"].values():
        share = math.floor(100 * group["copies"] + 0.5)
        rows.append(f"| {group['median']:.0f} | {group['longest']} | {share} % |")
    assert [row for row in rows if row not in page] == []


@pytest.mark.parametrize("kind", ["lstm", "gru", "simple"])
def test_rate_of_a_recipe_is_the_best_measured_or_ties_with_it(repo, kind):
    found = measured(repo, "baseline_rates")["best"][kind]
    assert found["by_rate"][str(RECIPES[kind].learning_rate)] < 1.01 * found["gap"]
    assert found["inside"]


def test_budget_of_exercise_5_6_is_the_one_measured(repo):
    found = measured(repo, "training_budget")
    page = (repo / "exercises/05_gpt_de_vinos/05_gpt_de_vinos.ipynb").read_text(encoding="utf-8")
    assert f"la brecha no llegue a **{found['threshold']} veces**" in page
    for window in found["windows"].values():
        assert f"{window['parameters']:,} | {window['share']:.2g} |" in page
