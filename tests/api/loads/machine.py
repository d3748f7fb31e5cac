"""What can be read of a service process from outside: memory, metrics."""

import re
import time
from dataclasses import dataclass

import psutil

from tests.api.support import LiveServer

_SAMPLE = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>[^}]*)\})? (?P<value>\S+)$", re.MULTILINE)
LAG = "sparsearch_event_loop_lag_seconds"


@dataclass(frozen=True, slots=True)
class Lag:
    """How late the event loop woke up, as cumulative counts by upper bound in seconds."""

    counts: dict[float, float]

    def since(self, before: "Lag") -> "Lag":
        """What came after `before`."""
        return Lag({bound: count - before.counts[bound] for bound, count in self.counts.items()})

    def bound(self, share: float) -> float:
        """Upper bound in seconds of a share of the samples: the histogram cannot tell more."""
        total = self.counts[float("inf")]
        return min(bound for bound, count in self.counts.items() if count >= share * total)


def busyness(seconds: float = 0.3) -> float:
    """How many times longer this process takes than it would alone: 1.0 on a quiet machine."""
    wall, cpu = time.perf_counter(), time.process_time()
    while time.process_time() - cpu < seconds:
        pass
    return max(1.0, (time.perf_counter() - wall) / (time.process_time() - cpu))


def cpu_s(server: LiveServer) -> float:
    """Processor time that the service process itself has used."""
    assert server.process is not None
    times = psutil.Process(server.process.pid).cpu_times()
    return float(times.user + times.system)


def rss_mb(server: LiveServer) -> float:
    """Memory of the service process itself."""
    assert server.process is not None
    return float(psutil.Process(server.process.pid).memory_info().rss) / 2**20


def metric(server: LiveServer, name: str) -> float:
    """A metric without labels."""
    return next(float(found["value"]) for found in _SAMPLE.finditer(_metrics(server)) if found["name"] == name)


def loop_lag(server: LiveServer) -> Lag:
    """The histogram of the event loop's lag."""
    found = {}
    for sample in _SAMPLE.finditer(_metrics(server)):
        if sample["name"] == f"{LAG}_bucket":
            bound = sample["labels"].removeprefix('le="').removesuffix('"')
            found[float(bound)] = float(sample["value"])
    return Lag(found)


def _metrics(server: LiveServer) -> str:
    answer = server.client.get("/metrics")
    assert answer.status_code == 200
    return answer.text
