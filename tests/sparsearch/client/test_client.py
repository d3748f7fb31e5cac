"""The client against scripted answers: what is repeated, what is not, and what is sent."""

import json
from pathlib import Path

import httpx
import pytest

from sparsearch.client import (
    BadAnswer,
    Broken,
    Busy,
    Client,
    ClientError,
    Conflict,
    Infeasible,
    NotFound,
    Refused,
    TimedOut,
    Unauthorised,
    Unreachable,
)
from sparsearch.client.transport import Transport
from tests.sparsearch.client.scripted import SEARCH, Script, client_of, problem, told

CUT = httpx.RemoteProtocolError("Server disconnected without sending a response.")


def test_a_search_sends_what_was_given_and_nothing_else() -> None:
    client, script, _ = client_of(told(SEARCH, 202), token="t" * 20)
    search = client.search("digits-sparsevit", 12, effort={"evaluations": 4}, labels={"team": "vision"})
    (request,) = script.requests
    assert search.id == "s-1" and str(request.url) == "http://service.test/v1/searches"
    assert json.loads(request.content) == {
        "target": "digits-sparsevit",
        "max_ms": 12,
        "effort": {"evaluations": 4},
        "labels": {"team": "vision"},
    }
    assert request.headers["authorization"] == f"Bearer {'t' * 20}"
    assert len(request.headers["idempotency-key"]) == 32


def test_a_repeated_search_carries_the_same_key() -> None:
    client, script, slept = client_of(
        CUT, problem(503, "not-ready", 2), problem(429, "queue-full", 5), told(SEARCH, 202)
    )
    client.search("t", 12)
    keys = {request.headers["idempotency-key"] for request in script.requests}
    assert len(script.requests) == 4 and len(keys) == 1
    assert slept[0] == 0.25 and 2 <= slept[1] <= 2.2 and 5 <= slept[2] <= 5.4


def test_a_key_of_ones_own_is_used() -> None:
    client, script, _ = client_of(told(SEARCH, 202))
    client.search("t", 12, key="release-7")
    assert script.requests[0].headers["idempotency-key"] == "release-7"


def test_patience_has_an_end() -> None:
    client, script, slept = client_of(*[problem(429, "queue-full", 4)] * 10, total_s=10.0)
    with pytest.raises(Busy, match="about queue-full") as caught:
        client.search("t", 12)
    assert caught.value.retry_after_s == 4.0 and caught.value.kind == "queue-full"
    assert len(script.requests) == 3 and sum(slept) <= 10.0


def test_a_pause_longer_than_patience_is_not_made() -> None:
    client, script, slept = client_of(problem(503, "not-ready", 3600))
    with pytest.raises(Busy):
        client.get("s-1")
    assert slept == [] and len(script.requests) == 1


def test_pauses_of_our_own_double_up_to_the_longest() -> None:
    client, _, slept = client_of(*[httpx.ConnectError("refused")] * 40)
    with pytest.raises(Unreachable, match=r"cannot reach http://service\.test: refused"):
        client.get("s-1")
    assert slept[:6] == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0] and 25 < sum(slept) <= 30


@pytest.mark.parametrize(
    ("status", "slug", "kind"),
    [
        (400, "invalid-request", Refused),
        (401, "unauthenticated", Unauthorised),
        (403, "cross-site", Unauthorised),
        (404, "not-found", NotFound),
        (409, "state-conflict", Conflict),
        (422, "unknown-target", Refused),
        (422, "infeasible-budget", Infeasible),
        (500, "internal", Broken),
    ],
)
def test_what_was_refused_is_not_sent_again(status: int, slug: str, kind: type[Refused]) -> None:
    client, script, slept = client_of(problem(status, slug))
    with pytest.raises(kind) as caught:
        client.get("s-1")
    assert type(caught.value) is kind and caught.value.status == status and caught.value.request_id == "r-7"
    assert len(script.requests) == 1 and slept == []


def test_a_problem_tells_its_fields() -> None:
    errors = [{"pointer": "/max_ms", "detail": "must be positive"}, {"pointer": "/seed", "detail": "too large"}]
    refused = problem(422, "invalid-request", detail="2 fields; /max_ms: must be positive", errors=errors)
    client, _, _ = client_of(refused, problem(409, "state-conflict", state="succeeded", allowed=["queued", "running"]))
    with pytest.raises(Refused) as caught:
        client.search("t", -1)
    assert caught.value.errors[1] == ("/seed", "too large")
    assert str(caught.value) == "2 fields; /max_ms: must be positive; /seed: too large"
    with pytest.raises(Conflict) as conflict:
        client.pause("s-1")
    assert conflict.value.state == "succeeded" and conflict.value.allowed == ("queued", "running")


def test_the_floor_comes_with_an_infeasible_budget_and_the_request_id_with_what_broke() -> None:
    client, _, _ = client_of(problem(422, "infeasible-budget", floor_ms=44.1), problem(500, "internal"))
    with pytest.raises(Infeasible) as caught:
        client.search("t", 3)
    assert caught.value.floor_ms == 44.1
    with pytest.raises(Broken, match="about internal \\(request r-7\\)"):
        client.get("s-1")


def test_another_server_at_the_address_is_named() -> None:
    page = httpx.Response(200, text="<html>It works!</html>")
    moved = httpx.Response(302, headers={"Location": "https://elsewhere.test/"})
    client, _, _ = client_of(page, told([1]), moved, httpx.Response(418, text="teapot"))
    with pytest.raises(BadAnswer, match="not JSON but '<html>It works!"):
        client.get("s-1")
    with pytest.raises(BadAnswer, match="expected a JSON object for Search, got list"):
        client.get("s-1")
    with pytest.raises(BadAnswer, match="sends on to https://elsewhere"):
        client.get("s-1")
    with pytest.raises(Refused, match="HTTP status 418"):
        client.get("s-1")


def test_pages_are_fetched_as_they_are_needed() -> None:
    first = {"items": [{**SEARCH, "id": "s-3"}, {**SEARCH, "id": "s-2"}], "next_page_token": "t/2"}
    client, script, _ = client_of(told(first), told({"items": [SEARCH], "next_page_token": None}))
    found = client.searches(state="queued", label=("team", "vision"), page_size=2)
    assert next(found).id == "s-3" and len(script.requests) == 1
    assert [one.id for one in found] == ["s-2", "s-1"]
    assert script.requests[1].url.params["page_token"] == "t/2"
    assert script.requests[0].url.params["label"] == "team:vision"
    assert script.requests[1].url.params["state"] == "queued" and "target" not in script.requests[1].url.params


def test_ids_and_points_are_never_more_than_one_part_of_a_path(tmp_path: Path) -> None:
    client, script, _ = client_of(problem(404, "not-found"), problem(404, "not-found"))
    with pytest.raises(NotFound):
        client.get("../../version?x")
    with pytest.raises(NotFound):
        client.download("s-1", "../a", to=tmp_path)
    assert script.requests[0].url.raw_path == b"/v1/searches/..%2F..%2Fversion%3Fx"
    assert script.requests[1].url.raw_path == b"/v1/searches/s-1/front/..%2Fa/bundle.zip"


def test_waiting_asks_for_changes_only_and_ends_with_the_search() -> None:
    running = told({**SEARCH, "state": "running"}, etag='"7"')
    done = told({**SEARCH, "state": "succeeded"}, etag='"9"')
    client, script, _ = client_of(running, httpx.Response(304), done)
    assert client.wait("s-1").state == "succeeded"
    assert "if-none-match" not in script.requests[0].headers
    assert [request.headers["if-none-match"] for request in script.requests[1:]] == ['"7"', '"7"']
    assert script.requests[0].url.params["wait"] == "30"


def test_waiting_may_end_before_the_search() -> None:
    client, _, _ = client_of(told({**SEARCH, "state": "running"}))
    with pytest.raises(TimedOut, match="has not ended within 0 s"):
        client.wait("s-1", timeout_s=0)


def test_readiness_is_asked_once() -> None:
    client, script, slept = client_of(problem(503, "not-ready", 2), told({"status": "ready"}))
    assert client.ready() is False and client.ready() is True
    assert len(script.requests) == 2 and slept == []


@pytest.mark.parametrize("url", ["", "service:8777", "ftp://service", "http://", "http://user:secret@service/"])
def test_an_address_that_is_none_is_refused_without_being_repeated_in_full(url: str) -> None:
    with pytest.raises(ClientError) as caught:
        Client(url)
    assert "secret" not in str(caught.value)


def test_weights_are_sent_as_they_are(tmp_path: Path) -> None:
    weights = tmp_path / "mine.safetensors"
    weights.write_bytes(b"weights")
    client, script, _ = client_of(told({"id": "c-1"}, 201))
    assert client.upload(weights) == {"id": "c-1"}
    assert script.requests[0].content == b"weights" and script.requests[0].url.params["name"] == "mine"
    with pytest.raises(ClientError, match="cannot read"):
        client.upload(tmp_path / "none.safetensors")


def test_the_answer_to_a_request_is_awaited_for_so_long() -> None:
    script = Script(httpx.ReadTimeout("slow"))
    with pytest.raises(Unreachable, match=r"does not answer in time \(ReadTimeout\)"):
        Transport("http://service.test", transport=script).request("GET", "/version")
