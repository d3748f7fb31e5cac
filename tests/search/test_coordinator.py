import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from search import process
from search.coordinator import DEATHS, Coordinator, new_id
from search.errors import JobError, RunnerError, TargetError
from search.home import Home
from search.records import Event
from search.store import Store
from tests.search.support import SPACE, evaluation_event, job

SCRIPTED = str(Path(__file__).parent / "scripted_runner.py")
END = {"kind": "end", "key": None, "data": {"state": "infeasible", "message": "why", "answer": None}}
LOG = {"kind": "log", "key": None, "data": {"level": "info", "message": "hello"}}


class Stage:
    """A home, its store, and a runner that follows a script."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.store = Store.open(self.home.database)
        self.script = folder / "script.json"
        self.events: list[Event] = []

    def coordinator(self, *acts: dict[str, Any]) -> Coordinator:
        self.script.write_text(json.dumps(acts))
        self.script.with_suffix(".requests").unlink(missing_ok=True)
        return Coordinator(self.store, self.home, [sys.executable, SCRIPTED, str(self.script)])

    @property
    def requests(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.script.with_suffix(".requests").read_text().splitlines()]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(process, "GRACE_S", 0.5)
    made = Stage(tmp_path)
    yield made
    made.store.close()


def test_every_event_is_committed_before_it_is_shown(stage: Stage) -> None:
    def show(event: Event) -> None:
        with Store.read(stage.home.database) as reader:
            assert reader.events(reader.search("last").id)[-1] == event
        stage.events.append(event)

    outcome = stage.coordinator({"lines": [LOG, END]}).run(job(), show)
    assert (outcome.state, outcome.message, outcome.exit_code) == ("infeasible", "why", 3)
    assert [event.kind for event in stage.events] == ["state", "log", "end"]


def test_restarts_a_runner_that_died_and_sends_it_what_was_done(stage: Stage) -> None:
    done = evaluation_event(0, SPACE.dense, 42.0).to_dict()
    acts: list[dict[str, Any]] = [{"lines": [done], "status": -signal.SIGKILL}, {"lines": [done, END]}]
    outcome = stage.coordinator(*acts).run(job(), stage.events.append)
    assert outcome.state == "infeasible"
    first, second = stage.requests
    assert first["done"] == []
    assert [event["key"] for event in second["done"]] == [done["key"]]
    # said twice, stored and shown once
    assert [event.kind for event in stage.events].count("evaluation") == 1
    assert stage.store.search(outcome.id).attempts == 2


def test_gives_up_on_a_runner_that_dies_again_and_again(stage: Stage) -> None:
    outcome = stage.coordinator(*[{"lines": [], "status": 7}] * DEATHS).run(job())
    assert (outcome.state, outcome.exit_code) == ("failed", 4)
    assert f"died {DEATHS} times, last with exit status 7" in outcome.message
    assert str(stage.home.run(outcome.id) / "runner.log") in outcome.message
    assert len(stage.requests) == DEATHS


def test_names_the_signal_that_killed_it(stage: Stage) -> None:
    outcome = stage.coordinator(*[{"lines": [], "status": -signal.SIGSEGV}] * DEATHS).run(job())
    assert "signal SIGSEGV" in outcome.message


def test_what_the_runner_prints_to_stderr_is_in_its_log(stage: Stage) -> None:
    coordinator = Coordinator(stage.store, stage.home, [sys.executable, "-c", "import sys; sys.exit('sorry')"])
    outcome = coordinator.run(job())
    assert (stage.home.run(outcome.id) / "runner.log").read_text().count("sorry") == DEATHS


@pytest.mark.parametrize("stubborn", [False, True])
def test_cancel_from_another_thread_ends_the_search_and_its_runner(stage: Stage, stubborn: bool) -> None:
    coordinator = stage.coordinator({"lines": [LOG], "hang": True, "stubborn": stubborn})

    def show(event: Event) -> None:
        if event.kind == "log":
            threading.Thread(target=coordinator.cancel).start()

    outcome = coordinator.run(job(), show)
    assert (outcome.state, outcome.exit_code) == ("cancelled", 5)
    assert f"--resume {outcome.id}" in outcome.message


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_and_the_old_handler_is_put_back(stage: Stage, number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def show(event: Event) -> None:
        if event.kind == "log":
            os.kill(os.getpid(), number)

    outcome = stage.coordinator({"lines": [LOG], "hang": True}).run(job(), show)
    assert outcome.state == "cancelled"
    assert signal.getsignal(number) == before


def test_a_cancelled_search_can_be_resumed_and_an_answered_one_is_only_read(stage: Stage) -> None:
    coordinator = stage.coordinator({"lines": [LOG], "hang": True})

    def show(event: Event) -> None:
        if event.kind == "log":
            coordinator.cancel()

    cancelled = coordinator.run(job(), show)
    resumed = stage.coordinator({"lines": [END]}).resume(cancelled.id, stage.events.append)
    assert resumed.state == "infeasible"
    assert [event.kind for event in stage.events] == ["state", "end"]
    assert stage.coordinator().resume(cancelled.id) == resumed


def test_an_exception_while_showing_stops_the_runner(stage: Stage) -> None:
    coordinator = stage.coordinator({"lines": [LOG], "hang": True})

    def show(event: Event) -> None:
        if event.kind == "log":
            raise OSError("the pipe is closed")

    with pytest.raises(OSError, match="the pipe is closed"):
        coordinator.run(job(), show)
    assert coordinator._runner is None


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"target": "nothing"}, TargetError, "unknown target 'nothing'"),
        ({"sampler": "magic"}, JobError, "choose one of evolution"),
        ({"metric": "accuracy"}, JobError, "choose one of bbox_mAP"),
    ],
)
def test_a_refused_request_stores_nothing(
    stage: Stage, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        stage.coordinator().run(job(**change))
    assert stage.store.searches() == []
    assert not (stage.home.path / "runs").exists()


def test_refuses_to_resume_on_other_files(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = stage.coordinator(*[{"lines": [], "status": 1}] * DEATHS).run(job())
    monkeypatch.setattr("search.targets.Target.digest", lambda self: "other")
    with pytest.raises(RunnerError, match="other files than when search"):
        stage.coordinator().resume(outcome.id)


def test_ids_sort_by_time_and_differ() -> None:
    ids = [new_id() for _ in range(50)]
    assert len(set(ids)) == 50
    assert [one[:15] for one in ids] == sorted(one[:15] for one in ids)
