"""Records from JSON: tolerant of what is new, strict about what is there."""

from typing import Any

import pytest

from sparsearch.client.decoding import decode
from sparsearch.client.errors import BadAnswer
from sparsearch.client.records import Front, Search
from tests.sparsearch.client.scripted import SEARCH


def test_a_search_of_a_newer_service_is_read_without_what_is_new() -> None:
    newer: dict[str, Any] = {
        **SEARCH,
        "floor": {"ms": 8, "low_ms": 7.5, "high_ms": None, "measured": True, "p75_ms": 8.2, "flags": ["noisy"]},
        "conditions": [{"type": "FloorMeasured", "status": True, "reason": "measured", "colour": "green"}],
        "trials": {"done": 3, "superseded": 1},
        "answer": None,
        "constellation": {"of": ["fields"]},
    }
    search = decode(Search, newer)
    assert search.floor is not None and search.floor.ms == 8.0 and search.floor.high_ms is None
    assert search.floor.flags == ("noisy",) and search.conditions[0].type == "FloorMeasured"
    assert search.trials.done == 3 and search.trials.failed == 0
    assert search.request.max_ms == 12.0 and not search.terminal


def test_a_search_of_an_older_service_has_defaults_for_what_is_missing() -> None:
    search = decode(Search, SEARCH)
    assert search.name == "" and search.labels == {} and search.floor is None and search.answer is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": None}, "Search.id must be str, got NoneType"),
        ({"attempts": True}, "Search.attempts must be int, got bool"),
        ({"attempts": 1.5}, "Search.attempts must be int, got float"),
        ({"conditions": {}}, "Search.conditions must be a list, got dict"),
        ({"labels": []}, "Search.labels must be an object, got list"),
        ({"labels": {"a": 1}}, "Search.labels must be str, got int"),
        ({"request": []}, "expected a JSON object for Request, got list"),
        ({"request": {"target": "t"}}, "Request has no field 'max_ms'"),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadAnswer, match=message):
        decode(Search, {**SEARCH, **change})


def test_a_front_is_found_by_id() -> None:
    point = {"id": "ab", "plan": {"stage0": 0.5}, "metric": 40, "latency": {"ms": 20}, "meets": "yes"}
    front = decode(Front, {"search": "s-1", "points": [point]})
    found = front.point("ab")
    assert found is not None and found.metric == 40.0 and found.plan == {"stage0": 0.5}
    assert front.point("cd") is None
