from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from search import tables
from search.answer import Answer
from search.errors import SearchError
from search.records import Event, Point
from search.store import Store
from tests.search.support import SPACE, evaluation_event, job, measurement, measurement_event

FAST, SLOW = SPACE.sparsest, SPACE.dense


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "s.db") as opened:
        opened.create_search(job().with_id("a"), "t" * 64)
        yield opened


def points() -> tuple[Point, Point]:
    return Point(FAST, 33.0, 10.0, 9.9, 10.1, 1.0), Point(SLOW, 42.0, 47.0, 46.0, 48.0, 0.0, True)


def finish(store: Store) -> None:
    floor, dense = measurement(FAST, 10.0), measurement(SLOW, 47.0)
    answer = Answer(plan=FAST, floor=floor, dense=dense, dense_fits=False, front=points())
    store.append("a", [Event("end", {"state": "succeeded", "message": "", "answer": answer.to_dict()})])


def test_the_front_of_an_answer_marks_the_chosen_plan(store: Store) -> None:
    finish(store)
    frame = tables.front(store, "a")
    assert list(frame["latency_ms"]) == [10.0, 47.0]
    assert list(frame["chosen"]) == [True, False]
    assert list(frame["stage2_1"]) == [0.8, 0.0]


def test_a_search_under_way_shows_its_last_front(store: Store) -> None:
    shown = [point.to_dict() for point in points()]
    store.append("a", [Event("front", {"points": shown[:1]}, "front:0"), Event("front", {"points": shown}, "front:1")])
    frame = tables.front(store, "a")
    assert len(frame) == 2
    assert not frame["chosen"].any()


def test_trials_are_in_the_order_of_asking(store: Store) -> None:
    store.append("a", [evaluation_event(1, FAST, 33.0), evaluation_event(0, SLOW, 42.0)])
    frame = tables.trials(store, "a")
    assert list(frame["number"]) == [0, 1]
    assert list(frame["bbox_mAP"]) == [42.0, 33.0]
    assert {"segm_mAP", "latency_ms", "excess", "images", "seconds", "origin", "stage3"} <= set(frame.columns)


def test_measurements_have_a_row_per_record(store: Store) -> None:
    store.append("a", [measurement_event("ends", measurement(FAST, 10.0), measurement(SLOW, 47.0))])
    store.append("a", [measurement_event("verify:0:0", measurement(FAST, 10.1))])
    frame = tables.measurements(store, "a")
    assert list(frame["purpose"]) == ["ends", "ends", "verify"]
    assert list(frame["median_ms"]) == pytest.approx([10.0, 47.0, 10.1])
    assert ((frame["low_ms"] < frame["median_ms"]) & (frame["median_ms"] < frame["high_ms"])).all()


@pytest.mark.parametrize("name", list(tables.TABLES))
def test_a_search_without_rows_has_an_empty_table_with_columns(store: Store, name: str) -> None:
    frame = tables.TABLES[name](store, "a")
    assert len(frame) == 0
    assert len(frame.columns) >= 6


@pytest.mark.parametrize("suffix", tables.FORMATS)
def test_a_written_table_reads_back_equal(store: Store, tmp_path: Path, suffix: str) -> None:
    finish(store)
    frame = tables.front(store, "a")
    path = tables.write(frame, tmp_path / "new" / f"front{suffix}")
    back = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    pd.testing.assert_frame_equal(back, frame)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_refuses_another_format_and_names_a_folder_that_cannot_be_written(store: Store, tmp_path: Path) -> None:
    frame = tables.front(store, "a")
    with pytest.raises(SearchError, match=r"front\.xlsx: a table is written as \.csv or \.parquet"):
        tables.write(frame, tmp_path / "front.xlsx")
    (tmp_path / "file").write_text("")
    with pytest.raises(SearchError, match="cannot write"):
        tables.write(frame, tmp_path / "file" / "front.csv")
