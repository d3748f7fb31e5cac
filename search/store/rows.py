"""What the store hands out: one frozen record per row, and pages of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from models.plan import Plan, Value
from search.answer import Answer, Outcome
from search.records import TERMINAL, Job

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class SearchRow:
    """A stored search.

    Args:
        id: search id.
        created_at: ISO 8601, UTC.
        updated_at: ISO 8601, UTC; when its state last changed.
        state: one of `search.records.State`.
        message: one line about the state.
        target_digest: key of the archive it reads and feeds.
        attempts: runner processes started so far.
        job: the request.
        answer: the answer; None before there is one.
        evaluations_upto: newest archived evaluation that the search may use.
        models_upto: newest latency model that it may use.
        name: what its owner calls it; may be empty.
        labels: for finding it again.
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
    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def terminal(self) -> bool:
        """Whether nothing will happen any more unless it is resumed."""
        return self.state in TERMINAL

    @property
    def outcome(self) -> Outcome:
        """How it ended (of a terminal search)."""
        return Outcome(self.id, self.state, self.message, self.answer)


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One evaluation that a search asked for.

    Args:
        search_id: the search.
        number: from 0, in the order of asking.
        plan: what is evaluated.
        state: "running" (asked for), "done" or "failed" (for good).
        metric: the job's metric; None unless done. So are all but `asked_at` of a running trial.
        metrics: every metric by name.
        latency_ms: forecast of the budget's statistic.
        low_ms: lower end of its 95 % band, where known.
        high_ms: upper end.
        within: P(latency <= max_ms), where known.
        excess: how far over the budget, as a share of it; <= 0: probably within.
        origin: "new" or "archive".
        images: images seen.
        seconds: time the evaluation took.
        attempts: how often it was tried.
        cause: why it failed, in a word (`search.records.Cause`).
        error: why, in a sentence.
        asked_at: ISO 8601, UTC; of plans that no sampler asked for, when they ended.
        ended_at: ISO 8601, UTC.
    """

    search_id: str
    number: int
    plan: Plan
    state: str
    metric: float | None = None
    metrics: Mapping[str, float] | None = None
    latency_ms: float | None = None
    low_ms: float | None = None
    high_ms: float | None = None
    within: float | None = None
    excess: float | None = None
    origin: str | None = None
    images: int | None = None
    seconds: float | None = None
    attempts: int = 0
    cause: str | None = None
    error: str | None = None
    asked_at: str = ""
    ended_at: str | None = None

    @property
    def feasible(self) -> bool | None:
        """Whether it is probably within the budget; None: nothing is known."""
        return None if self.excess is None else self.excess <= 0


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it stands in the log of its search.

    Args:
        seq: its number in the search, from 1, without gaps.
        at: when it was committed, ISO 8601, UTC.
        kind: one of `search.records.Kind`.
        key: the step it is, if it is one.
        data: by kind, as `search.records.Event` says.
    """

    seq: int
    at: str
    kind: str
    key: str | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """An uploaded checkpoint.

    Args:
        id: made from the digest, so that equal bytes have one id.
        sha256: of the file, 64 hexadecimal digits.
        name: what its owner calls it.
        bytes: size of the file.
        tensors: tensors in it.
        created_at: ISO 8601, UTC.
    """

    id: str
    sha256: str
    name: str
    bytes: int
    tensors: int
    created_at: str


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """Some rows of a long list.

    Args:
        rows: at most as many as were asked for.
        after: where the next page begins; None: there is none.
    """

    rows: tuple[R, ...]
    after: tuple[Any, ...] | None


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """What makes a request happen once, however often it is sent.

    Args:
        key: chosen by the client; only its hash is stored.
        fingerprint: of the request; another request must not come with the same key.
    """

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Created:
    """A search that a request made.

    Args:
        row: the search.
        replayed: whether an earlier request with the same key made it.
    """

    row: SearchRow
    replayed: bool


def plan_key(plan: Mapping[str, Value]) -> str:
    """The text that identifies a plan in the store, whatever the order of its knobs."""
    return json.dumps(dict(sorted(plan.items())))


def pack(data: Mapping[str, Any]) -> str:
    """A JSON column; NaN and infinity are refused, other readers of the file could not parse them."""
    return json.dumps(dict(data), allow_nan=False, separators=(",", ":"))


def plain(text: str) -> str:
    """A text that every database takes: NUL and lone surrogates, which PostgreSQL refuses, are replaced."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
