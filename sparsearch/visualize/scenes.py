"""A subject under several plans."""

from collections.abc import Sequence
from dataclasses import replace

from sparsearch.visualize.plans import Asked
from sparsearch.visualize.records import Scene, last_of_each_stage
from sparsearch.visualize.subject import Subject


def look(subject: Subject, asked: Sequence[Asked], name: str, all_blocks: bool, threshold: float) -> Scene:
    """Run every plan; all of them are checked before the first one runs.

    Args:
        subject: model and image.
        asked: plans.
        name: of the image.
        all_blocks: keep every map; otherwise the last one of each stage.
        threshold: least score of a detection.
    Raises:
        PlanError: the backbone cannot run a plan.
    """
    plans = [subject.plan(one) for one in asked]
    rows = [subject.see(words, plan, threshold) for words, plan in plans]
    if not all_blocks:
        rows = [replace(row, maps=last_of_each_stage(row.maps)) for row in rows]
    return Scene(name, subject.frames(), tuple(rows), threshold, not all_blocks, subject.clip, subject.several)
