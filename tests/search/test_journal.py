import json

from search.journal import Journal
from search.progress import Progress
from search.records import Event


def test_a_step_is_done_once_and_emitted_once() -> None:
    events: list[Event] = []
    journal = Journal(events.append)
    calls = []

    def compute() -> dict[str, int]:
        calls.append(1)
        return {"n": len(calls)}

    assert journal.step("log", "a", compute) == journal.step("log", "a", compute) == {"n": 1}
    assert [(event.kind, event.key) for event in events] == [("log", "a")]


def test_a_resumed_run_reads_what_the_first_one_computed() -> None:
    events: list[Event] = []
    first = Journal(events.append).step("log", "a", lambda: {"pair": (1, 2), "share": 0.1 + 0.2})
    stored = [Event.from_dict(json.loads(json.dumps(event.to_dict()))) for event in events]
    again: list[Event] = []
    resumed = Journal(again.append, stored)

    def never() -> dict[str, int]:
        raise AssertionError("a finished step was done again")

    assert resumed.step("log", "a", never) == first == {"pair": [1, 2], "share": 0.1 + 0.2}
    assert again == []


def test_remarks_are_no_steps() -> None:
    events: list[Event] = []
    journal = Journal(events.append, [Event("log", {"message": "old"})])
    journal.log("new")
    assert events == [Event("log", {"level": "info", "message": "new"})]


def test_progress_speaks_first_last_and_once_a_second_between() -> None:
    events: list[Event] = []
    now = [100.0]
    progress = Progress(Journal(events.append), "measure", 30, lambda: now[0])
    for done in range(1, 31):
        now[0] += 0.25
        progress.at(done)
    said = [event.data["done"] for event in events]
    assert said == [1, 5, 9, 13, 17, 21, 25, 29, 30]
    assert events[1].data["rate"] == 4.0
    assert events[1].data["eta_s"] == 25 / 4


def test_progress_does_not_count_what_an_earlier_run_did_as_speed() -> None:
    events: list[Event] = []
    now = [0.0]
    progress = Progress(Journal(events.append), "evaluate", 20, lambda: now[0], done=10)
    now[0] = 2.0
    progress.at(11)
    assert events[0].data["rate"] == 0.5
