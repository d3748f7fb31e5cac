"""The body of a search request. Two fields are required; the target has defaults for the rest."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, ValidationInfo, field_validator

from api.schemas.base import Asked
from search.errors import JobError
from search.labels import LONGEST, MOST, check_labels, check_text

Milliseconds: TypeAlias = Annotated[float, Field(ge=1e-3, le=1e6)]
Preset: TypeAlias = Literal["quick", "normal", "thorough"]
SamplerName: TypeAlias = Literal["evolution", "evolution-published", "exhaustive", "gp", "nsga2", "random", "tpe"]

PRESETS: Mapping[Preset, int] = {"quick": 16, "normal": 64, "thorough": 256}
"""Accuracy evaluations of each preset; a ladder of up to six plans from dense to sparsest comes on top."""


class SettingRequest(Asked):
    """What is timed. Fields that are left out take the target's defaults."""

    scope: Literal["backbone", "model"] | None = None
    """The backbone alone, or the whole model from images to raw head outputs."""
    batch: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Images per forward."""
    img_size: (
        Annotated[list[Annotated[int, Field(ge=32, le=8192, multiple_of=4)]], Field(min_length=2, max_length=2)] | None
    ) = None
    """[height, width] in pixels; whole patches of 4 pixels."""
    dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    """Precision of weights and activations."""
    runtime: Literal["eager", "compile", "graph"] = "eager"
    """Eager, torch.compile, or a replayed CUDA graph."""
    device: Annotated[str, Field(pattern=r"^(cpu|cuda:[0-9]{1,2}|sim:[0-9]{1,9})$")] | None = None
    """cpu, cuda:0, or sim:0 for a simulated device."""
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """CPU threads per forward; null: torch's own choice."""


class EffortRequest(Asked):
    """How much work the search may do."""

    preset: Preset = "normal"
    """Accuracy evaluations: quick 16, normal 64, thorough 256. `evaluations` overrides it."""
    evaluations: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Plans whose accuracy may be evaluated; a ladder of up to six plans comes on top."""
    seconds: Annotated[float, Field(gt=0, le=604_800)] | None = None
    """Stop proposing after so long; null: no limit."""
    images: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """Images per evaluation; null: all."""
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Evaluating processes; more than one run on Ray."""
    evaluation_timeout_s: Annotated[float, Field(gt=0, le=604_800)] = 1800.0
    """An evaluation that takes longer is cut off and tried again, three times in all."""


class SearchRequest(Asked):
    """Ask for the plan with the best accuracy inside a latency budget."""

    target: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    """What to search; see `GET /v1/targets`."""
    max_ms: Milliseconds
    """The budget: a plan must not take longer, in ms."""
    min_ms: Milliseconds | None = None
    """A plan shall not be faster either, in ms; below `max_ms`."""
    stat: Literal["median", "p90", "p95", "p99"] = "median"
    """What the bounds are on: the median, or a percentile of single forwards."""
    setting: SettingRequest = SettingRequest()
    effort: EffortRequest = EffortRequest()
    sampler: SamplerName = "evolution"
    """Who proposes the plans."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Seed of everything random."""
    name: Annotated[str, Field(max_length=LONGEST)] = ""
    """What you call it: one printable line."""
    labels: Annotated[dict[str, str], Field(max_length=MOST, default_factory=dict)]
    """For finding it again: keys of a-z, 0-9, _ . and -, values of one printable line."""

    @field_validator("min_ms")
    @classmethod
    def _below_max(cls, value: float | None, info: ValidationInfo) -> float | None:
        limit = info.data.get("max_ms")
        if value is not None and limit is not None and value >= limit:
            raise ValueError(f"min_ms={value:g} must be below max_ms={limit:g}")
        return value

    @field_validator("name")
    @classmethod
    def _printable(cls, value: str) -> str:
        try:
            check_text("name", value)
        except JobError as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("labels")
    @classmethod
    def _short(cls, value: dict[str, str]) -> dict[str, str]:
        try:
            check_labels(value)
        except JobError as error:
            raise ValueError(str(error)) from None
        return value

    @property
    def evaluations(self) -> int:
        """Accuracy evaluations that the effort stands for."""
        return self.effort.evaluations or PRESETS[self.effort.preset]
