"""Following a search of a service in the views of searches that run here."""

import dataclasses
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from search.records import Event
from sparsearch.client import Client
from sparsearch.client.records import Event as Told
from sparsearch.client.records import Front, Search
from sparsearch.failures import CANCELLED
from sparsearch.views import view_of
from sparsearch.views.asked import AskedService
from sparsearch.views.ending import Ending

Data = Mapping[str, Any]


def follow(client: Client, search: Search, as_json: bool, after: int = 0) -> int:
    """Show a search until it rests; returns its exit code. Ctrl-C only ends the watching.

    Args:
        client: of the service.
        search: what to follow.
        as_json: one JSON object per line.
        after: number of the last event that need not be shown.
    """
    try:
        with view_of(AskedService.of(search), as_json) as view:
            for told in client.events(search.id, after):
                event = _as_told(told) if as_json else translate(told)
                if event is not None:
                    view.show(event)
            ending = ending_of(client, search.id)
            view.conclude(ending)
    except KeyboardInterrupt:
        print(f"\n{how_to_go_on(client.url, search.id)}", file=sys.stderr)
        return CANCELLED
    return ending.exit_code


def ending_of(client: Client, id: str) -> Ending:
    """How a search ended, or how it stands."""
    search = client.get(id)
    front: Front | None = client.front(id) if search.answer is not None else None
    return Ending.of_service(search, front, dataclasses.asdict(search))


def how_to_go_on(url: str, id: str) -> str:
    """What to say when the watching ends before the search."""
    return (
        f"search {id} goes on in {url}\n"
        f"  watch it   sparsearch watch {id} --server {url}\n"
        f"  end it     sparsearch cancel {id} --server {url}"
    )


def translate(told: Told) -> Event | None:
    """An event of a service in the words of the store; None: there is nothing to show, or it is not understood."""
    shape = _SHAPES.get(told.name)
    if shape is None:
        return None
    try:
        return shape(told.data)
    except (KeyError, TypeError, AttributeError):
        return None  # of a newer service: better one line less than an end of the watching


def _as_told(told: Told) -> Event:
    data = {name: value for name, value in told.data.items() if name not in ("seq", "name")}
    return Event(told.name, data, seq=told.seq)  # type: ignore[arg-type]  # printed, never folded


def _measurement(data: Data) -> Event:
    records = [one["latency"] for one in data["measurements"]]
    return Event("measurement", {"purpose": data["purpose"], "measurements": records})


def _trial(data: Data) -> Event:
    if data["state"] == "failed":
        told = {"number": data["number"], "cause": data["cause"], "reason": data["error"], "attempts": data["attempts"]}
        return Event("failure", told)
    return Event("evaluation", {"number": data["number"], "metric": data["metric"]})


def _front(data: Data) -> Event:
    best = data["best"]
    points = [_point(one) for one in data["points"]]
    return Event("front", {"points": points, "best": None if best is None else _point(best)})


def _point(data: Data) -> dict[str, Any]:
    return {name: data[name] for name in ("plan", "metric", "latency_ms", "low_ms", "high_ms", "within", "measured")}


def _verify(data: Data) -> Event:
    return Event("verify", {"rank": data["rank"], "accepted": data["accepted"], "measurement": data["latency"]})


def _export(data: Data) -> Event:
    return Event("log", {"level": "info", "message": f"bundle of point {data['point']} is ready"})


def _progress(data: Data) -> Event:
    return Event("progress", {name: data[name] for name in ("phase", "done", "total", "rate", "eta_s")})


_SHAPES: Mapping[str, Callable[[Data], Event]] = MappingProxyType(
    {
        "state": lambda data: Event("state", {"state": data["state"], "message": data["message"]}),
        "prepared": lambda data: Event("prepared", {"device": data["device"]}),
        "measurement": _measurement,
        "model": lambda data: Event("latency_model", {"source": data["source"], "steers": data["steers"]}),
        "trial": _trial,
        "front": _front,
        "progress": _progress,
        "verify": _verify,
        "export": _export,
        "log": lambda data: Event("log", {"level": data["level"], "message": data["message"]}),
    }
)
