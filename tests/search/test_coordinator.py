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


def attempt(number: int, state: str = "started", split: str = "search") -> dict[str, Any]:
    """What a runner writes about an attempt at the dense plan."""
    key = f"attempt:{split}:dense:{number}" + ("" if state == "started" else ":end")
    data = {"split": split, "plan": dict(SPACE.dense), "attempt": number, "state": state, "cause": None, "reason": None}
    return {"kind": "attempt", "key": key, "data": data}


def step(number: int) -> dict[str, Any]:
    return evaluation_event(number, SPACE.at((number, 0, 0, 0, 0, 0)), 40.0 - number).to_dict()


def test_deaths_count_only_in_a_row(stage: Stage) -> None:
    died = {"status": 7}
    acts = [{"lines": [], **died}, {"lines": [], **died}, {"lines": [step(0)], **died}, {"lines": [], **died},
            {"lines": [LOG, END]}]  # fmt: skip
    assert stage.coordinator(*acts).run(job()).state == "infeasible"
    assert len(stage.requests) == len(acts)


def test_a_death_during_an_attempt_is_the_attempts_and_not_the_searchs(stage: Stage) -> None:
    fates = [-signal.SIGSEGV, -signal.SIGALRM, 7]
    acts = [{"lines": [attempt(number)], "status": status} for number, status in enumerate(fates, 1)]
    outcome = stage.coordinator(*acts, {"lines": [END]}).run(job(evaluation_timeout_s=2.0), stage.events.append)
    assert outcome.state == "infeasible"
    ends = [event.data for event in stage.events if event.kind == "attempt" and event.data["state"] != "started"]
    assert [(end["attempt"], end["state"], end["cause"]) for end in ends] == [
        (1, "failed", "crash"), (2, "failed", "timeout"), (3, "failed", "crash"),
    ]  # fmt: skip
    assert "signal SIGSEGV" in ends[0]["reason"]
    assert "longer than 2 s" in ends[1]["reason"]
    assert "exit status 7" in ends[2]["reason"]
    # the next runner is told
    keys = [event["key"] for event in stage.requests[-1]["done"]]
    assert keys == [key for number in (1, 2, 3) for key in (attempt(number)["key"], attempt(number, "failed")["key"])]


def test_memory_that_ran_out_is_named(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    kills = iter([4, 5, 5, 5])
    monkeypatch.setattr("search.coordinator.oom_kills", lambda: next(kills))
    acts = [{"lines": [attempt(1)], "status": -signal.SIGKILL}, {"lines": [END]}]
    stage.coordinator(*acts).run(job(), stage.events.append)
    (end,) = [event.data for event in stage.events if event.kind == "attempt" and event.data["state"] == "failed"]
    assert end["cause"] == "memory"
    assert "the machine ran out of memory" in end["reason"]


def test_an_attempt_whose_end_nobody_saw_is_lost(stage: Stage) -> None:
    row = stage.coordinator({"lines": [END]}).create(job(id="s"))
    stage.store.append(row.id, [Event.from_dict(attempt(1))])
    stage.coordinator({"lines": [END]}).run_stored("s", stage.events.append)
    (lost,) = [event.data for event in stage.events if event.kind == "attempt"]
    assert (lost["state"], lost["attempt"]) == ("lost", 1)
    assert stage.requests[0]["done"][-1]["data"]["state"] == "lost"


def test_a_runner_that_lost_what_it_evaluates_on_is_replaced(stage: Stage) -> None:
    acts = [{"lines": [LOG], "status": process.LOST}, {"lines": [END]}]
    assert stage.coordinator(*acts).run(job(), stage.events.append).state == "infeasible"
    said = [event.data["message"] for event in stage.events if event.kind == "state"]
    assert "the runner died with what it evaluates on lost; a new one goes on" in said


def test_a_stop_is_told_to_the_runner_and_to_the_next(stage: Stage) -> None:
    coordinator = stage.coordinator({"lines": [LOG], "heed": True, "status": 7}, {"lines": [END]})

    def show(event: Event) -> None:
        if event.kind == "log":
            coordinator.stop()

    coordinator.run(job(), show)
    assert [request["stop"] for request in stage.requests] == [False, True]
    assert json.loads(stage.script.with_suffix(".heard").read_text()) == {"command": "stop"}


def test_whoever_changes_the_state_meanwhile_has_the_last_word(stage: Stage) -> None:
    running = {"kind": "state", "key": None, "data": {"state": "running", "message": ""}}
    coordinator = stage.coordinator({"lines": [LOG, running], "hang": True})

    def show(event: Event) -> None:
        if event.kind == "log":
            stage.store.change_state("s", {"preparing"}, "cancelling", "")
            threading.Timer(0.3, coordinator.cancel).start()
        states.append(stage.store.exact("s").state)

    states: list[str] = []
    outcome = coordinator.run(job(id="s"), show)
    assert outcome.state == "cancelled"
    assert "running" not in states
    assert states[-2:] == ["cancelling", "cancelled"]


def test_several_searches_run_at_once_over_one_store(stage: Stage) -> None:
    lines = [LOG, *map(step, range(5)), END]
    names = [f"s{number}" for number in range(4)]
    coordinators = {name: stage.coordinator(*[{"lines": lines}] * len(names)) for name in names}
    threads = [threading.Thread(target=one.run, args=(job(id=name),), name=name) for name, one in coordinators.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:
        assert stage.store.exact(name).state == "infeasible"
        assert len(stage.store.evaluations(name)) == 5


def test_people_are_told_how_to_go_on_in_their_own_words(stage: Stage) -> None:
    stage.coordinator({"lines": [END]}).create(job(id="s"))
    coordinator = Coordinator(stage.store, stage.home, resume_by="POST /v1/searches/{id}/resume")
    coordinator.pause()
    assert coordinator.run_stored("s").message == "paused; go on with: POST /v1/searches/s/resume"
