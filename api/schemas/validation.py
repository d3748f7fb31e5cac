"""The answer of a dry run."""

from api.schemas.base import Told


class Validation(Told):
    """What is known about a request before it is sent."""

    feasible: bool | None
    """Whether some plan meets the budget, by earlier measurements; null: not known yet."""
    floor_ms: float | None
    """Latency of the sparsest plan."""
    dense_ms: float | None
    """Latency of the dense plan."""
    space_size: int | None
    """Plans in the space."""
    feasible_estimate: int | None
    """About so many of them are forecast to be within the budget."""
    eta_s: float | None
    """Seconds that the search would take, from earlier ones."""
    warnings: list[str]
    """What is not known yet, and how it becomes known; and what is doubtful."""
