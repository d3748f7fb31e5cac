import json
from typing import Any

import pytest

from search.answer import Answer, Outcome
from search.errors import JobError
from search.records import EXIT_CODES, TERMINAL, Evaluation, Event, Job, Point
from tests.search.support import SPACE, evaluation, job, measurement


def through_json(data: Any) -> Any:
    return json.loads(json.dumps(data, allow_nan=False))


def test_a_job_survives_json() -> None:
    asked = job(30, sampler="tpe", seconds=2.5, images=7, latency_model={"a": 1}, output="x").with_id("s1")
    assert Job.from_dict(through_json(asked.to_dict())) == asked


def test_records_survive_json() -> None:
    one = evaluation(SPACE.sparsest, 33.25)
    assert Evaluation.from_dict(through_json(one.to_dict())) == one
    event = Event("log", {"message": "x"}, "k", 3)
    assert Event.from_dict(through_json(event.to_dict())) == event
    point = Point(SPACE.dense, 42.0, 47.0, 46.0, 48.0, 0.1, True)
    assert Point.from_dict(through_json(point.to_dict())) == point


@pytest.mark.parametrize("found", [True, False])
def test_an_answer_survives_json(found: bool) -> None:
    floor, dense = measurement(SPACE.sparsest, 12), measurement(SPACE.dense, 47)
    answer = Answer(plan=None, floor=floor, dense=dense, dense_fits=False, nearest=SPACE.sparsest, simulated=True)
    if found:
        answer = Answer(
            plan=SPACE.dense,
            floor=floor,
            dense=dense,
            dense_fits=True,
            latency=dense,
            decision={"meets": True},
            metrics={"bbox_mAP": 42.0},
            confirmed={"bbox_mAP": 41.0},
            dense_metrics={"bbox_mAP": 42.0},
            dense_confirmed={"bbox_mAP": 41.0},
            front=(Point(SPACE.dense, 42.0, 47.0, 46.0, 48.0, 0.1, True),),
            evaluated=3,
            reused=1,
            bundle="/b",
        )
    assert Answer.from_dict(through_json(answer.to_dict())) == answer


@pytest.mark.parametrize(
    "change",
    [
        {"evaluations": -1}, {"evaluations": 1.5}, {"evaluations": 10**20}, {"batch": 0}, {"workers": 0},
        {"seed": -1}, {"seed": 2**64}, {"seed": True}, {"images": 0}, {"finalists": 0}, {"sessions": 0},
        {"alpha": 0.0}, {"alpha": 0.5}, {"seconds": 0.0}, {"seconds": float("nan")},
        {"pool": "threads"}, {"workers": 2},
    ],
)  # fmt: skip
def test_refuses_a_field_out_of_range_by_name(change: dict[str, Any]) -> None:
    with pytest.raises(JobError, match=next(iter(change))):
        job(**change)


def test_every_terminal_state_has_an_exit_code() -> None:
    assert set(EXIT_CODES) == TERMINAL
    states = ("succeeded", "infeasible", "failed", "cancelled")
    assert [Outcome("i", state, "").exit_code for state in states] == [0, 3, 4, 5]
