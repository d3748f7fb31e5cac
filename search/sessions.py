"""Latency sessions as journaled steps: a finished one is never measured again, an unfinished one starts afresh."""

import time
from collections.abc import Sequence

from latency.record import Measurement
from models.plan import Plan
from search.journal import Journal
from search.progress import Progress
from search.records import Job
from search.rig import Rig, Scale


def measure(
    job: Job,
    rig: Rig,
    journal: Journal,
    session: str,
    plans: Sequence[Plan],
    precise: bool = False,
    scale: Scale | None = None,
) -> list[Measurement]:
    """Measure plans in one interleaved session.

    Args:
        session: its name, unique in the search: "ends", "design", "verify:1:2", ...; the part before the first
            colon is stored as the purpose.
        precise: whether to use the narrower stopping rule of finalists.
        scale: of an earlier session on this device.
    Returns:
        One measurement per plan, in the order of `plans`.
    """
    purpose = session.partition(":")[0]

    def compute() -> dict[str, object]:
        progress = Progress(journal, "verify" if precise else "measure", len(plans), time.monotonic)
        measured = rig.measure(plans, session, precise, scale, progress.at)
        return {
            "purpose": purpose,
            "session": session,
            "device_key": rig.device_key,
            "measurements": [measurement.to_dict() for measurement in measured],
        }

    data = journal.step("measurement", f"measure:{session}", compute)
    return [Measurement.from_dict(record) for record in data["measurements"]]
