import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from search import process
from search.dispatch import Dispatcher
from search.errors import BudgetError, NotReady, QueueFull, StateConflict, TargetError, UnknownSearch
from search.home import Home
from search.records import Event
from search.store import Store
from search.store.rows import IdempotencyKey
from tests.search.support import SPACE, evaluation_event, job

SCRIPTED = str(Path(__file__).parent / "scripted_runner.py")
LOG = {"kind": "log", "key": None, "data": {"level": "info", "message": "hello"}}
END = {"kind": "end", "key": None, "data": {"state": "infeasible", "message": "why", "answer": None}}
SAY_RUNNING = {"kind": "state", "key": None, "data": {"state": "running", "message": ""}}
WORK = {"lines": [SAY_RUNNING, LOG], "hang": True}
FINISH = {"lines": [LOG, END]}


class Service:
    """A dispatcher over runners that follow a script, one entry per runner process."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.script = folder / "script.json"
        self.dispatcher: Dispatcher | None = None

    def start(self, *acts: dict[str, Any], **settings: Any) -> Dispatcher:
        self.script.write_text(json.dumps(acts))
        self.script.with_suffix(".requests").unlink(missing_ok=True)
        command = [sys.executable, SCRIPTED, str(self.script)]
        self.dispatcher = Dispatcher(self.home.database, self.home, command=command, **settings)
        self.dispatcher.start()
        return self.dispatcher

    def stop(self) -> None:
        if self.dispatcher is not None:
            self.dispatcher.close(10)


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr(process, "GRACE_S", 0.5)
    made = Service(tmp_path)
    yield made
    made.stop()


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def ask(dispatcher: Dispatcher, key: IdempotencyKey | None = None) -> str:
    return dispatcher.submit(job(id=""), key).row.id


def reach(dispatcher: Dispatcher, search_id: str, state: str) -> None:
    until(lambda: dispatcher.store.exact(search_id).state == state, f"never {state}")


def test_searches_run_in_the_order_they_came(service: Service) -> None:
    told: list[tuple[str, int]] = []
    dispatcher = service.start(FINISH, FINISH)
    dispatcher.listen(lambda search_id, seq: told.append((search_id, seq)))
    first, second = ask(dispatcher), ask(dispatcher)
    reach(dispatcher, second, "infeasible")
    ends = [event for name in (first, second) for event in dispatcher.store.events(name) if event.kind == "end"]
    assert len(ends) == 2
    requests = [json.loads(line) for line in service.script.with_suffix(".requests").read_text().splitlines()]
    assert [request["job"]["id"] for request in requests] == [first, second]
    assert (second, ends[1].seq) in told


def test_listener_that_left_is_told_nothing(service: Service) -> None:
    told: list[str] = []
    dispatcher = service.start(FINISH)
    dispatcher.listen(lambda search_id, seq: told.append(search_id))()
    reach(dispatcher, ask(dispatcher), "infeasible")
    assert told == []


def test_refused_request_leaves_nothing(service: Service) -> None:
    dispatcher = service.start()
    with pytest.raises(TargetError, match="unknown target"):
        dispatcher.submit(job(id="", target="nobody"))
    with pytest.raises(BudgetError):
        dispatcher.submit(job(-1.0, id=""))
    assert dispatcher.store.counts() == {}


def test_queue_has_a_cap(service: Service) -> None:
    dispatcher = service.start(WORK, queue_cap=2)
    reach(dispatcher, ask(dispatcher), "running")
    waiting = [ask(dispatcher), ask(dispatcher)]
    with pytest.raises(QueueFull):
        ask(dispatcher)
    assert [dispatcher.queue_position(name) for name in waiting] == [0, 1]


def test_key_makes_one_search_of_many_requests(service: Service) -> None:
    dispatcher = service.start(FINISH)
    key = IdempotencyKey("k", "f")
    names: list[str] = []
    threads = [threading.Thread(target=lambda: names.append(ask(dispatcher, key))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 8
    assert len(set(names)) == 1


def test_cancel_ends_a_waiting_search_at_once_and_a_running_one_soon(service: Service) -> None:
    dispatcher = service.start(WORK)
    running, waiting = ask(dispatcher), ask(dispatcher)
    reach(dispatcher, running, "running")
    assert dispatcher.cancel(waiting).state == "cancelled"
    assert dispatcher.cancel(running).state == "cancelling"
    reach(dispatcher, running, "cancelled")
    assert dispatcher.cancel(running).state == "cancelled"  # asking twice changes nothing
    assert dispatcher.store.events(waiting)[-1].kind == "end"
    with pytest.raises(StateConflict, match="cancelled"):
        dispatcher.pause(running)


def test_cancelled_search_goes_on_when_resumed(service: Service) -> None:
    dispatcher = service.start(WORK, FINISH)
    name = ask(dispatcher)
    reach(dispatcher, name, "running")
    dispatcher.cancel(name)
    reach(dispatcher, name, "cancelled")
    dispatcher.resume(name)
    reach(dispatcher, name, "infeasible")


def test_pause_frees_the_device_for_the_next_search(service: Service) -> None:
    dispatcher = service.start(WORK, FINISH, FINISH)
    first = ask(dispatcher)
    reach(dispatcher, first, "running")
    second = ask(dispatcher)
    dispatcher.pause(first)
    reach(dispatcher, first, "paused")
    reach(dispatcher, second, "infeasible")
    dispatcher.resume(first)
    reach(dispatcher, first, "infeasible")


def test_waiting_search_can_be_paused(service: Service) -> None:
    dispatcher = service.start(WORK, FINISH)
    running, waiting = ask(dispatcher), ask(dispatcher)
    reach(dispatcher, running, "running")
    assert dispatcher.pause(waiting).state == "paused"
    dispatcher.cancel(running)
    reach(dispatcher, running, "cancelled")
    time.sleep(0.3)
    assert dispatcher.store.exact(waiting).state == "paused"


def test_stop_before_anything_was_evaluated_ends_at_once(service: Service) -> None:
    dispatcher = service.start(WORK)
    running, waiting = ask(dispatcher), ask(dispatcher)
    reach(dispatcher, running, "running")
    assert dispatcher.stop(waiting).state == "stopped"


def test_stop_of_a_paused_search_runs_it_once_more_to_answer(service: Service) -> None:
    dispatcher = service.start(
        {"lines": [SAY_RUNNING, evaluation_event(0, SPACE.dense, 40.0).to_dict()], "hang": True}, FINISH
    )
    name = ask(dispatcher)
    reach(dispatcher, name, "running")
    until(lambda: dispatcher.store.trial_counts(name)["done"] == 1, "no trial")
    dispatcher.pause(name)
    reach(dispatcher, name, "paused")
    dispatcher.stop(name)
    reach(dispatcher, name, "infeasible")


def test_running_search_is_handed_back_and_resumed_by_the_next_start(service: Service) -> None:
    dispatcher = service.start(WORK)
    name, waiting = ask(dispatcher), ask(dispatcher)
    reach(dispatcher, name, "running")
    started = time.monotonic()
    service.stop()
    assert time.monotonic() - started < 10
    with Store.read(service.home.database) as store:
        assert store.exact(name).state not in ("failed", "cancelled")
    dispatcher = service.start(FINISH, FINISH)
    reach(dispatcher, name, "infeasible")
    reach(dispatcher, waiting, "infeasible")


def test_cancel_that_was_cut_short_is_finished_by_the_next_start(service: Service) -> None:
    dispatcher = service.start(queue_cap=5, running=1)
    name = ask(dispatcher)
    service.stop()
    with Store.open(service.home.database) as store:
        store.change_state(name, {"queued", "preparing", "running", "failed"}, "cancelling", "")
    dispatcher = service.start()
    assert dispatcher.store.exact(name).state == "cancelled"


def test_deleted_search_takes_its_files_along_but_not_its_archive(service: Service) -> None:
    bundle = service.home.bundles / "b"
    bundle.mkdir(parents=True)
    packed = service.home.bundles / "b.zip"
    packed.write_bytes(b"zip")
    export = {"path": str(bundle), "zip": str(packed), "plan": {}, "sha256": "0"}
    lines = [evaluation_event(0, SPACE.dense, 40.0).to_dict(), Event("export", export, "export").to_dict(), END]
    dispatcher = service.start({"lines": lines}, WORK)
    name, running = ask(dispatcher), ask(dispatcher)
    reach(dispatcher, name, "infeasible")
    digest = dispatcher.store.exact(name).target_digest
    reach(dispatcher, running, "running")
    dispatcher.delete(name)
    assert not bundle.exists()
    assert not packed.exists()
    assert not service.home.run(name).exists()
    assert len(dispatcher.store.archive(digest)) == 1
    with pytest.raises(UnknownSearch):
        dispatcher.store.exact(name)
    with pytest.raises(StateConflict, match="running"):
        dispatcher.delete(running)


def test_readiness_follows_the_dispatcher(service: Service) -> None:
    dispatcher = service.start()
    assert dispatcher.problems() == []
    dispatcher.close()
    assert dispatcher.problems()
    with pytest.raises(NotReady):
        ask(dispatcher)
