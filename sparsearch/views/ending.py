"""How a search ended, as the last words tell it: read from the store, or from a service."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.plan import Plan
from search.answer import Outcome
from search.records import EXIT_CODES
from sparsearch.client.records import Front, Latency, Search
from sparsearch.views.timed import Timed, Told

Scores = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What there is to say about an answer; see `search.answer.Answer`."""

    floor: Timed | None
    dense: Timed | None
    dense_fits: bool
    plan: Plan | None
    nearest: Plan | None
    latency: Timed | None
    upper_ms: float | None
    metrics: Scores | None
    confirmed: Scores | None
    dense_metrics: Scores | None
    dense_confirmed: Scores | None
    front: int
    evaluated: int
    reused: int
    simulated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The end of a search.

    Args:
        id, state, message: as stored.
        found: the answer, if there is one.
        bundle: where it lies.
        steps: commands to go on with.
        data: all of it, for programs.
    """

    id: str
    state: str
    message: str
    found: Found | None
    bundle: str | None = None
    steps: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """See `search.records.EXIT_CODES`; a state of a newer service counts as failed."""
        return EXIT_CODES.get(self.state, 4)

    @classmethod
    def of(cls, outcome: Outcome) -> "Ending":
        """The end of a search that ran here."""
        answer = outcome.answer
        data = {
            "id": outcome.id,
            "state": outcome.state,
            "message": outcome.message,
            "answer": None if answer is None else answer.to_dict(),
        }
        if answer is None:
            return cls(id=outcome.id, state=outcome.state, message=outcome.message, found=None, data=data)
        found = Found(
            floor=answer.floor,
            dense=answer.dense,
            dense_fits=answer.dense_fits,
            plan=answer.plan,
            nearest=answer.nearest,
            latency=answer.latency,
            upper_ms=(answer.decision or {}).get("upper_ms"),
            metrics=answer.metrics,
            confirmed=answer.confirmed,
            dense_metrics=answer.dense_metrics,
            dense_confirmed=answer.dense_confirmed,
            front=len(answer.front),
            evaluated=answer.evaluated,
            reused=answer.reused,
            simulated=answer.simulated,
        )
        return cls(
            id=outcome.id,
            state=outcome.state,
            message=outcome.message,
            found=found,
            bundle=answer.bundle,
            steps=_local_steps(answer.bundle),
            data=data,
        )

    @classmethod
    def of_service(cls, search: Search, front: Front | None, data: Mapping[str, Any]) -> "Ending":
        """The end of a search that ran in a service.

        Args:
            search: as it rests there.
            front: its front, if it has an answer.
            data: what the service said, for programs.
        """
        answer = search.answer
        if answer is None:
            return cls(id=search.id, state=search.state, message=search.message, found=None, data=data)
        found = Found(
            floor=_told(search.floor),
            dense=_told(search.dense),
            dense_fits=bool(answer.dense_fits),
            plan=None if answer.plan is None else Plan.of(answer.plan),
            nearest=None if answer.nearest is None else Plan.of(answer.nearest),
            latency=_told(answer.latency),
            upper_ms=answer.upper_ms,
            metrics=answer.metrics,
            confirmed=answer.confirmed,
            dense_metrics=answer.dense_metrics,
            dense_confirmed=answer.dense_confirmed,
            front=0 if front is None else len(front.points),
            evaluated=search.trials.done,
            reused=search.trials.reused,
            simulated=bool(search.simulated),
        )
        steps = () if answer.plan is None else (f"sparsearch export {search.id}",)
        return cls(id=search.id, state=search.state, message=search.message, found=found, steps=steps, data=data)


def _local_steps(bundle: str | None) -> tuple[str, ...]:
    if bundle is None:
        return ()
    trains = (Path(bundle) / "finetune.py").is_file()
    return (f"sparsearch verify {bundle}", *((f"sparsearch train {bundle}/finetune.py",) if trains else ()))


def _told(latency: Latency | None) -> Timed | None:
    return None if latency is None else Told.of(latency.ms, latency.low_ms, latency.high_ms)
