"""Stopping, on invented ratios: the truth table, and what repeated looks may not do."""

from dataclasses import replace

import pytest

from latency.statistics import Noise
from latency.stopping import PRECISE, QUICK, Stopping

RULE = Stopping(precision=0.005, least=5, most=20, every=5, seconds=10.0)
CALM = [1.0, 1.0005, 0.9995] * 7
WILD = [1.0, 1.2, 0.8, 1.1, 0.9] * 4


@pytest.mark.parametrize(
    ("ratios", "seconds", "reason"),
    [
        ([], 99.0, None),
        (CALM[:4], 0.0, None),
        (CALM[:5], 0.0, "precise"),
        (CALM[:7], 0.0, None),  # no look is due
        (WILD[:5], 0.0, None),
        (WILD[:19], 9.9, None),
        (WILD[:20], 0.0, "limit"),
        (WILD[:1], 10.0, "limit"),
        (CALM[:20], 99.0, "precise"),
    ],
)
def test_stops_as_the_table_says(ratios: list[float], seconds: float, reason: str | None) -> None:
    assert RULE.reason(ratios, seconds) == reason


@pytest.mark.parametrize(
    ("budget_ratio", "reason"),
    [(0.01, "decided"), (0.5, "decided"), (0.8, None), (1.0, None), (1.2, None), (3.0, "decided"), (None, None)],
)
def test_a_clear_decision_needs_a_budget_far_away(budget_ratio: float | None, reason: str | None) -> None:
    # wide scatter, so only a budget far away is clear
    rule = replace(RULE, budget_ratio=budget_ratio)
    assert rule.reason(WILD[:5], 0.0) == reason


def test_decides_below_and_above() -> None:
    nearly = [1.0, 1.01, 0.99, 1.02, 0.98]
    assert [replace(RULE, budget_ratio=b).reason(nearly, 0.0) for b in (0.8, 0.98, 1.02, 1.2)] == [
        "decided", None, None, "decided",
    ]  # fmt: skip


def test_the_margin_is_kept_from_the_budget() -> None:
    rule = replace(RULE, precision=0.0, budget_ratio=1.02)
    assert rule.reason([1.0] * 5, 0.0) == "precise"
    assert replace(rule, margin=0.01).reason(CALM[:5], 0.0) == "decided"
    assert replace(rule, margin=0.03).reason(CALM[:5], 0.0) is None


def test_noise_of_the_others_counts() -> None:
    assert RULE.reason([1.0] * 5, 0.0, Noise(0.05, 10)) is None


def test_noise_that_never_calms_ends_at_the_limit() -> None:
    rule = replace(RULE, every=1)
    looks = [rule.reason(WILD[:n], 0.1 * n) for n in range(1, 21)]
    assert looks == [None] * 19 + ["limit"]


def test_presets() -> None:
    assert QUICK.reason(CALM[:4], 0.0) is None and QUICK.reason(WILD[:5], 0.0) == "limit"
    assert PRECISE.reason(CALM[:11], 0.0) is None and PRECISE.reason(CALM[:12], 0.0) == "precise"


@pytest.mark.parametrize("fields", [{"least": 0}, {"least": 9, "most": 8}, {"every": 0}, {"seconds": 0}, {"alpha": 1}])
def test_crossed_limits_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="need 1 <= least <= most"):
        Stopping(**fields)  # type: ignore[arg-type]
