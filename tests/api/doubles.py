"""A dispatcher without searches, for tests of what stands around the routes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.api.support import AppClient, app_client, settings_for


class IdleStore:
    """A store that holds nothing and answers what the routes of the service itself ask."""

    def __init__(self) -> None:
        self.oldest: str | None = None

    def counts(self) -> dict[str, int]:
        return {"queued": 2, "running": 1}

    def oldest_queued_at(self) -> str | None:
        return self.oldest


class IdleDispatcher:
    """Ready, or not for the reasons in `faults`."""

    def __init__(self) -> None:
        self.store = IdleStore()
        self.faults: list[str] = []

    def problems(self) -> list[str]:
        return self.faults


@contextmanager
def idle_app(home: Path, headers: dict[str, str] | None = None, **settings: Any) -> Iterator[AppClient]:
    """The app around an `IdleDispatcher`, with two routes that tell what reached them."""
    with app_client(settings_for(home, **settings), IdleDispatcher(), headers=headers or {}) as client:
        client.app.add_api_route(
            "/probe", _probe, methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False
        )
        client.app.add_api_route("/raise/{what}", _raise, include_in_schema=False)
        yield client


async def _probe(body: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"body": body}


raising: dict[str, Exception] = {}
"""What GET /raise/{what} raises."""


def _raise(what: str) -> None:
    raise raising[what]
