"""The front as CSV: columns, and cells that no spreadsheet runs."""

import csv
import io

import pytest

from api.views.front import front_view
from api.views.tables import cell, front_csv
from tests.api.views.test_front import facts, plan, point


def test_one_row_per_point_and_one_column_per_knob() -> None:
    text = front_csv(front_view(facts(point(1, 10, 25), point(2, 20, 29), chosen=plan(2))))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["metric"], row["latency_ms"], row["meets"], row["chosen"]) for row in rows] == [
        ("10.0", "25.0", "yes", "False"),
        ("20.0", "29.0", "yes", "True"),
    ]
    assert [row["stage0"] for row in rows] == ["0.1", "0.2"]


def test_an_empty_front_is_a_header() -> None:
    assert front_csv(front_view(facts())).count("\r\n") == 1


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_text_like_a_formula_is_made_plain(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize(("value", "shown"), [(None, ""), (-1.5, -1.5), (True, True), ("a=b", "a=b"), ("", "")])
def test_other_values_stay(value: object, shown: object) -> None:
    assert cell(value) == shown
