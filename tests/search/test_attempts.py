import pytest

from search.attempts import ATTEMPTS, Attempts, ended, following
from search.journal import Journal
from search.records import Event, Failure
from tests.search.support import SPACE, evaluation_event

PLAN = SPACE.dense


class Kept:
    """The attempts of a search that is interrupted again and again; `resumed` is how the next runner knows them."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    @property
    def resumed(self) -> Attempts:
        return Attempts(Journal(self.events.append, self.events))

    @property
    def running(self) -> Event:
        running = None
        for event in self.events:
            running = following(running, event)
        assert running is not None
        return running


#   how attempts ended                                  failure after so many tries
FATES = [
    (["failed"] * 2, None),
    (["failed"] * 3, 3),
    (["released"] * 9, None),
    (["failed", "released", "failed", "released", "failed"], 3),
    (["lost"] * (ATTEMPTS**2 - 1), None),
    (["lost"] * ATTEMPTS**2, 9),
    (["failed", "failed", "lost", "lost", "lost"], 5),
    (["started"] * 9, None),  # nobody has said how they ended
]


@pytest.mark.parametrize(("fates", "tries"), FATES)
def test_what_counts_as_an_attempt(fates: list[str], tries: int | None) -> None:
    kept = Kept()
    for fate in fates:
        kept.resumed.begin(PLAN, "search")
        if fate == "failed":
            kept.events.append(ended(kept.running, fate, "crash", "signal SIGSEGV"))
        elif fate == "lost":
            kept.events.append(ended(kept.running, fate, "crash", "nobody knows"))
        elif fate == "released":
            kept.events.append(ended(kept.running, fate))
    failure = kept.resumed.failure(PLAN, "search")
    assert (None if failure is None else failure.attempts) == tries
    assert len({event.key for event in kept.events}) == len(kept.events)


def test_splits_and_plans_count_apart() -> None:
    kept = Kept()
    for _ in range(ATTEMPTS):
        failure = kept.resumed.miss(PLAN, "search", "memory", "no room")
    assert failure == Failure(PLAN, "memory", "no room", ATTEMPTS) == kept.resumed.failure(PLAN, "search")
    assert kept.resumed.failure(PLAN, "confirm") is None
    assert kept.resumed.failure(SPACE.sparsest, "search") is None


def test_what_would_fail_again_fails_at_once() -> None:
    attempts = Attempts()
    attempts.begin(PLAN, "search")
    assert attempts.miss(PLAN, "search", "nan", "bbox_mAP=nan", final=True) == Failure(PLAN, "nan", "bbox_mAP=nan", 1)


@pytest.mark.parametrize("announced", [True, False])
def test_a_plan_that_succeeds_at_last_says_how_often_it_was_tried(announced: bool) -> None:
    attempts = Attempts()
    if announced:
        attempts.begin(PLAN, "search")
    attempts.miss(PLAN, "search", "crash", "signal SIGSEGV")
    if announced:
        attempts.begin(PLAN, "search")
    assert attempts.used(PLAN, "search") == 2


def test_an_attempt_runs_until_its_outcome_is_known() -> None:
    kept = Kept()
    kept.resumed.begin(PLAN, "search")
    start = kept.events[0]
    log = Event("log", {"level": "info", "message": "x"})
    assert following(start, log) == start
    assert following(start, evaluation_event(0, PLAN, 42.0)) is None
    assert following(start, ended(start, "released")) is None
    assert following(None, log) is None
