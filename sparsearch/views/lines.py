"""A search as lines: JSON for programs, words for logs and pipes."""

import json
import sys

from search.records import Event
from sparsearch.views.asked import Asked
from sparsearch.views.conclusion import conclusion
from sparsearch.views.ending import Ending
from sparsearch.views.progress import Progress, duration, latency


class JsonLines:
    """Every event as one JSON object per line, the outcome (kind `outcome`) last."""

    def __enter__(self) -> "JsonLines":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, event: Event) -> None:
        """See `View.show`."""
        self._write(event.to_dict())

    def conclude(self, ending: Ending) -> None:
        """See `View.conclude`."""
        self._write({"kind": "outcome", "exit_code": ending.exit_code, "data": ending.data})

    def _write(self, data: object) -> None:
        sys.stdout.write(json.dumps(data) + "\n")
        sys.stdout.flush()


class PlainLines:
    """One line per step that matters.

    Args:
        job: the request.
    """

    def __init__(self, job: Asked) -> None:
        self._progress = Progress(job)
        self._said = 0
        self._best: object = None

    def __enter__(self) -> "PlainLines":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, event: Event) -> None:
        """See `View.show`."""
        known = self._progress
        known.apply(event)
        if event.kind == "prepared":
            self._say(f"device: {known.device}; {known.job.setting}")
        if event.kind == "measurement" and event.data["purpose"] == "ends":
            assert known.floor is not None and known.dense is not None
            self._say(f"floor (sparsest plan): {latency(known.floor)}")
            self._say(f"dense: {latency(known.dense)}")
        if event.kind == "front" and known.best is not None and known.best != self._best:
            self._best = known.best
            self._say(
                f"best so far: {known.job.metric} {known.best.metric:.2f} at {known.best.latency_ms:.4g} ms, "
                f"{known.best.plan} ({len(known.front)} plans on the front)"
            )
        if event.kind == "progress":
            speed = "" if known.rate is None else f", {known.rate:.2f}/s, {duration(known.eta_s)} left"
            self._say(f"{known.phase}: {known.done} of {known.total}{speed}")
        for remark in known.remarks[self._said :]:
            self._say(remark)
        self._said = len(known.remarks)

    def conclude(self, ending: Ending) -> None:
        """See `View.conclude`."""
        self._say(conclusion(ending, self._progress.job))

    def _say(self, line: str) -> None:
        print(line, flush=True)
