"""The rig: a target set up on a device, ready to be timed and evaluated. The flow knows nothing else of the world."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from latency.predictor import LatencyModel
from latency.record import Measurement
from models.plan import Plan
from models.space import Space
from models.work import Work
from search.errors import TargetError
from search.pools import Pool
from search.records import Job
from search.targets import Target


@dataclass(frozen=True, slots=True)
class Scale:
    """What a millisecond is on a device: the long-run latency of the reference plan. Sessions measure ratios to it.

    Args:
        reference: the reference plan.
        reference_ms: its latency.
        reference_se: relative standard error of that.
    """

    reference: Plan
    reference_ms: float
    reference_se: float

    @classmethod
    def of(cls, source: Measurement | LatencyModel) -> "Scale":
        """The scale that a record or a model was made with."""
        return cls(source.reference, source.reference_ms, source.reference_se)


class Rig(Protocol):
    """A target on a device."""

    @property
    def space(self) -> Space:
        """The legal plans at the setting's input size."""
        ...

    @property
    def simulated(self) -> bool:
        """Whether latency or accuracy is simulated."""
        ...

    @property
    def device(self) -> dict[str, Any]:
        """Fingerprint of machine and setting, as JSON."""
        ...

    @property
    def device_key(self) -> str:
        """Hash of the fingerprint's key: latencies with unlike keys never mix."""
        ...

    @property
    def reference(self) -> Plan:
        """The plan that every session compares with."""
        ...

    def work(self, plan: Plan) -> Work:
        """Kept windows and MACs per block."""
        ...

    def measure(
        self, plans: Sequence[Plan], session: str, precise: bool, scale: Scale | None, tick: Callable[[int], None]
    ) -> list[Measurement]:
        """Time plans in one fresh, interleaved session on the locked device.

        Args:
            plans: what to time.
            session: its name; with the job's seed it seeds everything random in the session.
            precise: whether to use the narrower stopping rule of finalists.
            scale: of an earlier session on this device; None: this session's own.
            tick: told how many plans are finished.
        Returns:
            One measurement per plan, in the order of `plans`.
        """
        ...

    def pool(self) -> Pool:
        """The evaluating workers, started when first called."""
        ...

    def close(self) -> None:
        """Stop the workers and free the device."""
        ...


def set_up(job: Job, target: Target) -> Rig:
    """The rig of a job. Imports torch and mmdet only when the target needs them.

    Raises:
        TargetError: the target cannot be set up; names the file and the remedy.
    """
    if target.kind == "synthetic":
        if not job.setting.device.startswith("sim:"):
            raise TargetError(
                f"target {target.name} is simulated and runs on simulated devices only; use --device sim:0 "
                f"(got {job.setting.device!r})"
            )
        from search.rigs.synthetic import SyntheticRig

        return SyntheticRig(job, target)
    from search.rigs.model import ModelRig

    return ModelRig(job, target)
