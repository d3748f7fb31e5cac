"""Tables of a search as pandas frames: front, trials, measurements; to CSV and Parquet.

One row per plan or record, one column per knob. Latencies are in ms and metrics in 0..100, as the records say.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.errors import SearchError
from search.store.reading import Reading

if TYPE_CHECKING:
    import pandas as pd

FORMATS = (".csv", ".parquet")


def front(store: Reading, search_id: str) -> "pd.DataFrame":
    """The front, fastest first: metric, latency_ms with its interval, P(within budget), whether it is the answer.

    Before a search has answered, its last front so far.
    """
    row = store.search(search_id)
    if row.answer is not None:
        points = [point.to_dict() for point in row.answer.front]
        chosen = None if row.answer.plan is None else dict(row.answer.plan)
    else:
        shown = [event.data for event in store.events(row.id) if event.kind == "front"]
        points, chosen = (list(shown[-1]["points"]) if shown else []), None
    columns = ["metric", "latency_ms", "low_ms", "high_ms", "within", "measured"]
    rows = [
        {**{name: point[name] for name in columns}, "chosen": point["plan"] == chosen, **point["plan"]}
        for point in points
    ]
    return _frame(rows, [*columns, "chosen"])


def trials(store: Reading, search_id: str) -> "pd.DataFrame":
    """Every accuracy evaluation in the order of asking: metrics, predicted latency, excess over the budget, origin."""
    row = store.search(search_id)
    found = sorted(
        (event.data for event in store.events(row.id) if event.kind == "evaluation"), key=lambda data: data["number"]
    )
    columns = ["number", "latency_ms", "excess", "origin"]
    rows = [
        {
            **{name: data[name] for name in columns},
            "images": data["evaluation"]["images"],
            "seconds": data["evaluation"]["seconds"],
            **data["evaluation"]["metrics"],
            **data["evaluation"]["plan"],
        }
        for data in found
    ]
    return _frame(rows, [*columns, "images", "seconds"])


def measurements(store: Reading, search_id: str) -> "pd.DataFrame":
    """Every latency that was measured, in order: median, interval, p90, p99, samples, flags, purpose, device."""
    row = store.search(search_id)
    rows = []
    for purpose, one in store.measurements(row.id):
        low, high = one.interval_ms
        rows.append(
            {
                "purpose": purpose,
                "median_ms": one.median_ms,
                "low_ms": low,
                "high_ms": high,
                "p90_ms": one.p90_ms,
                "p99_ms": one.p99_ms,
                "samples": one.samples,
                "flags": " ".join(one.flags),
                "device": row.job.setting.device,
                **one.plan,
            }
        )
    names = ["purpose", "median_ms", "low_ms", "high_ms", "p90_ms", "p99_ms", "samples", "flags", "device"]
    return _frame(rows, names)


TABLES: Mapping[str, Callable[[Reading, str], "pd.DataFrame"]] = {
    "front": front,
    "trials": trials,
    "measurements": measurements,
}


def write(frame: "pd.DataFrame", path: Path) -> Path:
    """Write a frame as `.csv` or `.parquet`, whole or not at all. Returns the path.

    Raises:
        SearchError: another suffix, or a folder that cannot be written.
    """
    if path.suffix not in FORMATS:
        raise SearchError(f"{path}: a table is written as {' or '.join(FORMATS)}; change the suffix")
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            if path.suffix == ".csv":
                frame.to_csv(scratch, index=False)
            else:
                frame.to_parquet(scratch, index=False)
            os.replace(scratch, path)
        finally:
            scratch.unlink(missing_ok=True)
    except OSError as error:
        raise SearchError(f"cannot write {path}: {error.strerror}; choose another folder") from None
    return path


def _frame(rows: list[dict[str, Any]], columns: list[str]) -> "pd.DataFrame":
    import pandas as pd  # half a second, so only where a table is made

    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns)
