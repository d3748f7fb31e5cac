"""A stop that was asked for is remembered in the store, so that it outlives the process that was told."""

from search.records import Event
from search.store.store import Store

STOP_REQUESTED = "StopRequested"
"""Type of the condition."""


def stop_requested(store: Store, search_id: str) -> bool:
    """Whether a search shall stop proposing and answer."""
    wanted = False
    for event in store.stored_events(search_id, 0, None, kinds=("condition",)):
        if event.data["type"] == STOP_REQUESTED:
            wanted = bool(event.data["status"])
    return wanted


def request_stop(store: Store, search_id: str, wanted: bool) -> None:
    """Remember that a search shall stop, or (when it is resumed) that it shall not any more."""
    if wanted != stop_requested(store, search_id):
        data = {"type": STOP_REQUESTED, "status": wanted, "reason": "requested", "message": ""}
        store.append(search_id, [Event("condition", data)])
