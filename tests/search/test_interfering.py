"""Stop, pause, release, cancel and plain murder of real runners: what is finished stays, and the answer is the same."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from search.coordinator import Coordinator
from search.proposing import RUNGS
from search.records import Event
from tests.search.staging import Stage
from tests.search.test_flow import fitted_model, timeless

Interfere = Callable[[Coordinator], None]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return fitted_model(tmp_path_factory.mktemp("fit"))


@pytest.fixture
def stage(tmp_path: Path, model: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("SPARSEARCH_HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    made = Stage(tmp_path, model, "delay_s = 0.2")
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, model: dict[str, Any]) -> dict[str, Any]:
    """The answer of the search when nobody interferes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARSEARCH_HOME", str(folder))
        made = Stage(folder, model)
        outcome = made.run()
        made.store.close()
    assert outcome.answer is not None
    return timeless(outcome.answer.to_dict())


def at_attempt(number: int, coordinator: Coordinator, interfere: Interfere) -> Callable[[Event], None]:
    """Interferes from another thread when the `number`-th evaluation has begun."""
    seen: list[Event] = []

    def show(event: Event) -> None:
        if event.kind == "attempt" and event.data["state"] == "started":
            seen.append(event)
            if len(seen) == number:
                threading.Thread(target=interfere, args=(coordinator,)).start()

    return show


def runners(stage: Stage) -> list[psutil.Process]:
    """This process's children, and their children, that belong to the stage."""
    return [one for one in psutil.Process().children(recursive=True) if "search.runner" in " ".join(one.cmdline())]


def test_stop_lets_what_runs_finish_and_answers_with_what_there_is(stage: Stage) -> None:
    coordinator = stage.coordinator()
    outcome = stage.run(at_attempt(RUNGS + 3, coordinator, Coordinator.stop), coordinator)
    assert (outcome.state, outcome.exit_code) == ("stopped", 0)
    answer = outcome.answer
    assert answer is not None and answer.plan is not None and answer.confirmed is not None
    assert answer.decision is not None and answer.decision["upper_ms"] <= 32.0
    assert (answer.evaluated, len(stage.evaluated)) == (3, RUNGS + 3)
    assert outcome.message.startswith("SIMULATED: stopped after 3 of 8 evaluations: ")
    # the last was running when it was stopped, and nothing was asked for afterwards
    assert [one["round"] for one in stage.of("ask")] == [0]
    assert [event.data["split"] for event in stage.tries("started")] == ["search"] * (RUNGS + 3) + ["confirm"] * 2


def test_stopping_before_anything_was_evaluated_says_so(stage: Stage) -> None:
    coordinator = stage.coordinator()
    coordinator.stop()
    outcome = stage.run(coordinator=coordinator)
    assert (outcome.state, outcome.message) == ("stopped", "stopped before anything was evaluated")
    assert outcome.answer is not None and outcome.answer.plan is None
    assert outcome.answer.floor.median_ms < outcome.answer.dense.median_ms
    assert stage.evaluated == []


def test_a_stop_outlives_the_runner_that_heard_it(stage: Stage) -> None:
    coordinator = stage.coordinator()

    def stop_and_kill(one: Coordinator) -> None:
        one.stop()
        runners(stage)[0].kill()

    outcome = stage.run(at_attempt(RUNGS + 2, coordinator, stop_and_kill), coordinator)
    assert outcome.state == "stopped"
    assert outcome.answer is not None and outcome.answer.evaluated in (1, 2)
    assert stage.store.search("s").attempts == 2


@pytest.mark.parametrize(("interfere", "state"), [(Coordinator.pause, "paused"), (Coordinator.release, "running")])
def test_paused_or_released_it_goes_on_later_as_if_nothing_had_been(
    stage: Stage, undisturbed: dict[str, Any], interfere: Interfere, state: str
) -> None:
    coordinator = stage.coordinator()
    left = stage.run(at_attempt(5, coordinator, interfere), coordinator)
    assert (left.state, stage.store.search("s").state, left.answer) == (state, state, None)
    assert runners(stage) == []
    done = stage.evaluated
    assert len(done) in (4, 5)
    (released,) = stage.tries("released")
    assert released.data["cause"] is None

    outcome = stage.go_on()
    assert outcome.state == "succeeded" and outcome.answer is not None
    assert timeless(outcome.answer.to_dict()) == undisturbed
    assert all(count == 1 for plan, count in Counter(stage.evaluated).items() if plan in done[:4])
    assert {one["attempts"] for one in stage.of("evaluation")} == {1}
    assert stage.store.search("s").attempts == 2


def test_whoever_interferes_before_it_runs_is_heard(stage: Stage) -> None:
    paused, cancelled = stage.coordinator(), stage.coordinator()
    paused.pause()
    assert stage.run(coordinator=paused).state == "paused"
    cancelled.cancel()
    cancelled.release()  # cancelling is for good
    assert stage.go_on(coordinator=cancelled).state == "cancelled"
    assert stage.store.search("s").attempts == 0


def test_a_pause_ends_the_workers_and_ray(stage: Stage) -> None:
    coordinator = stage.coordinator()
    strangers = set(psutil.Process().children(recursive=True))  # a browser or a service of other tests
    family: list[psutil.Process] = []
    names: set[str] = set()
    paused: list[float] = []

    def show(event: Event) -> None:
        if event.kind == "evaluation" and not paused:
            family.extend(set(psutil.Process().children(recursive=True)) - strangers)
            names.update(one.name() for one in family)
            paused.append(time.monotonic())
            threading.Thread(target=coordinator.pause).start()

    outcome = stage.run(show, coordinator, pool="ray", workers=2)
    assert outcome.state == "paused"
    assert {"raylet", "gcs_server"} <= names
    _, alive = psutil.wait_procs(family, timeout=max(0.0, paused[0] + 10.0 - time.monotonic()))
    assert alive == []


def test_runners_that_are_killed_in_the_middle_of_evaluations_cost_only_those(
    stage: Stage, undisturbed: dict[str, Any]
) -> None:
    """F2: ten times; every trial ends, tried at most three times, and none is counted twice."""
    kills: Counter[str] = Counter()

    def show(event: Event) -> None:
        if event.kind == "attempt" and event.data["state"] == "started" and event.data["split"] == "search":
            name = str(event.data["plan"])
            # the first plan twice, others once
            most = 2 if name == next(iter(kills), name) else 1
            if event.data["attempt"] <= most and kills.total() < 10:
                kills[name] += 1
                os.kill(runners(stage)[0].pid, signal.SIGKILL)

    outcome = stage.run(show)
    assert kills.total() == 10
    assert outcome.answer is not None and timeless(outcome.answer.to_dict()) == undisturbed
    tried = {str(one["evaluation"]["plan"]): one["attempts"] for one in stage.of("evaluation")}
    assert tried == {**dict.fromkeys(tried, 1), **{name: times + 1 for name, times in kills.items()}}
    assert len(tried) == len(stage.of("evaluation")) == 8 + RUNGS
    assert {event.data["cause"] for event in stage.tries("failed")} == {"crash"}
    assert all("signal SIGKILL" in event.data["reason"] for event in stage.tries("failed"))
    assert stage.store.search("s").attempts == 11


def test_a_bundle_that_was_written_before_the_runner_died_is_no_obstacle(
    stage: Stage, tmp_path: Path, model: dict[str, Any]
) -> None:
    output = str(tmp_path / "bundle")
    whole = stage.run(bundle=True, output=output)
    assert whole.state == "succeeded" and whole.answer is not None
    # another store knows all but the last steps of the same search
    other = Stage(tmp_path / "other", model)
    row = stage.store.search("s")
    other.store.create_search(row.job, row.target_digest)
    before = [event for event in stage.store.events("s") if event.key not in (None, "export", "condition:Exported")]
    other.store.append("s", before)
    outcome = other.go_on()
    other.store.close()
    assert outcome.state == "succeeded", outcome.message
    assert outcome.answer is not None and outcome.answer.bundle == output
    assert [event.kind for event in other.events if event.key is not None] == ["export", "condition"]
