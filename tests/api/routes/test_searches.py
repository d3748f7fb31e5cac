"""Asking for searches and looking at them."""

import json
import threading
import time
from typing import Any

import pytest

from api.idempotency import InFlight
from api.problems import Problem
from api.schemas.search import Search, SearchPage
from search.store.rows import IdempotencyKey
from tests.api.routes.conftest import BODY, problem
from tests.api.support import AppClient

MINIMAL = {"target": "synthetic-swin-t", "max_ms": 30}


@pytest.mark.parametrize("path", ["/v1/searches", "/search"])
def test_a_request_is_stored_and_answered_at_once(stuck: AppClient, path: str) -> None:
    answer = stuck.post(path, json=MINIMAL)
    assert answer.status_code == 202
    told = Search.model_validate(answer.json())
    assert answer.headers["location"] == told.links.self == f"/v1/searches/{told.id}"
    assert int(answer.headers["retry-after"]) > 0 and "idempotent-replayed" not in answer.headers
    assert (told.target, told.request.max_ms, told.attempts, told.answer) == ("synthetic-swin-t", 30.0, 0, None)
    assert Search.model_validate(stuck.get(told.links.self).json()).id == told.id


def test_whoever_waits_knows_how_many_are_ahead(stuck: AppClient) -> None:
    ids = [stuck.post("/v1/searches", json=MINIMAL).json()["id"] for _ in range(3)]
    until = time.monotonic() + 20
    while stuck.get(f"/v1/searches/{ids[0]}").json()["state"] == "queued" and time.monotonic() < until:
        time.sleep(0.02)
    positions = [stuck.get(f"/v1/searches/{id}").json()["queue_position"] for id in ids]
    assert positions == [None, 0, 1]
    listed = {one["id"]: one["queue_position"] for one in stuck.get("/v1/searches").json()["items"]}
    assert listed == dict(zip(ids, positions, strict=True))


def test_a_full_queue_is_a_429_that_says_when_to_come_back(stuck: AppClient) -> None:
    answers = [stuck.post("/v1/searches", json=MINIMAL) for _ in range(8)]
    assert {answer.status_code for answer in answers[:4]} == {202}
    body = problem(answers[-1], 429, "queue-full")
    assert int(answers[-1].headers["retry-after"]) > 0 and "4" in body["detail"]
    assert len(stuck.get("/v1/searches").json()["items"]) == sum(answer.status_code == 202 for answer in answers)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/target"),
        ({"target": "synthetic-swin-t"}, "/max_ms"),
        ({**MINIMAL, "max_ms": "42"}, "/max_ms"),
        ({**MINIMAL, "min_ms": 31}, "/min_ms"),
        ({**MINIMAL, "setting": {"batch": 0}}, "/setting/batch"),
        ({**MINIMAL, "effort": {"evaluations": 10**12}}, "/effort/evaluations"),
        ({**MINIMAL, "output": "/tmp/x"}, "/output"),
        ([], ""),
        (None, ""),
    ],
)
def test_a_wrong_field_is_a_422_that_points_at_it(reading: AppClient, body: Any, pointer: str) -> None:
    before = len(reading.get("/v1/searches").json()["items"])
    for path in ("/v1/searches", "/v1/searches:validate"):
        found = problem(reading.post(path, json=body), 422, "invalid-request")
        assert found["errors"][0]["pointer"] == pointer
    assert len(reading.get("/v1/searches").json()["items"]) == before


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e309"])
def test_a_number_that_is_none_is_refused(reading: AppClient, number: str) -> None:
    text = f'{{"target": "synthetic-swin-t", "max_ms": {number}}}'
    answer = reading.post("/v1/searches", content=text, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422) and answer.json()["type"] == "/problems/invalid-request"


@pytest.mark.parametrize(
    "change",
    [
        {"setting": {"device": "cpu"}},  # a simulated target on a real device
        {"setting": {"device": "cpu", "runtime": "graph"}},
    ],
)
def test_a_setting_that_contradicts_itself_is_refused(reading: AppClient, change: dict[str, Any]) -> None:
    for path in ("/v1/searches", "/v1/searches:validate"):
        problem(reading.post(path, json={**MINIMAL, **change}), 422, "invalid-request")


def test_an_unknown_target_is_named_with_those_there_are(reading: AppClient) -> None:
    for path in ("/v1/searches", "/v1/searches:validate"):
        found = problem(reading.post(path, json={**MINIMAL, "target": "nothing"}), 422, "unknown-target")
        assert "synthetic-swin-t" in found["detail"]


def test_a_repeated_key_gives_the_first_search_again(stuck: AppClient) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first = stuck.post("/v1/searches", json={**MINIMAL, "labels": {"a": "1", "b": "2"}}, headers=headers)
    # the same request, written differently, on the other path
    text = json.dumps({"labels": {"b": "2", "a": "1"}, "max_ms": 30.0, "stat": "median", "target": "synthetic-swin-t"})
    again = stuck.post("/search", content=text, headers={**headers, "content-type": "application/json"})
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json()["id"] == first.json()["id"] and again.headers["location"] == first.headers["location"]
    assert again.headers["idempotent-replayed"] == "true" and "idempotent-replayed" not in first.headers
    assert len(stuck.get("/v1/searches").json()["items"]) == 1


def test_a_key_with_another_body_is_refused(stuck: AppClient) -> None:
    headers = {"Idempotency-Key": "k-1"}
    stuck.post("/v1/searches", json=MINIMAL, headers=headers)
    problem(stuck.post("/v1/searches", json={**MINIMAL, "seed": 1}, headers=headers), 422, "idempotency-mismatch")
    assert len(stuck.get("/v1/searches").json()["items"]) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "x" * 10_000, "käse".encode("latin-1"), "a\tb"])
def test_a_key_that_is_none_is_refused(stuck: AppClient, key: Any) -> None:
    answer = stuck.post("/v1/searches", json=MINIMAL, headers={"Idempotency-Key": key})
    assert answer.status_code in (400, 431), answer.text
    assert stuck.get("/v1/searches").json()["items"] == []


def test_the_longest_key_is_taken(stuck: AppClient) -> None:
    assert stuck.post("/v1/searches", json=MINIMAL, headers={"Idempotency-Key": "~" * 255}).status_code == 202


def test_many_at_once_with_one_key_make_one_search(stuck: AppClient) -> None:
    answers: list[Any] = []

    def post() -> None:
        answers.append(stuck.post("/v1/searches", json=MINIMAL, headers={"Idempotency-Key": "same"}))

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {202, 409}
    for answer in answers:
        if answer.status_code == 409:
            problem(answer, 409, "idempotency-in-flight")
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 202}) == 1
    assert len(stuck.get("/v1/searches").json()["items"]) == 1


def test_a_key_in_flight_is_a_409_and_free_again_afterwards() -> None:
    flying, key = InFlight(), IdempotencyKey("k", "f")
    with flying.hold(key), flying.hold(None), flying.hold(IdempotencyKey("other", "f")):
        with pytest.raises(Problem) as caught, flying.hold(key):
            pass
        assert (caught.value.type, caught.value.status) == ("idempotency-in-flight", 409)
    with flying.hold(key):
        pass


def test_a_finished_search_tells_everything(done: dict[str, Any]) -> None:
    told = Search.model_validate(done)
    assert told.floor is not None and told.dense is not None and told.floor.ms < told.dense.ms
    assert told.floor.p95_ms is not None and told.floor.measured
    assert told.device is not None and told.simulated is True
    assert told.progress is None and told.queue_position is None
    assert told.trials.done == told.trials.total >= 8 and told.trials.failed == 0
    answer = told.answer
    assert answer is not None and answer.plan is not None and answer.latency is not None
    assert answer.upper_ms is not None and answer.upper_ms <= 30
    assert answer.verdict.startswith("SIMULATED: the plan {") and "30 ms" in answer.verdict
    assert told.links.bundle == f"{told.links.self}/front/{answer.point}/bundle.zip"
    assert told.links.report == f"{told.links.self}/report.html"
    types = {condition.type: condition.status for condition in told.conditions}
    assert types["FloorMeasured"] and types["Verified"] and types["Exported"]
    assert all("/" not in condition.message for condition in told.conditions)


def test_an_infeasible_budget_is_an_answer_with_floor_and_nearest_plan(reading: AppClient) -> None:
    answer = reading.post("/v1/searches", json={"target": "synthetic-swin-t", "max_ms": 1})
    path = answer.json()["links"]["self"]
    told: dict[str, Any] = {}
    for _ in range(20):
        told = reading.get(f"{path}?wait=5").json()
        if told["state"] == "infeasible":
            break
    assert told["state"] == "infeasible" and told["answer"]["plan"] is None
    assert told["answer"]["nearest"] is not None and "1 ms cannot be met" in told["answer"]["verdict"]
    assert told["links"]["bundle"] is None and told["floor"]["ms"] > 1
    front = reading.get(f"{path}/front")
    assert front.status_code == 200 and front.json()["points"] == []


def test_the_answer_is_304_while_the_client_knows_it(reading: AppClient, path: str) -> None:
    first = reading.get(path)
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = reading.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    for rubbish in ("", '"', "x", "\x7f" * 20):
        assert reading.get(path, headers={"If-None-Match": rubbish}).status_code == 200


def test_an_ended_search_does_not_let_anybody_wait(reading: AppClient, path: str) -> None:
    tag = reading.get(path).headers["etag"]
    started = time.monotonic()
    assert reading.get(f"{path}?wait=60", headers={"If-None-Match": tag}).status_code == 304
    assert reading.get(f"{path}?wait=60").status_code == 200
    assert time.monotonic() - started < 30


def where_nothing_happens(stuck: AppClient) -> str:
    """The path of a search that waits in the queue behind one that runs."""
    first = stuck.post("/v1/searches", json=MINIMAL).json()["links"]["self"]
    while stuck.get(first).json()["state"] == "queued":  # until then the other one moves up the queue
        time.sleep(0.05)
    path: str = stuck.post("/v1/searches", json=MINIMAL).json()["links"]["self"]
    return path


def test_a_long_poll_ends_with_the_change(stuck: AppClient) -> None:
    path = where_nothing_happens(stuck)
    tag = stuck.get(path).headers["etag"]
    answers: list[Any] = []

    def poll() -> None:
        answers.append(stuck.get(f"{path}?wait=25", headers={"If-None-Match": tag}))

    waiting = threading.Thread(target=poll)
    waiting.start()
    time.sleep(0.5)
    assert answers == []
    stuck.post(f"{path}/cancel")
    waiting.join(20)
    assert answers[0].status_code == 200 and answers[0].json()["state"] in ("cancelling", "cancelled")


def test_a_long_poll_without_news_ends_in_time(stuck: AppClient) -> None:
    path = where_nothing_happens(stuck)
    tag = stuck.get(path).headers["etag"]
    assert stuck.get(f"{path}?wait=0.3", headers={"If-None-Match": tag}).status_code == 304
    assert stuck.get(f"{path}?wait=0.3").status_code == 200


@pytest.mark.parametrize("wait", ["-1", "61", "x", "nan"])
def test_a_wait_out_of_range_is_refused(reading: AppClient, path: str, wait: str) -> None:
    found = problem(reading.get(f"{path}?wait={wait}"), 422, "invalid-request")
    assert found["errors"][0]["pointer"] == "query/wait"


@pytest.mark.parametrize(
    "id", ["nothing", "..", "%2e%2e", "%00", "a%00b", "x" * 300, "%ff", "last", "2026'--", "a%2Fb"]
)
@pytest.mark.parametrize("rest", ["", "/events", "/front", "/trials", "/trials/0", "/report.html"])
def test_an_id_that_is_none_is_a_404(reading: AppClient, id: str, rest: str) -> None:
    problem(reading.get(f"/v1/searches/{id}{rest}"), 404, "not-found")


def test_the_list_filters(reading: AppClient, done: dict[str, Any]) -> None:
    def ids(query: str) -> list[str]:
        return [one.id for one in SearchPage.model_validate(reading.get(f"/v1/searches?{query}").json()).items]

    assert (
        done["id"] in ids("") and done["id"] in ids("state=succeeded") and done["id"] in ids("target=synthetic-swin-t")
    )
    assert ids("state=paused") == [] and ids("target=other") == [] and ids("label=team:vision") == []
    assert ids("target=%00") == [] and ids("label=a:%27%22%3B") == []


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("state=done", "query/state"),
        ("page_size=0", "query/page_size"),
        ("page_size=201", "query/page_size"),
        ("label=x", "query/label"),
        ("label=:x", "query/label"),
    ],
)
def test_a_wrong_filter_is_refused(reading: AppClient, query: str, where: str) -> None:
    found = problem(reading.get(f"/v1/searches?{query}"), 422, "invalid-request")
    assert found["errors"][0]["pointer"] == where


def test_labels_find_searches(stuck: AppClient) -> None:
    odd = 'a":"b'
    ids = [
        stuck.post("/v1/searches", json={**MINIMAL, "labels": labels}).json()["id"]
        for labels in ({"team": "vision", "x": "1"}, {"team": "audio"}, {"team": odd})
    ]
    for value, expected in (("vision", ids[0]), ("audio", ids[1]), (odd, ids[2])):
        found = stuck.get("/v1/searches", params={"label": f"team:{value}"}).json()["items"]
        assert [one["id"] for one in found] == [expected]


@pytest.mark.parametrize("token", ["", "x", "AAAA", "Ä", "x" * 5000, "%00"])
def test_a_page_token_that_is_none_is_refused(reading: AppClient, path: str, token: str) -> None:
    for where in ("/v1/searches", f"{path}/trials"):
        problem(reading.get(f"{where}?page_token={token}"), 400, "bad-page-token")


def test_a_page_token_belongs_to_its_list(reading: AppClient, path: str) -> None:
    token = reading.get(f"{path}/trials?page_size=2").json()["next_page_token"]
    assert reading.get(f"{path}/trials?page_size=3&page_token={token}").status_code == 200
    for other in ("/v1/searches?", f"{path}/trials?state=done&", f"{path}/trials?feasible=true&"):
        problem(reading.get(f"{other}page_token={token}"), 400, "bad-page-token")


def test_the_name_comes_back_as_it_was_given(done: dict[str, Any]) -> None:
    assert done["name"] == BODY["name"]
