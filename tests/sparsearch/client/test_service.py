"""The client against a real service."""

import hashlib
import json
import threading
import time
import zipfile
from pathlib import Path

import pytest

from sparsearch.client import (
    Busy,
    Client,
    Conflict,
    Infeasible,
    NotFound,
    Patience,
    Refused,
    Search,
    Unauthorised,
    Unreachable,
)
from tests.api.support import live_server
from tests.sparsearch.client.conftest import TARGET

LONG = {"evaluations": 100_000}


def test_what_was_found_comes_back_as_records(client: Client, found: Search) -> None:
    assert found.target == TARGET and found.labels == {"team": "vision"} and found.name == "found"
    assert found.request.max_ms == 30.0 and found.request.setting["device"] == "sim:0"
    assert found.floor is not None and found.dense is not None and found.floor.ms < 30 < found.dense.ms
    answer = found.answer
    assert answer is not None and answer.plan and answer.latency is not None and answer.upper_ms is not None
    assert answer.upper_ms <= 30.0 and answer.verdict and found.simulated
    front = client.front(found.id)
    assert front.chosen == answer.point
    chosen = front.point(str(front.chosen))
    assert chosen is not None and chosen.plan == answer.plan and chosen.meets == "yes" and chosen.exported
    latencies = [point.latency.ms for point in front.points]
    assert latencies == sorted(latencies) and len(latencies) >= 3
    trials = list(client.trials(found.id, page_size=3))
    assert [trial.number for trial in trials] == list(range(len(trials))) and len(trials) == found.trials.total
    assert client.trial(found.id, 2) == trials[2]
    assert all(trial.feasible for trial in client.trials(found.id, feasible=True))


def test_another_budget_is_answered_from_what_is_known(client: Client, found: Search) -> None:
    assert found.floor is not None
    tight = client.front(found.id, budget_ms=found.floor.ms * 1.02)
    assert tight.budget is not None and tight.budget.max_ms == pytest.approx(found.floor.ms * 1.02)
    assert sum(point.meets == "yes" for point in tight.points) < sum(
        point.meets == "yes" for point in client.front(found.id).points
    )


def test_the_log_is_whole_ordered_and_the_same_in_parts(client: Client, found: Search) -> None:
    log = list(client.events(found.id))
    assert [event.seq for event in log] == sorted({event.seq for event in log})
    names = {event.name for event in log}
    assert {"state", "prepared", "measurement", "model", "trial", "front", "verify", "export", "end"} <= names
    # a bundle that another test asked for is exported after the end
    assert [event.name for event in log if event.name != "export"][-1] == "end"
    middle = log[len(log) // 2].seq
    assert list(client.events(found.id, after=middle)) == [event for event in log if event.seq > middle]
    assert list(client.events(found.id, after=log[-1].seq)) == []


def test_the_same_key_is_the_same_search(client: Client) -> None:
    made = client.search(TARGET, 31, effort={"evaluations": 1}, key="one-of-a-kind")
    assert client.search(TARGET, 31, effort={"evaluations": 1}, key="one-of-a-kind").id == made.id
    with pytest.raises(Refused) as caught:
        client.search(TARGET, 32, effort={"evaluations": 1}, key="one-of-a-kind")
    assert caught.value.kind == "idempotency-mismatch" and caught.value.status == 422
    client.wait(made.id, timeout_s=120)


def test_requests_that_are_wrong_say_where(client: Client) -> None:
    with pytest.raises(Refused, match="nope") as unknown:
        client.search("nope", 12)
    assert unknown.value.kind == "unknown-target"
    with pytest.raises(Refused) as wrong:
        client.search(TARGET, -1)
    assert [pointer for pointer, _ in wrong.value.errors] == ["/max_ms"]
    with pytest.raises(NotFound):
        client.get("20260101-000000-aaaa")


def test_a_dry_run_knows_what_earlier_searches_found(client: Client, found: Search) -> None:
    said = client.validate(TARGET, 30)
    assert found.floor is not None and said.floor_ms == pytest.approx(found.floor.ms, rel=0.05)
    assert said.feasible is True and said.space_size == 120_285
    try:
        impossible = client.validate(TARGET, 2)
    except Infeasible as error:
        assert error.floor_ms is not None
    else:
        assert impossible.feasible is False


def test_searches_are_listed_newest_first_page_by_page(client: Client, found: Search) -> None:
    ids = [search.id for search in client.searches(page_size=1)]
    assert found.id in ids and len(ids) == len(set(ids))
    labelled = [search.id for search in client.searches(label=("team", "vision"))]  # the guide's examples use it too
    assert found.id in labelled and labelled == [name for name in ids if name in labelled]
    assert [search.id for search in client.searches(label=("team", "speech"))] == []
    assert found.id in [search.id for search in client.searches(state="succeeded", target=TARGET)]


def test_a_search_is_paused_resumed_stopped_cancelled_and_deleted(client: Client) -> None:
    search = client.search(TARGET, 35, effort=LONG)
    events = client.events(search.id)
    assert any(event.name == "trial" for event in events)  # it works
    assert client.pause(search.id).id == search.id
    _until(client, search.id, "paused")
    with pytest.raises(Conflict) as refused:
        client.delete(search.id)
    assert refused.value.state == "paused" and "succeeded" in refused.value.allowed
    assert client.resume(search.id).state in ("queued", "preparing")
    _until(client, search.id, "running")
    client.stop(search.id)
    assert client.wait(search.id, timeout_s=120).state == "stopped"
    client.delete(search.id)
    with pytest.raises(NotFound):
        client.get(search.id)

    other = client.search(TARGET, 36, effort=LONG)
    client.cancel(other.id)
    assert client.wait(other.id, timeout_s=60).state == "cancelled"


def test_files_of_a_point_are_what_the_manifest_says(client: Client, found: Search, tmp_path: Path) -> None:
    point = str(client.front(found.id).chosen)
    packed = client.download(found.id, point, to=tmp_path)
    assert packed.suffix == ".zip" and zipfile.ZipFile(packed).testzip() is None
    manifest = json.loads(client.download(found.id, point, "manifest.json", tmp_path / "m.json").read_text())
    with zipfile.ZipFile(packed) as archive:
        inside = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    assert json.loads(inside["manifest.json"]) == manifest
    for name, told in manifest["files"].items():
        assert hashlib.sha256(inside[name]).hexdigest() == told["sha256"], name
    with pytest.raises(NotFound):
        client.download(found.id, "0" * 12, to=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([packed.name, "m.json"])


def test_the_catalogue(client: Client) -> None:
    targets = {target.name: target for target in client.targets()}
    assert targets[TARGET].simulated and targets["digits-sparsevit"].setting["img_size"] == [336, 336]
    assert "sparsevit_tiny" in {model["name"] for model in client.models()}
    assert client.devices() and client.checkpoints() == ()
    assert client.version().name == "sparsearch" and client.version().api == "v1" and client.ready() is True


def test_only_safetensors_are_taken(client: Client, tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(b"\x80\x04pickle")
    with pytest.raises(Refused) as caught:
        client.upload(tmp_path / "weights.safetensors")
    assert caught.value.status in (415, 422)


def test_events_go_on_over_a_kill_and_a_restart_each_once(tmp_path: Path) -> None:
    with live_server(tmp_path / "home") as server, Client(server.url) as client:
        search = client.search(TARGET, 30, effort={"evaluations": 40})
        seen: list[tuple[int, str]] = []
        failed: list[BaseException] = []

        def follow() -> None:
            try:
                seen.extend((event.seq, event.name) for event in client.events(search.id))
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=follow)
        thread.start()
        end = time.monotonic() + 60
        while not any(event == "trial" for _, event in seen) and time.monotonic() < end and thread.is_alive():
            time.sleep(0.02)
        server.kill()
        time.sleep(0.5)
        server.restart()
        thread.join(180)
        assert not thread.is_alive() and failed == []
        assert seen[-1][1] == "end" and client.get(search.id).state == "succeeded"
        assert seen == [(event.seq, event.name) for event in client.events(search.id)]
        starts = [state for state in client.events(search.id) if state.name == "state"]
        assert len([one for one in starts if one.data["state"] == "preparing"]) >= 2


def test_a_service_with_a_token_takes_no_other(tmp_path: Path) -> None:
    token = "a-long-enough-token-for-tests"
    with live_server(tmp_path / "home", token=token) as server:
        with Client(server.url, token) as client:
            assert client.targets()
        for wrong in (None, token[:-1]):
            with Client(server.url, wrong) as client, pytest.raises(Unauthorised) as caught:
                client.targets()
            assert token not in str(caught.value)


def test_a_full_queue_is_told_with_when_to_come_back(tmp_path: Path) -> None:
    hurried = Patience(total_s=0.0)
    with live_server(tmp_path / "home", "--queue-cap", "1") as server, Client(server.url, patience=hurried) as client:
        made = []
        with pytest.raises(Busy) as caught:
            for _ in range(4):
                made.append(client.search(TARGET, 30, effort=LONG))
        assert caught.value.kind == "queue-full" and caught.value.retry_after_s
        assert 1 <= len(made) <= 2
        for search in made:
            client.cancel(search.id)


def test_nobody_at_the_address(free_port: int) -> None:
    hurried = Patience(total_s=0.5)
    with Client(f"http://127.0.0.1:{free_port}", patience=hurried) as client, pytest.raises(Unreachable):
        client.get("s-1")


def _until(client: Client, id: str, state: str) -> None:
    end = time.monotonic() + 60
    while (now := client.get(id).state) != state:
        assert time.monotonic() < end, f"still {now}"
        time.sleep(0.05)
