from typing import Any

import pytest

from search.rounds import LAST_SHARE, SHARES
from tests.search.test_flow import Run, fit_and_run, model, run  # noqa: F401  # fixtures


def flattering(stored: dict[str, Any], factor: float) -> dict[str, Any]:
    """A stored model whose every forecast is `factor` of what it was."""
    scaled = {**stored["model"], "coefficients": [factor * one for one in stored["model"]["coefficients"]]}
    return {**stored, "model": scaled}


def test_forecasts_that_flatter_are_corrected_by_the_finalists(fit_and_run: Run, model: dict[str, Any]) -> None:  # noqa: F811
    ran = fit_and_run(30.0, {"evaluations": 24}, models=(flattering(model, 0.85),))
    assert ran.state == "succeeded"
    verified = [event.key or "" for event in ran.of("verify")]
    assert any(key.startswith("verify2:") for key in verified)
    said = [event.data["message"] for event in ran.of("log") if "forecasts are corrected" in event.data["message"]]
    assert "plans take 1.1" in said[0]
    answer = ran.answer
    assert answer.latency is not None and answer.decision is not None
    assert answer.decision["upper_ms"] <= 30.0
    # not the sparsest plan, which is what is left when nothing is learned: the budget is used
    assert answer.latency.median_ms > 0.85 * 30.0


@pytest.mark.parametrize("factor", [0.98, 0.96, 0.92])
def test_however_much_they_flatter_the_budget_is_used(fit_and_run: Run, model: dict[str, Any], factor: float) -> None:  # noqa: F811
    answer = fit_and_run(26.0, {"evaluations": 24}, models=(flattering(model, factor),)).answer
    assert answer.latency is not None and answer.decision is not None
    assert answer.decision["upper_ms"] <= 26.0
    # the next best of what had been evaluated takes 0.81 of it
    assert answer.latency.median_ms > 0.93 * 26.0


def test_further_rounds_ask_on_where_the_first_one_ended(fit_and_run: Run, model: dict[str, Any]) -> None:  # noqa: F811
    ran = fit_and_run(30.0, {"evaluations": 24}, models=(flattering(model, 0.85),))
    rounds = [event.data["round"] for event in ran.of("ask")]
    assert rounds == list(range(len(rounds)))
    assert 24 < ran.answer.evaluated <= 24 + 2 * 6
    ranks = [event.data["rank"] for event in ran.of("verify")]
    assert ranks == list(range(len(ranks)))


def test_a_search_that_was_cut_between_rounds_ends_the_same(fit_and_run: Run, model: dict[str, Any]) -> None:  # noqa: F811
    models = (flattering(model, 0.85),)
    whole = fit_and_run(30.0, {"evaluations": 24}, models=models)
    place = next(n for n, event in enumerate(whole.events) if (event.key or "").startswith("verify2:"))
    done = tuple(event for event in whole.events[:place] if event.key is not None)
    again = fit_and_run(30.0, {"evaluations": 24}, models=models, done=done)
    assert again.answer.plan == whole.answer.plan
    assert [event.data["plans"] for event in (*done, *again.events) if event.kind == "ask"] == whole.asks


def test_a_kind_model_needs_one_round(run: Run) -> None:  # noqa: F811
    ran = run(30.0)
    assert not [event for event in ran.of("verify") if (event.key or "").startswith("verify2:")]


def test_the_shares_of_the_risk_add_up() -> None:
    assert sum(SHARES) + LAST_SHARE == pytest.approx(1.0)
