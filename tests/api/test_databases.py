"""What the service promises, on each database it runs on: the same tests, the same answers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.faults.support import add_target, create, events, reach, searches, show, trials, until
from tests.api.faults.test_killed_service import check_log, kill_again_and_again
from tests.api.faults.test_lost_answers import lose_answers
from tests.api.support import LiveServer, live_server


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """One service per database for all tests here; each test looks at its own searches."""
    url = request.getfixturevalue("postgres_server").create() if request.param == "postgresql" else None
    home = tmp_path_factory.mktemp(request.param) / "home"
    add_target(home, "slow", delay_s=0.3)
    with live_server(home, database=url) as started:
        yield started


def test_search_from_request_to_download(server: LiveServer) -> None:
    client = server.client
    name = create(client, name="first", labels={"team": "a"}, seed=1)
    found = reach(client, name)
    assert found["state"] == "succeeded", found["message"]
    log = events(client, name)
    check_log(log)
    assert log[-1]["name"] == "end"
    # a client that was cut off gets exactly what it missed
    for after in (0, 3, log[-2]["seq"]):
        assert events(client, name, after) == log[after:]
    made = trials(client, name)
    assert [trial["number"] for trial in made] == list(range(len(made)))
    assert found["trials"]["total"] == found["trials"]["done"] == len(made)
    front = client.get(f"/v1/searches/{name}/front").json()
    chosen = next(point for point in front["points"] if point["chosen"])
    assert chosen["id"] == found["answer"]["point"]
    tighter = client.get(f"/v1/searches/{name}/front", params={"budget_ms": 25}).json()
    assert sum(point["meets"] == "yes" for point in tighter["points"]) < sum(
        point["meets"] == "yes" for point in front["points"]
    )
    bundle = client.get(f"/v1/searches/{name}/front/{chosen['id']}/bundle.zip")
    assert (bundle.status_code, bundle.content[:2]) == (200, b"PK")
    again = client.get(f"/v1/searches/{name}")
    assert client.get(f"/v1/searches/{name}", headers={"If-None-Match": again.headers["etag"]}).status_code == 304
    for query, shown in (("team:a", [name]), ("team:b", [])):
        assert [one["id"] for one in client.get("/v1/searches", params={"label": query}).json()["items"]] == shown


def test_cancel_resume_and_delete(server: LiveServer) -> None:
    client = server.client
    name = create(client, target="slow", evaluations=4)
    until(lambda: show(client, name)["trials"]["done"] >= 2, "two trials are done")
    refused = client.delete(f"/v1/searches/{name}")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/state-conflict")
    assert client.post(f"/v1/searches/{name}/cancel").status_code == 202
    reach(client, name, {"cancelled"})
    kept = {trial["point"]: trial for trial in trials(client, name) if trial["state"] == "done"}
    assert len(kept) >= 2
    assert client.post(f"/v1/searches/{name}/resume").status_code == 202
    until(lambda: show(client, name)["state"] == "succeeded", "it succeeds")
    now = {trial["point"]: trial for trial in trials(client, name)}
    assert {point: now[point] for point in kept} == kept, "nothing finished is repeated"
    assert client.delete(f"/v1/searches/{name}").status_code == 204
    assert client.get(f"/v1/searches/{name}").status_code == 404


def test_pause_resume_and_stop(server: LiveServer) -> None:
    client = server.client
    name = create(client, target="slow", evaluations=400)
    until(lambda: show(client, name)["trials"]["done"] >= 1, "a trial is done")
    assert client.post(f"/v1/searches/{name}/pause").status_code == 202
    reach(client, name, {"paused"})
    until(lambda: show(client, name)["trials"]["running"] == 0, "its trials are released")
    assert client.post(f"/v1/searches/{name}/resume").status_code == 202
    done = show(client, name)["trials"]["done"]
    until(lambda: show(client, name)["trials"]["done"] > done, "it goes on")
    assert client.post(f"/v1/searches/{name}/stop").status_code in (200, 202)
    found = reach(client, name)
    assert found["state"] == "stopped", found["message"]
    check_log(events(client, name))


def test_key_makes_one_search_and_knows_its_request(server: LiveServer) -> None:
    client = server.client
    first = create(client, key="k", name="same")
    assert create(client, key="k", name="same") == first
    other = client.post("/v1/searches", json={"target": "slow", "max_ms": 30}, headers={"Idempotency-Key": "k"})
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-mismatch")
    assert sum(one["name"] == "same" for one in searches(client)) == 1


def test_restart_goes_on_where_it_was(server: LiveServer) -> None:
    client = server.client
    name = create(client, target="slow", evaluations=8, seed=8)
    waiting = create(client)
    until(lambda: show(client, name)["trials"]["done"] >= 2, "two trials are done")
    before = events(client, name)
    code, _ = server.terminate()
    assert code == 0
    server.restart()
    assert reach(client, name)["state"] == reach(client, waiting)["state"] == "succeeded"
    log = events(client, name)
    assert log[: len(before)] == before
    check_log(log)
    assert {trial["attempts"] for trial in trials(client, name) if trial["origin"] == "new"} == {1}


def test_killed_postgresql_service_loses_and_doubles_nothing(home: Path, postgres_url: str) -> None:
    with live_server(home, database=postgres_url) as server:
        kill_again_and_again(server, kills=3, seed=5)


def test_lost_answers_make_no_second_search_on_postgresql(home: Path, postgres_url: str) -> None:
    with live_server(home, database=postgres_url) as server:
        lose_answers(server, 8)
