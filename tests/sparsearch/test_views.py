"""What a viewer sees, from scripted events."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from models.plan import Plan
from search.answer import Answer, Outcome
from search.records import Event, Point
from sparsearch.views.conclusion import conclusion
from sparsearch.views.ending import Ending
from sparsearch.views.lines import PlainLines
from sparsearch.views.live import LiveTable, draw
from sparsearch.views.progress import Progress, duration, latency
from tests.search.support import SPACE, evaluation_event, job, measurement

FLOOR, DENSE = measurement(SPACE.sparsest, 10.0), measurement(SPACE.dense, 40.0)
BEST = Point(Plan.of({"stage0": 0.3}), 41.0, 29.0, 28.7, 29.3, 0.99, True)


def script() -> list[Event]:
    ends = {"purpose": "ends", "measurements": [FLOOR.to_dict(), DENSE.to_dict()], "device_key": "k"}
    front: dict[str, Any] = {"round": 0, "points": [BEST.to_dict()], "best": BEST.to_dict(), "evaluated": 3, "total": 9}
    return [
        Event("state", {"state": "running", "message": ""}),
        Event("prepared", {"device": {"name": "a [bold]device[/]"}, "space": "", "device_key": "k"}),
        Event("measurement", ends),
        Event("latency_model", {"source": "fitted", "steers": False}),
        Event("progress", {"phase": "evaluate", "done": 3, "total": 9, "rate": 0.5, "eta_s": 12.0}),
        evaluation_event(0, BEST.plan, 41.0),
        Event("front", front),
        Event("log", {"level": "warning", "message": "something odd"}),
        Event("verify", {"rank": 0, "accepted": True, "measurement": measurement(BEST.plan, 29.0).to_dict()}),
        Event("end", {"state": "succeeded", "message": "", "answer": None}),
    ]


def answer() -> Answer:
    return Answer(
        plan=BEST.plan,
        floor=FLOOR,
        dense=DENSE,
        dense_fits=False,
        latency=measurement(BEST.plan, 29.0),
        decision={"upper_ms": 29.6},
        metrics={"bbox_mAP": 41.0, "segm_mAP": 37.0},
        confirmed={"bbox_mAP": 40.5, "segm_mAP": 36.5},
        front=(BEST,),
        evaluated=9,
        bundle="/bundles/b",
    )


def test_progress_is_folded_from_events() -> None:
    known = Progress(job())
    for event in script():
        known.apply(event)
    assert known.floor == FLOOR and known.dense == DENSE and known.best == BEST
    assert (known.phase, known.done, known.total, known.rate, known.eta_s) == ("evaluating accuracy", 3, 9, 0.5, 12.0)
    assert known.evaluated == 1 and len(known.front) == 1
    assert known.remarks[0].startswith("latency model (fitted) missed a gate")
    assert known.remarks[1] == "warning: something odd" and "meets the budget" in known.remarks[2]


def test_an_event_of_an_unknown_kind_is_passed_over() -> None:
    Progress(job()).apply(Event("ask", {"round": 0, "plans": []}))


def test_plain_lines_say_each_thing_once(capsys: Any) -> None:
    with PlainLines(job()) as view:
        for event in [*script(), script()[6]]:
            view.show(event)
    out = capsys.readouterr().out
    assert out.count("best so far: bbox_mAP 41.00 at 29 ms") == 1
    assert "evaluating accuracy: 3 of 9, 0.50/s, 0:12 left" in out
    assert out.count("something odd") == 1 and "floor (sparsest plan): 10 ms" in out


def test_the_live_table_shows_front_best_rate_and_eta_and_takes_words_literally() -> None:
    console = Console(file=io.StringIO(), width=160, force_terminal=True, color_system=None)
    with LiveTable(job(), console) as view:
        for event in script():
            view.show(event)
        known = view._progress
        view.conclude(Ending.of(Outcome("s-1", "succeeded", "", answer())))
    console.print(draw(known))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for part in ("front (1 plans)", "41.00", "0.50/s", "0:12 left", "a [bold]device[/]", "upper bound 29.6 ms", "3/9"):
        assert part in text


def test_a_conclusion_tells_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "finetune.py").write_text("")
    words = conclusion(Ending.of(Outcome("s-1", "succeeded", "", replace(answer(), bundle=str(tmp_path)))), job())
    assert f"sparsearch verify {tmp_path}" in words and f"sparsearch train {tmp_path}/finetune.py" in words
    assert "sparsearch train" not in conclusion(Ending.of(Outcome("s-1", "succeeded", "", answer())), job())
    assert "sparsearch front s-1" in words and "40.50" in words
    failed = conclusion(Ending.of(Outcome("s-2", "failed", "the disk is full", None)), job())
    assert failed == "search s-2: failed\n  the disk is full"


def test_durations_and_latencies_in_words() -> None:
    assert [duration(s) for s in (None, 0, 59.6, 3661)] == ["?", "0:00", "1:00", "1:01:01"]
    assert latency(FLOOR).startswith("10 ms (95 % interval ")
