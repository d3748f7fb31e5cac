"""What went wrong with an evaluation, in a word and a sentence, and whether trying again could help."""

from dataclasses import dataclass
from pathlib import Path

from search.errors import EvaluationError, NotFiniteError
from search.records import Cause


@dataclass(frozen=True, slots=True)
class Mishap:
    """One attempt that failed.

    Args:
        cause: in a word.
        reason: in a sentence.
        final: whether another attempt would fail alike.
    """

    cause: Cause
    reason: str
    final: bool = False


def mishap(error: BaseException) -> Mishap:
    """What an exception of an evaluator means.

    ==================  ======  =========================================================================
    exception           cause   tried again
    ==================  ======  =========================================================================
    `NotFiniteError`    nan     no: equal plans give equal metrics
    `EvaluationError`   error   no: it was raised on purpose, about the plan
    out of memory       memory  yes: others may have taken it
    any other           error   yes: libraries raise for reasons of the moment (a full disk, a driver)
    ==================  ======  =========================================================================
    """
    text = f"{type(error).__name__}: {error}".strip(": ").replace("\n", " ")[:500]
    if isinstance(error, NotFiniteError):
        return Mishap("nan", str(error), final=True)
    if isinstance(error, EvaluationError):
        return Mishap("error", str(error), final=True)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's
        return Mishap("memory", text)
    return Mishap("error", text)


def too_slow(timeout_s: float) -> Mishap:
    """An evaluation that was cut off."""
    return Mishap("timeout", f"it took longer than {timeout_s:g} s and was cut off; see evaluation_timeout_s")


def died(what: str, starved: bool, details: str = "") -> Mishap:
    """A process that ended in the middle of an evaluation.

    Args:
        what: "its worker died", ...
        starved: whether memory ran out meanwhile.
        details: whatever else is known.
    """
    more = f" ({details})" if details else ""
    if starved:
        return Mishap("memory", f"{what}: the machine ran out of memory{more}; use fewer workers or smaller images")
    return Mishap("crash", f"{what}{more}")


def oom_kills() -> int:
    """Processes that the kernel has killed on this machine, since it started, because memory ran out."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
