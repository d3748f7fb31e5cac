"""Calibration: what a plan leaves open, settled on images without labels before anything is searched or exported."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

from torch import Tensor

from models.plan import Plan, Value

Tell: TypeAlias = Callable[[str], None]
"""Told in a line how far it is."""


@runtime_checkable
class Calibrates(Protocol):
    """A backbone whose plans have knobs that images should settle."""

    def calibrated(self, plan: Mapping[str, Value], batches: Sequence[Tensor], tell: Tell) -> Plan:
        """The plan with those knobs set.

        Args:
            plan: what is asked for.
            batches: some hundred images (batch, 3, height, width), or clips (batch, 3, frames, height, width).
            tell: told of progress.
        Raises:
            PlanError, InputError: nothing of this plan can be calibrated, or there are no images.
        """
        ...
