"""What is known of a running search, folded from its events. No output, no clock."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from search.records import Event, Point
from sparsearch.views.asked import Asked
from sparsearch.views.timed import Timed, timed

PHASES = {
    "measure": "measuring latency",
    "evaluate": "evaluating accuracy",
    "verify": "verifying",
    "confirm": "confirming",
}


@dataclass
class Progress:
    """The state of a search as a viewer sees it.

    Args:
        job: the request.
    """

    job: Asked
    state: str = "queued"
    device: str = ""
    floor: Timed | None = None
    dense: Timed | None = None
    phase: str = ""
    done: int = 0
    total: int = 0
    rate: float | None = None
    eta_s: float | None = None
    evaluated: int = 0
    front: tuple[Point, ...] = ()
    best: Point | None = None
    remarks: list[str] = field(default_factory=list)

    def apply(self, event: Event) -> None:
        """Fold one event in."""
        handler = getattr(self, f"_{event.kind}", None)
        if handler is not None:
            handler(event.data)

    def _state(self, data: Mapping[str, Any]) -> None:
        self.state = data["state"]
        if data.get("message"):
            self.remarks.append(data["message"])

    def _prepared(self, data: Mapping[str, Any]) -> None:
        self.device = str(data["device"].get("name") or "")

    def _measurement(self, data: Mapping[str, Any]) -> None:
        if data["purpose"] == "ends":
            self.floor, self.dense = map(timed, data["measurements"])

    def _latency_model(self, data: Mapping[str, Any]) -> None:
        verdict = "passed its gates" if data["steers"] else "missed a gate: forecasts are uncertain"
        self.remarks.append(f"latency model ({data['source']}) {verdict}")

    def _evaluation(self, data: Mapping[str, Any]) -> None:
        self.evaluated += 1

    def _failure(self, data: Mapping[str, Any]) -> None:
        self.remarks.append(f"warning: evaluation {data['number']} failed ({data['cause']}): {data['reason']}")

    def _front(self, data: Mapping[str, Any]) -> None:
        self.front = tuple(Point.from_dict(point) for point in data["points"])
        self.best = None if data["best"] is None else Point.from_dict(data["best"])

    def _progress(self, data: Mapping[str, Any]) -> None:
        self.phase = PHASES.get(data["phase"], data["phase"])
        self.done, self.total = data["done"], data["total"]
        self.rate, self.eta_s = data["rate"], data["eta_s"]

    def _verify(self, data: Mapping[str, Any]) -> None:
        took = timed(data["measurement"])
        verdict = "meets the budget" if data["accepted"] else "is not shown to meet the budget"
        self.remarks.append(f"finalist {data['rank'] + 1}: {latency(took)}, {verdict}")

    def _export(self, data: Mapping[str, Any]) -> None:
        self.remarks.append(f"bundle: {data['path']}")

    def _log(self, data: Mapping[str, Any]) -> None:
        prefix = "" if data["level"] == "info" else f"{data['level']}: "
        self.remarks.append(prefix + data["message"])


def latency(took: Timed) -> str:
    """ "12.34 ms (95 % interval 12.30 to 12.39)"; without an interval where too few samples give none."""
    low, high = took.interval_ms
    if not math.isfinite(high):
        return f"{took.median_ms:.4g} ms"
    return f"{took.median_ms:.4g} ms (95 % interval {low:.4g} to {high:.4g})"


def duration(seconds: float | None) -> str:
    """ "1:05", or "?" when it is not known."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
