"""Schemathesis against the app: whatever the OpenAPI document promises is held, for valid, broken and stolen requests.

The app runs in this process over a home with finished, failed, infeasible, cancelled and waiting searches. New searches
wait in the queue behind one that never ends, so that hundreds of requests cost no search.
"""

import asyncio
import json
import struct
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.config._checks import POSITIVE_DATA_ACCEPTANCE_EXPECTED_STATUSES
from schemathesis.engine import Status, events, from_schema
from schemathesis.schemas import BaseSchema

from api.app import create_app
from api.plots import FORMATS, NAMES
from api.settings import Settings
from search.dispatch import Dispatcher
from search.home import Home
from tests.api.bad_inputs import stock
from tests.api.bad_inputs.stock import Stock
from tests.api.support import ROOT

TOKEN = "a-token-of-this-test-0123456789"
EXAMPLES = 50
SEED = 20261121
MIN_REQUESTS = 8
"""Of an operation that takes nothing; there are only so many ways to ask."""
NEVER_GOOD = frozenset(
    {
        "GET /v1/searches/{id}/front/{point}/config.py",  # a simulated search has no config to fine-tune with
        "POST /v1/checkpoints",  # bytes by chance are no weights
    }
)
_FOREVER = {"lines": [], "hang": True}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    home = Home(tmp_path_factory.mktemp("schemathesis") / "home")
    found = stock.copy(stock.shared(tmp_path_factory), home.path)
    script = home.path.parent / "script.json"
    script.write_text(json.dumps([_FOREVER] * 200), encoding="utf-8")
    command = [sys.executable, str(ROOT / "tests" / "search" / "scripted_runner.py"), str(script)]
    dispatcher = Dispatcher(home.database, home, queue_cap=100_000, command=command)
    dispatcher.start()
    try:
        made = create_app(Settings(home=home.path, token=TOKEN, streams_per_client=10_000, streams=10_000), dispatcher)
        made.state.stock, made.state.checkpoint = found, asyncio.run(_upload(made))
        yield made
    finally:
        dispatcher.close(5)


async def _upload(app: Any) -> str:
    """Store a checkpoint; returns its id."""
    header = b'{"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}'
    body = struct.pack("<Q", len(header)) + header + b"x"
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/octet-stream"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8777") as client:
        answer = await client.post("/v1/checkpoints", content=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.fixture(scope="module")
def schema(app: Any) -> BaseSchema:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    config = SchemathesisConfig.from_dict(_config(app.state.stock, app.state.checkpoint, headers))
    return schemathesis.openapi.from_asgi(
        "/openapi.json", app, config=config, headers={**headers, "Host": "127.0.0.1:8777"}
    )


def _config(found: Stock, found_checkpoint: str, headers: dict[str, str]) -> dict[str, Any]:
    return {
        "seed": SEED,
        "base-url": "http://127.0.0.1:8777",
        "headers": headers,
        "workers": 1,
        "request-timeout": 30,
        "max-stream-events": 1,  # a waiting search has a snapshot to tell, and then nothing for ever
        "generation": {"max-examples": EXAMPLES, "deterministic": True, "database": "none"},
        "dictionaries": {
            "searches": {
                "values": [found.done, found.done, found.failed, found.infeasible, found.paused, found.cancelled]
            },
            "points": {"values": [found.point]},
            "targets": {"values": ["synthetic-swin-t", "digits-sparsevit"]},
            "plots": {"values": list(NAMES)},
            "formats": {"values": list(FORMATS)},
            "types": {"values": ["not-found", "queue-full"]},
            "checkpoints": {"values": [found_checkpoint]},
            "waits": {"values": [0, 0.05]},
        },
        "parameters": {
            "path.id": {"dictionary": "searches", "probability": 0.6},
            "path.point": {"dictionary": "points", "probability": 0.8},
            "path.name": {"dictionary": "plots", "probability": 0.8},
            "path.format": {"dictionary": "formats", "probability": 0.8},
            "body.target": {"dictionary": "targets", "probability": 0.7},
            "path.slug": {"dictionary": "types", "probability": 0.8},
            "query.wait": {"dictionary": "waits", "probability": 1.0},
        },
        "operations": [
            # what a document cannot say: which targets there are, that min_ms is below max_ms, what prints, that no
            # text holds NUL, that 5.0 is no whole number
            _also("POST /search", 400, 422),
            _also("POST /v1/searches", 400, 422),
            _also("POST /v1/searches:validate", 400, 422),
            {
                "include-name": "GET /v1/checkpoints/{id}",
                "parameters": {"path.id": {"dictionary": "checkpoints", "probability": 0.8}},
            },
            # page tokens are signed
            _also("GET /v1/searches", 400),
            _also("GET /v1/searches/{id}/trials", 400),
            # the number of an event, up to 2^63 - 1, in a header that is text
            _also("GET /v1/searches/{id}/events", 400),
            # bytes of another kind than safetensors; and whoever sends those by another method hears of the bytes, not
            # of the method: bodies are judged before any route is looked up
            _also("POST /v1/checkpoints", 415, 422)
            | {"checks": _accepts(415, 422) | {"unsupported_method": {"enabled": False}}},
        ],
    }


def _also(name: str, *statuses: int) -> dict[str, Any]:
    """An operation that may refuse, by these statuses, what its schema allows."""
    return {"include-name": name, "checks": _accepts(*statuses)}


def _accepts(*statuses: int) -> dict[str, Any]:
    expected = [*POSITIVE_DATA_ACCEPTANCE_EXPECTED_STATUSES, *map(str, statuses)]
    return {"positive_data_acceptance": {"expected-statuses": expected}}


@dataclass
class Tally:
    """What a run did.

    Args:
        failures: of checks, and errors of the run itself.
        checks: how often each was made.
        requests: sent, per operation.
        good: answered by 2xx, per operation.
        server_errors: answered by 5xx.
    """

    failures: list[str] = field(default_factory=list)
    checks: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    good: Counter[str] = field(default_factory=Counter)
    server_errors: list[str] = field(default_factory=list)

    def take(self, event: events.EngineEvent) -> None:
        """Note one event of the engine."""
        if isinstance(event, events.ScenarioFinished):
            self._take_scenario(event.recorder)
        elif isinstance(event, events.NonFatalError | events.FatalError):
            self.failures.append(f"error of the run: {event}")

    def _take_scenario(self, recorder: Any) -> None:
        for case_id, interaction in recorder.interactions.items():
            label = recorder.cases[case_id].value.operation.label
            self.requests[label] += 1
            status = 0 if interaction.response is None else interaction.response.status_code
            self.good[label] += 200 <= status < 300
            if status >= 500:
                self.server_errors.append(f"{label}: {status}")
        for case_id, checks in recorder.checks.items():
            case = recorder.cases[case_id].value
            for check in checks:
                self.checks[check.name] += 1
                if check.status is Status.FAILURE:
                    failure = check.failure_info.failure
                    self.failures.append(
                        f"{check.name}: {case.operation.label}: {failure.title}: {failure.message[:300]}"
                        f"\n    {case.as_curl_command()[:600]}"
                    )


@pytest.fixture(scope="module")
def tally(schema: BaseSchema) -> Tally:
    made = Tally()
    with warnings.catch_warnings():
        # hypothesis, about the repr of a generated request
        warnings.filterwarnings("ignore", "Generating overly large repr")
        for event in from_schema(schema).execute():
            made.take(event)
    return made


def test_no_check_fails_on_any_operation(tally: Tally) -> None:
    assert not tally.failures, f"{len(tally.failures)} failures:\n" + "\n".join(tally.failures[:40])


def test_no_answer_is_a_server_error(tally: Tally) -> None:
    assert tally.server_errors == []


def test_every_operation_was_tried_often_and_every_one_that_can_succeed_did(schema: BaseSchema, tally: Tally) -> None:
    operations = {result.ok().label: result.ok() for result in schema.get_all_operations()}
    assert len(operations) >= 28
    assert {label: tally.requests[label] for label in operations if tally.requests[label] < MIN_REQUESTS} == {}
    assert sum(tally.requests.values()) >= 50 * len(operations)
    assert operations.keys() - set(+tally.good) <= NEVER_GOOD


def test_every_check_was_made(tally: Tally) -> None:
    assert {
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
        "positive_data_acceptance",
        "unsupported_method",
        "allow_header_conformance",
        "missing_required_header",
        "ignored_auth",
        "use_after_free",
        "ensure_resource_availability",
    } <= set(tally.checks)
