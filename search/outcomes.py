"""What comes of the evaluations of a search: which count, and when so many fail that going on is pointless."""

import math
from collections import Counter
from collections.abc import Sequence

from search.records import Evaluation, Failure

LEAST = 5
"""Trials that must have ended before a search may be given up."""

SHARE = 0.5
"""A search in which more than this share of the trials failed is given up (Ax's rule)."""


def checked(outcome: Evaluation | Failure, metric: str) -> Evaluation | Failure:
    """The outcome itself, or the failure it really is: without a finite `metric` a plan cannot be compared.

    There is no second attempt: equal plans give equal metrics.
    """
    if isinstance(outcome, Failure):
        return outcome
    if metric not in outcome.metrics:
        known = ", ".join(outcome.metrics) or "none at all"
        return Failure(outcome.plan, "error", f"the evaluation gave no {metric}; it gave {known}")
    broken = {name: value for name, value in outcome.metrics.items() if not math.isfinite(value)}
    if broken:
        shown = ", ".join(f"{name}={value}" for name, value in broken.items())
        return Failure(outcome.plan, "nan", f"metrics are not finite: {shown}")
    return outcome


def hopeless(ended: Sequence[Failure | None]) -> str | None:
    """Why a search is given up; None: it goes on.

    Args:
        ended: of each trial that ended, its failure; None where it succeeded.
    """
    failures = [failure for failure in ended if failure is not None]
    if len(ended) < LEAST or len(failures) <= SHARE * len(ended):
        return None
    (cause, times) = Counter(failure.cause for failure in failures).most_common(1)[0]
    example = next(failure for failure in failures if failure.cause == cause)
    return (
        f"{len(failures)} of {len(ended)} evaluations failed, most often by {cause} ({times} times), "
        f"such as {{{example.plan}}}: {example.reason}"
    )
