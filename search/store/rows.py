"""What the store hands out: one frozen record per row of `searches`, and the keys of JSON columns."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.plan import Value
from search.answer import Answer, Outcome
from search.records import TERMINAL, Job


@dataclass(frozen=True, slots=True)
class SearchRow:
    """A stored search.

    Args:
        id: search id.
        created_at: ISO 8601, UTC.
        updated_at: ISO 8601, UTC.
        state: one of `search.records.State`.
        message: one line about the state.
        target_digest: key of the archive it reads and feeds.
        attempts: runner processes started so far.
        job: the request.
        answer: the answer; None before there is one.
        evaluations_upto: newest archived evaluation that the search may use.
        models_upto: newest latency model that it may use.
    """

    id: str
    created_at: str
    updated_at: str
    state: str
    message: str
    target_digest: str
    attempts: int
    job: Job
    answer: Answer | None
    evaluations_upto: int
    models_upto: int

    @property
    def terminal(self) -> bool:
        """Whether nothing will happen any more unless it is resumed."""
        return self.state in TERMINAL

    @property
    def outcome(self) -> Outcome:
        """How it ended (of a terminal search)."""
        return Outcome(self.id, self.state, self.message, self.answer)


def plan_key(plan: Mapping[str, Value]) -> str:
    """The text that identifies a plan in the store, whatever the order of its knobs."""
    return json.dumps(dict(sorted(plan.items())))


def pack(data: Mapping[str, Any]) -> str:
    """A JSON column; NaN and infinity are refused, other readers of the file could not parse them."""
    return json.dumps(data, allow_nan=False, separators=(",", ":"))
