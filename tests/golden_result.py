"""What a parity check yields."""

from typing import NamedTuple


class GoldenResult(NamedTuple):
    """One compared quantity: the largest absolute difference beside what is allowed."""

    case: str
    difference: float
    tolerance: float
