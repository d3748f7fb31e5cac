"""Alive, ready, measured: what operators and load balancers ask."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.floors import check_floors
from api.metrics import Metrics
from api.settings import SettingsError
from tests.api.doubles import IdleDispatcher, idle_app
from tests.api.test_wall import is_problem


def sample(page: str, name: str) -> float:
    """The value of one sample, by its full name with labels."""
    (line,) = [line for line in page.splitlines() if line.startswith(f"{name} ")]
    return float(line.rpartition(" ")[2])


def test_alive_is_not_ready(home: Path) -> None:
    with idle_app(home) as client:
        assert client.get("/readyz").json() == {"status": "ready"}
        dispatcher = client.service.dispatcher
        assert isinstance(dispatcher, IdleDispatcher)
        dispatcher.faults = ["/srv/secret/sparsearch.db is locked"]
        answer = client.get("/readyz")
        assert is_problem(answer, 503, "not-ready") and int(answer.headers["retry-after"]) > 0
        assert "secret" not in answer.text  # this path is public
        assert client.get("/healthz").json() == {"status": "alive"}


def test_a_service_that_goes_down_is_not_ready(home: Path) -> None:
    with idle_app(home) as client:
        client.service.stopping.set()
        assert is_problem(client.get("/readyz"), 503, "not-ready")


def test_the_version_is_told(home: Path) -> None:
    with idle_app(home) as client:
        body = client.get("/version").json()
    assert body["name"] == "sparsearch" and body["api"] == "v1" and body["version"][0].isdigit()


def test_metrics_count_searches_requests_streams_and_the_age_of_the_queue(home: Path) -> None:
    with idle_app(home) as client:
        client.service.dispatcher.store.oldest = (datetime.now(UTC) - timedelta(seconds=90)).isoformat()  # type: ignore[attr-defined]
        client.service.streams.acquire("a")
        client.get("/problems/internal")
        client.get("/problems/queue-full")
        client.get("/scan/../../etc/passwd")
        answer = client.get("/metrics")
    page = answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert sample(page, 'sparsearch_searches{state="running"}') == 1
    assert sample(page, 'sparsearch_searches{state="failed"}') == 0
    assert sample(page, "sparsearch_queue_depth") == 2 and sample(page, "sparsearch_streams") == 1
    assert 89 < sample(page, "sparsearch_oldest_queued_seconds") < 120
    labels = 'method="GET",route="/problems/{slug}",status="200"'
    assert sample(page, f"sparsearch_request_seconds_count{{{labels}}}") == 2
    assert "passwd" not in page and 'route="-",status="404"' in page


def test_an_empty_queue_has_no_age(home: Path) -> None:
    with idle_app(home) as client:
        assert sample(client.get("/metrics").text, "sparsearch_oldest_queued_seconds") == 0


def test_the_event_loop_is_watched(home: Path) -> None:
    with idle_app(home) as client:
        while sample(client.get("/metrics").text, "sparsearch_event_loop_lag_seconds_count") == 0:
            time.sleep(0.05)


def test_two_apps_share_no_metric() -> None:
    one, other = Metrics(), Metrics()
    one.events_dropped.inc(3)
    assert sample(one.page({}, 0, 0).decode(), "sparsearch_events_dropped_total") == 3
    assert sample(other.page({}, 0, 0).decode(), "sparsearch_events_dropped_total") == 0


def test_an_old_web_server_is_refused_and_old_workers_are_warned_about() -> None:
    found = {"starlette": "0.49.1", "torch": "2.10.0+cu128", "ray": "2.60.0"}
    assert check_floors(found.get) == []
    with pytest.raises(SettingsError, match=r"starlette 0\.49\.0 is too old .* starlette>=0\.49\.1"):
        check_floors({**found, "starlette": "0.49.0"}.get)
    with pytest.raises(SettingsError, match="starlette None"):
        check_floors({}.get)
    warnings = check_floors({**found, "torch": "2.9.1", "ray": "2.58.9"}.get)
    assert len(warnings) == 2 and "torch>=2.10" in warnings[0] and "ray>=2.59" in warnings[1]
    assert check_floors({"starlette": "1.10.0"}.get) == []  # the service runs without either
