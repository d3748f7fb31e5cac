import json
from typing import Any

import pytest

from search.answer import Answer, Outcome
from search.errors import JobError
from search.records import EXIT_CODES, TERMINAL, Evaluation, Event, Failure, Job, Point
from tests.search.support import SPACE, evaluation, job, measurement


def through_json(data: Any) -> Any:
    return json.loads(json.dumps(data, allow_nan=False))


def test_a_job_survives_json() -> None:
    named = {"name": "Größe 4", "labels": {"a.b": "c d"}}
    asked = job(30, sampler="tpe", seconds=2.5, images=7, latency_model={"a": 1}, output="x", **named).with_id("s1")
    assert Job.from_dict(through_json(asked.to_dict())) == asked


def test_a_job_of_an_earlier_version_is_readable() -> None:
    stored = through_json(job(30).to_dict())
    for later in ("name", "labels", "evaluation_timeout_s"):
        del stored[later]
    assert Job.from_dict(stored) == job(30)
    assert (job(30).name, job(30).labels, job(30).evaluation_timeout_s) == ("", {}, 1800.0)


def test_records_survive_json() -> None:
    one = evaluation(SPACE.sparsest, 33.25)
    assert Evaluation.from_dict(through_json(one.to_dict())) == one
    failure = Failure(SPACE.sparsest, "nan", "bbox_mAP is nan", 2)
    assert Failure.from_dict({**through_json(failure.to_dict()), "number": 3}) == failure
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
        {"evaluation_timeout_s": 0}, {"evaluation_timeout_s": "9"}, {"evaluation_timeout_s": float("nan")},
        {"evaluation_timeout_s": float("inf")},
        {"name": "x" * 201}, {"name": "a\nb"}, {"name": "a\x1b[31m"}, {"name": "\ud800"}, {"name": "\u202eabc"},
        {"name": 7}, {"labels": {"Team": "x"}}, {"labels": {"": "x"}}, {"labels": {"k" * 65: "x"}},
        {"labels": {"a\n": "x"}}, {"labels": {"team": "x" * 201}}, {"labels": {"team": "a\0"}}, {"labels": {"team": 1}},
        {"labels": {str(n): "x" for n in range(33)}}, {"labels": "team"},
    ],
)  # fmt: skip
def test_refuses_a_field_out_of_range_by_name(change: dict[str, Any]) -> None:
    with pytest.raises(JobError, match=next(iter(change))):
        job(**change)


def test_every_terminal_state_has_an_exit_code() -> None:
    assert set(EXIT_CODES) == TERMINAL
    states = ("succeeded", "infeasible", "failed", "cancelled")
    assert [Outcome("i", state, "").exit_code for state in states] == [0, 3, 4, 5]
