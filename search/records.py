"""The records that cross processes and the store: what was asked (job), what happened (event), what was found."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, TypeAlias, get_args

from latency.setting import Setting
from models.plan import Plan
from search.budget import Budget
from search.errors import JobError
from search.labels import check_labels, check_text

State: TypeAlias = Literal[
    "queued", "preparing", "running", "paused", "cancelling",
    "succeeded", "stopped", "cancelled", "infeasible", "failed",
]  # fmt: skip
TERMINAL: frozenset[str] = frozenset({"succeeded", "stopped", "cancelled", "infeasible", "failed"})
EXIT_CODES: Mapping[str, int] = {"succeeded": 0, "stopped": 0, "infeasible": 3, "failed": 4, "cancelled": 5}
"""Exit code of a front door per terminal state; 2 is for requests that were refused before anything was stored."""

Kind: TypeAlias = Literal[
    "state", "prepared", "measurement", "latency_model", "ask", "evaluation", "front", "progress",
    "verify", "confirm", "export", "log", "end", "attempt", "failure", "condition",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)

WEEK_S = 7 * 24 * 3600.0

Cause: TypeAlias = Literal["crash", "timeout", "error", "nan", "memory"]
"""Why an evaluation failed: its process died, took too long, raised, gave no finite metric, or had no memory left."""
CAUSES: tuple[Cause, ...] = get_args(Cause)

Condition: TypeAlias = Literal["FloorMeasured", "ModelReady", "Verified", "Exported", "ExecutorLost", "StopRequested"]
CONDITIONS: tuple[Condition, ...] = get_args(Condition)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The accuracy of one plan on images of one split; it knows no device.

    Args:
        plan: canonical plan.
        images: images seen.
        split: "search", "confirm" or "report".
        metrics: by name, "bbox_mAP" and "segm_mAP" (and whatever else COCO says) in 0..100, NaN never.
        per_image: per-image statistics that racing and bootstrapping need, JSON values only; may be empty.
        seconds: time it took.
        data: digest of the images and annotations that were seen.
    """

    plan: Plan
    images: int
    split: str
    metrics: Mapping[str, float]
    per_image: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    data: str = ""

    def to_dict(self) -> dict[str, Any]:
        """A JSON object; `from_dict` gives an equal evaluation."""
        return {
            "plan": dict(self.plan),
            "images": self.images,
            "split": self.split,
            "metrics": dict(self.metrics),
            "per_image": dict(self.per_image),
            "seconds": self.seconds,
            "data": self.data,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Evaluation":
        """Read what `to_dict` wrote."""
        return cls(**{**data, "plan": Plan.of(data["plan"])})


@dataclass(frozen=True, slots=True)
class Failure:
    """A plan that could not be evaluated, for good.

    Args:
        plan: the plan.
        cause: why, in a word.
        reason: why, in a sentence for people.
        attempts: how often it was tried.
    """

    plan: Plan
    cause: Cause
    reason: str
    attempts: int = 1

    def to_dict(self) -> dict[str, Any]:
        """A JSON object; `from_dict` gives an equal failure."""
        return {"plan": dict(self.plan), "cause": self.cause, "reason": self.reason, "attempts": self.attempts}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Failure":
        """Read what `to_dict` wrote, or the data of a `failure` event."""
        return cls(Plan.of(data["plan"]), data["cause"], data["reason"], data["attempts"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One search request, complete: the same job and archive always ask for the same plans.

    Args:
        target: name of a target (`search.targets`).
        budget: latency window.
        setting: what is timed, and on which device.
        id: search id; given by the coordinator.
        sampler: one of `search.samplers.SAMPLERS`.
        seed: seed of the sampler and of the order of measurements.
        evaluations: accuracy evaluations the sampler may ask for (a ladder of six plans from dense to sparsest comes on
            top, and a quarter of them again each time that no finalist passed, at most twice); 0 answers from the
            ladder and the archive.
        batch: plans asked at once. Independent of `workers`, so that the answer is too.
        workers: evaluating processes.
        pool: "serial" (inside the runner) or "ray".
        metric: the metric to maximise.
        images: images of each split to use; None uses all.
        seconds: stop proposing after so long; None: no limit.
        finalists: candidates that may be verified by measurement.
        sessions: latency sessions per finalist.
        alpha: accepted risk that the answer is over budget.
        latency_model: `LatencyModel.to_dict()` of the same device; None: reuse a stored one or fit one.
        archive: whether earlier evaluations of the same target may serve as candidates.
        bundle: whether the answer is exported.
        output: folder of the bundle; None: below the state home.
        name: what its owner calls it; at most 200 printable characters, may be empty.
        labels: for finding it again: at most 32 pairs of a key of [a-z0-9_.-] (at most 64 characters) and a value of
            at most 200 printable characters.
        evaluation_timeout_s: an evaluation that takes longer is cut off and counts as failed.
    Raises:
        JobError: a field is out of range.
    """

    target: str
    budget: Budget
    setting: Setting
    id: str = ""
    sampler: str = "evolution"
    seed: int = 0
    evaluations: int = 64
    batch: int = 4
    workers: int = 1
    pool: Literal["serial", "ray"] = "serial"
    metric: str = "bbox_mAP"
    images: int | None = None
    seconds: float | None = None
    finalists: int = 6
    sessions: int = 2
    alpha: float = 0.01
    latency_model: Mapping[str, Any] | None = None
    archive: bool = True
    bundle: bool = True
    output: str | None = None
    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    evaluation_timeout_s: float = 1800.0

    def __post_init__(self) -> None:
        limits = {"evaluations": 0, "batch": 1, "workers": 1, "finalists": 1, "sessions": 1, "seed": 0, "images": 1}
        for name, least in limits.items():
            value = getattr(self, name)
            if name == "images" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**63:
                raise JobError(f"{name}={value!r} must be a whole number of at least {least}")
        if self.pool not in ("serial", "ray"):
            raise JobError(f"pool={self.pool!r} is unknown; choose serial or ray")
        if self.pool == "serial" and self.workers > 1:
            raise JobError(f"workers={self.workers} need pool='ray'; the serial pool has one worker")
        if not 0 < self.alpha < 0.5:
            raise JobError(f"alpha={self.alpha} must lie between 0 and 0.5; it is the risk to miss the budget")
        if self.seconds is not None and not (math.isfinite(self.seconds) and self.seconds > 0):
            raise JobError(f"seconds={self.seconds} must be a positive, finite time limit")
        if not isinstance(self.evaluation_timeout_s, int | float) or not 0 < self.evaluation_timeout_s <= WEEK_S:
            raise JobError(
                f"evaluation_timeout_s={self.evaluation_timeout_s!r} must be a positive number of seconds, "
                f"at most {WEEK_S:g} (a week)"
            )
        check_text("name", self.name)
        check_labels(self.labels)

    def with_id(self, id: str) -> "Job":
        """The same request under a search id."""
        return replace(self, id=id)

    def to_dict(self) -> dict[str, Any]:
        """A JSON object; `from_dict` gives an equal job."""
        plain = {name.name: getattr(self, name.name) for name in fields(self)}
        return {
            **plain,
            "budget": self.budget.to_dict(),
            "setting": self.setting.to_dict(),
            "labels": dict(self.labels),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Job":
        """Read what `to_dict` wrote, also before the newest fields were added."""
        budget, setting = Budget.from_dict(data["budget"]), Setting.from_dict(data["setting"])
        return cls(**{**data, "budget": budget, "setting": setting})


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a search. The store numbers events; what has no number yet has seq 0.

    `key` names a step that is done once per search ("evaluate:{plan}", "model", ...): a resumed search reads the
    step's `data` instead of doing it again. Passing remarks (progress, log) have no key.

    Data by kind (plans are JSON objects, times are ms, all of it JSON):
        state          state, message
        prepared       space (JSON text of `Space`), plans, device (fingerprint), device_key, simulated
        measurement    purpose ("ends" | "design" | "verify"), session, device_key,
                       measurements [`Measurement.to_dict()`]
        latency_model  source ("given" | "stored" | "fitted"), model (`LatencyModel.to_dict()`), gates,
                       device_key, steers
        ask            round, plans, numbers (of the trials, as in evaluation and failure)
        evaluation     number, evaluation (`Evaluation.to_dict()`), metric, latency_ms, excess,
                       origin ("new" | "archive"), attempts
        attempt        split, plan, attempt (1, 2, ...), state ("started" | "failed" | "released" | "lost"),
                       cause and reason (null when started). A `started` one without another is running inside the
                       runner; the evaluating processes of Ray tell only of those that failed.
        failure        number, plan, cause (`Cause`), reason, attempts; under the key that its evaluation would have
        condition      type (`Condition`), status (a boolean), reason (a-word-or-two), message
        front          round, points [`Point.to_dict()`], best (a point or null), evaluated, total
        progress       phase ("measure" | "evaluate" | "verify" | "confirm"), done, total,
                       rate (1/s or null), eta_s (or null)
        verify         rank, plan, accepted, decision, measurement (the last session's record)
        confirm        plan, metrics, dense (metrics), images, evaluations
        export         path, zip, plan
        log            level, message
        end            state, message, answer (`Answer.to_dict()` or null)
    """

    kind: Kind
    data: Mapping[str, Any]
    key: str | None = None
    seq: int = 0

    def to_dict(self) -> dict[str, Any]:
        """A JSON object; `from_dict` gives an equal event."""
        return {"seq": self.seq, "kind": self.kind, "key": self.key, "data": dict(self.data)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Event":
        """Read what `to_dict` wrote."""
        return cls(data["kind"], data["data"], data.get("key"), data.get("seq", 0))


@dataclass(frozen=True, slots=True)
class Point:
    """A plan on the accuracy-latency plane.

    Args:
        plan: the plan.
        metric: the job's metric on the search split.
        latency_ms: predicted by the latency model, or measured.
        low_ms: lower end of its 95 % interval.
        high_ms: upper end.
        within: P(latency <= max_ms).
        measured: whether the latency was measured for this very plan.
    """

    plan: Plan
    metric: float
    latency_ms: float
    low_ms: float
    high_ms: float
    within: float
    measured: bool = False

    def to_dict(self) -> dict[str, Any]:
        """A JSON object; `from_dict` gives an equal point."""
        return {**{name: value for name, value in asdict(self).items() if name != "plan"}, "plan": dict(self.plan)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Point":
        """Read what `to_dict` wrote."""
        return cls(**{**data, "plan": Plan.of(data["plan"])})
