"""The front as CSV. A cell that a spreadsheet would run is made plain text."""

import csv
import io

from api.schemas.front import Front

COLUMNS = (
    "point", "metric", "latency_ms", "low_ms", "high_ms", "measured", "meets", "probability",
    "knee", "chosen", "exported",
)  # fmt: skip

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")


def front_csv(front: Front) -> str:
    """One row per point, fastest first; one column per knob at the end."""
    knobs = list(dict.fromkeys(knob for point in front.points for knob in point.plan))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([cell(name) for name in (*COLUMNS, *knobs)])
    for point in front.points:
        at = point.latency
        row = (point.id, point.metric, at.ms, at.low_ms, at.high_ms, at.measured, point.meets, point.probability)
        marks = (point.id == front.knee, point.chosen, point.exported)
        writer.writerow([cell(value) for value in (*row, *marks, *(point.plan.get(knob) for knob in knobs))])
    return text.getvalue()


def cell(value: object) -> object:
    """A value as a cell: text that begins like a formula gets a leading apostrophe, None is empty."""
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_DANGEROUS):
        return f"'{value}"
    return value
