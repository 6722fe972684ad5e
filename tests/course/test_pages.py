"""Las páginas dicen la verdad: el repaso se ejecuta y toda cita tiene su entrada."""

import doctest
import json
import re

import pytest

from vinogpt import grammar

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
