"""What a backbone makes of a checkpoint file before it is loaded strictly."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Fitted:
    """The entries of a file under a backbone's own names.

    Args:
        state: what is to be loaded; what does not fit is left in, for strict loading to complain about.
        ignored: names in the file that belong to other parts or follow from the model's sizes.
        optional: names of the backbone that the file may lack, and that then keep their values.
    """

    state: dict[str, Tensor]
    ignored: tuple[str, ...] = ()
    optional: frozenset[str] = frozenset()


@runtime_checkable
class FitsCheckpoints(Protocol):
    """A backbone that knows other layouts than its own."""

    def fit_checkpoint(self, state: Mapping[str, Tensor]) -> Fitted:
        """Convert the entries of a file.

        Raises:
            CheckpointError: the file cannot belong to this backbone.
        """
        ...
