"""The life of a search in the service: which action may be taken in which state.

queued -> preparing -> running -> succeeded | infeasible | failed
  any of these -> paused -> queued        any of these -> cancelling -> cancelled        stop: running -> stopped
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

from search.errors import StateConflict
from search.records import TERMINAL

Action: TypeAlias = Literal["cancel", "pause", "resume", "stop", "delete"]

POSSIBLE: Mapping[Action, frozenset[str]] = MappingProxyType(
    {
        "cancel": frozenset({"queued", "preparing", "running", "paused"}),
        "pause": frozenset({"queued", "preparing", "running"}),
        "resume": frozenset({"paused", "cancelled", "failed"}),
        "stop": frozenset({"queued", "preparing", "running", "paused"}),
        "delete": TERMINAL,
    }
)
"""The states from which each action can be taken."""

DONE: Mapping[Action, frozenset[str]] = MappingProxyType(
    {
        "cancel": frozenset({"cancelled", "cancelling"}),
        "pause": frozenset({"paused"}),
        "resume": frozenset({"queued", "preparing", "running"}),
        "stop": frozenset({"stopped"}),
        "delete": frozenset(),
    }
)
"""The states in which an action has nothing left to do."""


def done_already(action: Action, state: str) -> bool:
    """Whether a search in `state` already is where `action` leads.

    Raises:
        StateConflict: the action is not possible there; names the states in which it is.
    """
    if state in DONE[action]:
        return True
    if state not in POSSIBLE[action]:
        raise StateConflict(state, POSSIBLE[action])
    return False
