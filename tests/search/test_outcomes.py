import math

import pytest

from search.outcomes import checked, hopeless
from search.records import Cause, Evaluation, Failure
from tests.search.support import SPACE, evaluation


@pytest.mark.parametrize(
    ("metrics", "cause", "reason"),
    [
        ({"bbox_mAP": math.nan, "segm_mAP": 1.0}, "nan", "metrics are not finite: bbox_mAP=nan"),
        ({"bbox_mAP": 1.0, "segm_mAP": math.inf}, "nan", "metrics are not finite: segm_mAP=inf"),
        ({"segm_mAP": 1.0}, "error", "the evaluation gave no bbox_mAP; it gave segm_mAP"),
        ({}, "error", "the evaluation gave no bbox_mAP; it gave none at all"),
    ],
)
def test_without_a_finite_metric_it_failed(metrics: dict[str, float], cause: str, reason: str) -> None:
    found = checked(Evaluation(SPACE.dense, 10, "search", metrics), "bbox_mAP")
    assert found == Failure(SPACE.dense, cause, reason, 1)  # type: ignore[arg-type]


def test_what_is_sound_or_has_failed_stays_as_it_is() -> None:
    for outcome in (evaluation(SPACE.dense, 42.0), Failure(SPACE.dense, "crash", "signal SIGSEGV", 3)):
        assert checked(outcome, "bbox_mAP") is outcome


#   F: failed, o: evaluated          given up
TABLE = [("", False), ("FFFF", False), ("FFFFF", True), ("FFooF", True), ("FFooo", False), ("FFFooo", False),
         ("FFFFooo", True), ("ooooo", False)]  # fmt: skip


@pytest.mark.parametrize(("trials", "given_up"), TABLE)
def test_a_search_is_given_up_when_more_than_half_of_at_least_five_trials_failed(trials: str, given_up: bool) -> None:
    ended = [Failure(SPACE.dense, "crash", "signal SIGSEGV", 3) if one == "F" else None for one in trials]
    assert (hopeless(ended) is not None) is given_up


def test_it_names_the_commonest_cause_and_an_example() -> None:
    causes: list[Cause] = ["memory", "timeout", "timeout", "nan", "timeout"]
    why = hopeless([Failure(SPACE.dense, cause, f"because of {cause}", 3) for cause in causes])
    assert why is not None
    assert why.startswith("5 of 5 evaluations failed, most often by timeout (3 times), such as {stage0=0, ")
    assert why.endswith("because of timeout")
