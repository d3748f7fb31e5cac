"""Every exception becomes the problem that a client can act on, and none tells what it should not."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from api.failures import pointer_of, without_folders
from api.problems import TYPES, FieldError, Problem, problems
from latency.errors import SettingError
from search import errors
from tests.api.doubles import idle_app, raising
from tests.api.support import AppClient
from tests.api.test_wall import is_problem

SECRET = "postgresql://me:hunter2@db/x in /srv/private/models/thing.pth"


@pytest.fixture
def client(home: Path) -> Iterator[AppClient]:
    raising.clear()
    with idle_app(home) as client:
        yield client


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (errors.BudgetError("max_ms=-1 must be positive"), 422, "invalid-request"),
        (errors.JobError("seed=-1 must be a whole number"), 422, "invalid-request"),
        (errors.TargetError("unknown target 'x'; known are a, b"), 422, "unknown-target"),
        (errors.TargetError("target x: config /srv/a/b.py does not exist"), 422, "invalid-request"),
        (SettingError("batch=0 must be a whole number"), 422, "invalid-request"),
        (errors.StoreError(f"cannot write {SECRET}"), 503, "not-ready"),
        (errors.StoreUnavailable(f"cannot reach {SECRET}"), 503, "not-ready"),
        (errors.NotReady("starting"), 503, "not-ready"),
        (errors.UnknownSearch("there is no search 'x'"), 404, "not-found"),
        (errors.UnknownTrial("there is no trial 7"), 404, "not-found"),
        (errors.UnknownCheckpoint("there is no checkpoint 'x'"), 404, "not-found"),
        (errors.StateConflict("running", ["queued", "paused"]), 409, "state-conflict"),
        (errors.QueueFull(100), 429, "queue-full"),
        (errors.IdempotencyMismatch(), 422, "idempotency-mismatch"),
        (HTTPException(404), 404, "not-found"),
        (HTTPException(409, "no"), 409, "state-conflict"),
        (HTTPException(418, "teapot"), 418, "invalid-request"),
        (Problem("infeasible-budget", 422, "too fast", floor_ms=20.5), 422, "infeasible-budget"),
        (RuntimeError(SECRET), 500, "internal"),
        (errors.EvaluationError(SECRET), 500, "internal"),
        (KeyError(SECRET), 500, "internal"),
    ],
)
def test_each_error_is_its_problem(client: AppClient, error: Exception, status: int, slug: str) -> None:
    raising["it"] = error
    answer = client.get("/raise/it")
    assert is_problem(answer, status, slug)
    assert "hunter2" not in answer.text and "/srv/" not in answer.text and answer.json()["instance"] == "/raise/it"
    assert status not in (429, 503) or int(answer.headers["retry-after"]) > 0


def test_a_conflict_tells_the_state_and_what_would_be_possible(client: AppClient) -> None:
    raising["it"] = errors.StateConflict("running", ["queued", "paused"])
    body = client.get("/raise/it").json()
    assert body["state"] == "running" and body["allowed"] == ["paused", "queued"]


def test_a_full_queue_says_when_to_come_back(client: AppClient) -> None:
    raising["it"] = errors.QueueFull(100)
    assert int(client.get("/raise/it").headers["retry-after"]) > 0


@pytest.mark.parametrize("error", [RuntimeError(SECRET), errors.StoreError(SECRET), HTTPException(404)])
def test_a_browser_that_asked_for_a_page_gets_one(client: AppClient, error: Exception) -> None:
    raising["it"] = error
    answer = client.get("/raise/it", headers={"Accept": "text/html,application/xhtml+xml"})
    assert answer.status_code in (404, 500, 503) and answer.headers["content-type"].startswith("text/html")
    assert answer.headers["x-request-id"] in answer.text and "hunter2" not in answer.text
    assert is_problem(client.get("/v1/nowhere", headers={"Accept": "text/html"}), 404, "not-found")


def test_what_a_problem_adds_is_kept(client: AppClient) -> None:
    raising["it"] = Problem("infeasible-budget", 422, "x", errors=[FieldError("/max_ms", "too low")], floor_ms=20.5)
    body = client.get("/raise/it").json()
    assert body["floor_ms"] == 20.5 and body["errors"] == [{"pointer": "/max_ms", "detail": "too low"}]


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    batch: int = Field(ge=1)


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    name: str
    setting: Inner


async def _typed(body: Outer, size: int = 1) -> int:
    return size


@pytest.mark.parametrize(
    ("body", "query", "pointer", "word"),
    [
        ({"setting": {"batch": 1}}, "", "/name", "is required"),
        ({"name": "x", "setting": {"batch": 0}}, "", "/setting/batch", "greater than or equal to 1; got 0"),
        ({"name": "x", "setting": {"batch": "1"}}, "", "/setting/batch", "valid integer; got '1'"),
        ({"name": "x", "setting": {"batch": 1}, "a/b~c": 2}, "", "/a~1b~0c", "not a known field"),
        ({"name": ["y"] * 9999, "setting": {"batch": 1}}, "", "/name", "valid string; got a list of 9999"),
        ({"name": {"deep": 1}, "setting": {"batch": 1}}, "", "/name", "got an object of 1 fields"),
        ([], "", "", "got a list of 0"),
        ({"name": "x", "setting": {"batch": 1}}, "?size=many", "query/size", "as an integer; got 'many'"),
    ],
)
def test_a_field_at_fault_is_named_with_what_came(
    client: AppClient, body: object, query: str, pointer: str, word: str
) -> None:
    client.app.add_api_route("/typed", _typed, methods=["POST"])
    answer = client.post(f"/typed{query}", json=body)
    assert is_problem(answer, 422, "invalid-request")
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer and word in error["detail"] and len(answer.content) < 1000


def test_a_missing_body_and_a_hostile_one_are_both_short_answers(client: AppClient) -> None:
    client.app.add_api_route("/typed", _typed, methods=["POST"])
    assert client.post("/typed").json()["errors"] == [{"pointer": "", "detail": "is required"}]
    answer = client.post("/typed", json={f"field{n}": "x" * 50 for n in range(500)})
    assert len(answer.json()["errors"]) == 20 and "more)" in answer.json()["detail"] and len(answer.content) < 4000


@pytest.mark.parametrize("path", ["/nowhere", "/v1/<script>alert(1)</script>", "/%ff%fe", "/" + "x" * 3000, "/\u202e"])
def test_an_unknown_path_is_a_problem_whatever_it_holds(client: AppClient, path: str) -> None:
    answer = client.get(path)
    assert is_problem(answer, 404, "not-found") and len(answer.content) < 2500
    assert client.post("/healthz").headers["allow"] == "GET"


def test_pointers() -> None:
    assert pointer_of(("body", "a", 0, "b/c")) == "/a/0/b~1c" and pointer_of(("body",)) == ""
    assert pointer_of(("path", "id")) == "path/id"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("config /srv/a/b.py is empty", "config b.py is empty"),
        ("'/x/y/z.pth': no", "'z.pth': no"),
        ("go on with POST /v1/searches/x/resume", "go on with POST /v1/searches/x/resume"),
        ("half/open and 3/4 stay", "half/open and 3/4 stay"),
    ],
)
def test_messages_lose_the_folders_of_the_server(text: str, kept: str) -> None:
    assert without_folders(text) == kept


@pytest.mark.parametrize("slug", sorted(TYPES))
def test_every_type_has_a_page(client: AppClient, slug: str) -> None:
    body = client.get(f"/problems/{slug}").json()
    assert body["type"] == f"/problems/{slug}" and body["title"] and body["meaning"].endswith(".")


def test_the_types_of_the_specification_are_all_there(client: AppClient) -> None:
    assert {
        "invalid-request", "infeasible-budget", "unknown-target", "state-conflict", "idempotency-in-flight",
        "idempotency-mismatch", "queue-full", "not-ready", "too-large", "unsupported-media", "unauthenticated",
        "forbidden", "cross-site", "not-found", "bad-page-token", "internal",
    } <= set(TYPES)  # fmt: skip
    assert is_problem(client.get("/problems/unheard-of"), 404, "not-found")


def test_the_document_tells_of_problems_and_not_of_the_frameworks_errors(client: AppClient) -> None:
    client.app.add_api_route("/typed", _typed, methods=["POST"], responses=problems(404, 413))
    document = client.get("/openapi.json").json()
    text = json.dumps(document)
    assert "HTTPValidationError" not in text and "#/components/schemas/Problem" in text
    schema = document["components"]["schemas"]["Problem"]
    assert schema["required"] == ["type", "title", "status", "detail", "instance", "request_id"]
    for operations in document["paths"].values():
        for operation in operations.values():
            refusals = [answer for status, answer in operation["responses"].items() if status[0] in "45d"]
            assert refusals and all(set(answer["content"]) == {"application/problem+json"} for answer in refusals)
    assert document["paths"]["/healthz"]["get"]["security"] == [] and document["security"] == [{"token": []}]
