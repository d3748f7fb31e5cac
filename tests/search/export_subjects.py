"""Invented answers for tests of the bundle."""

from dataclasses import replace

from models.plan import Plan
from models.space import Knob, Space
from search.budget import Budget
from search.export.subject import Confirmation, Point, Subject, Timing

RATIOS = tuple(i / 10 for i in range(9))
SPACE = Space(
    tuple(Knob(name, RATIOS) for name in ("stage0", "stage1", "stage2_1", "stage2_2", "stage2_3", "stage3")),
    (("stage2_1", "stage2_2", "stage2_3"),),
    (672, 672),
)


def timing(median_ms: float, measured: bool = True) -> Timing:
    """A latency of 100 samples around a median, its upper bound 1 % above."""
    if not measured:
        return Timing(median_ms, median_ms * 0.97, median_ms * 1.03, False)
    samples = tuple(median_ms * (1 + (i - 50) / 2000) for i in range(100))
    return Timing(
        median_ms, median_ms * 0.995, median_ms * 1.005, True, max(samples), max(samples), median_ms * 1.01, samples
    )


def point(median_ms: float, box: float, measured: bool = True, **ratios: float) -> Point:
    """A plan with its latency and accuracy on 500 images."""
    metrics = {"bbox_mAP": box, "segm_mAP": 0.9 * box}
    return Point(SPACE.plan(ratios), timing(median_ms, measured), metrics, 500)


def subject(**changes: object) -> Subject:
    """The answer of a simulated search."""
    chosen = point(33.0, 41.5, stage0=0.6, stage2_2=0.2, stage2_3=0.4)
    dense = point(47.8, 42.6)
    floor = Point(SPACE.sparsest, timing(12.0))
    made = Subject(
        search="20261121-101500-abcd",
        created="2026-11-21T10:20:00+00:00",
        target="synthetic-swin-t",
        kind="synthetic",
        config=None,
        checkpoint=None,
        job={"sampler": "evolution", "seed": 0},
        space=SPACE,
        budget=Budget(35.0),
        device={"name": "simulated device"},
        setting={"scope": "backbone", "batch": 4, "input_size": [672, 672], "dtype": "float32", "device": "sim:0"},
        chosen=chosen,
        dense=dense,
        floor=floor,
        front=(point(20.0, 37.0, False, stage0=0.8, stage3=0.5), chosen, point(40.0, 42.4, False, stage0=0.3), dense),
        confirmed=Confirmation({"bbox_mAP": 41.1, "segm_mAP": 37.0}, 300, "confirm"),
        confirmed_dense=Confirmation({"bbox_mAP": 42.3, "segm_mAP": 38.1}, 300, "confirm"),
        probability=0.999,
        measured=48,
        evaluated=64,
        simulated=True,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


PLAN = Plan.of({"stage0": 0.6})
