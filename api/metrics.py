"""What Prometheus can ask: searches, queue, requests, streams, database errors, the lag of the event loop.

Labels hold route templates, never paths: a scanner must not be able to fill the registry.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from api.version import version
from search.records import State

CONTENT_TYPE = CONTENT_TYPE_LATEST
LAG_EVERY_S = 0.25

_REQUEST_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LAG_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class Metrics:
    """The metrics of one app, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._searches = Gauge("sparsearch_searches", "Stored searches by state.", ["state"], registry=registry)
        self._queue = Gauge("sparsearch_queue_depth", "Searches that wait.", registry=registry)
        self._oldest = Gauge(
            "sparsearch_oldest_queued_seconds", "How long the longest waiting search has waited.", registry=registry
        )
        self.requests = Histogram(
            "sparsearch_request_seconds",
            "Time until an answer was complete; of streams: until it began.",
            ["route", "method", "status"],
            buckets=_REQUEST_S,
            registry=registry,
        )
        self._streams = Gauge("sparsearch_streams", "Open event streams.", registry=registry)
        self.events_dropped = Counter(
            "sparsearch_events_dropped", "Events not sent because a reader was too slow.", registry=registry
        )
        self.events_coalesced = Counter(
            "sparsearch_events_coalesced", "Progress events merged into a later one.", registry=registry
        )
        self.database_errors = Counter(
            "sparsearch_database_errors", "Requests that failed on the database.", registry=registry
        )
        self.loop_lag = Histogram(
            "sparsearch_event_loop_lag_seconds",
            "How late the event loop wakes a sleeper.",
            buckets=_LAG_S,
            registry=registry,
        )
        self.export_seconds = Histogram(
            "sparsearch_export_seconds", "Time to build a bundle or a report.", ["what"], registry=registry
        )
        build = Gauge("sparsearch_build_info", "Always 1; the label says what runs.", ["version"], registry=registry)
        build.labels(version()).set(1)

    def page(self, counts: Mapping[str, int], oldest_queued_s: float, streams: int) -> bytes:
        """The metrics as text, with what only the store knows.

        Args:
            counts: searches by state.
            oldest_queued_s: age of the longest waiting search; 0: none waits.
            streams: open event streams.
        """
        for state in get_args(State):
            self._searches.labels(state).set(counts.get(state, 0))
        self._queue.set(counts.get("queued", 0))
        self._oldest.set(oldest_queued_s)
        self._streams.set(streams)
        return generate_latest(self.registry)

    async def watch_loop(self, every_s: float = LAG_EVERY_S) -> None:
        """Sample the lag of the running event loop until cancelled."""
        while True:
            due = time.monotonic() + every_s
            await asyncio.sleep(every_s)
            self.loop_lag.observe(max(0.0, time.monotonic() - due))
