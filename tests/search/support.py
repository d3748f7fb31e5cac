"""Doubles and makers shared by the tests of `search`."""

from pathlib import Path
from typing import Any

from latency.record import BlockSample, Device, Measurement
from latency.setting import Setting
from models.plan import Plan
from models.sparsevit_geometry import Geometry
from search.budget import Budget
from search.records import Evaluation, Event, Job

GEOMETRY = Geometry(96, (2, 2, 6, 2))
SIZE = (672, 672)
SPACE = GEOMETRY.space(SIZE)
SETTING = Setting(device="sim:0", input_size=SIZE, batch=4)
DEVICE = Device("d" * 64, "a device of tests (simulated)")


def job(max_ms: float = 30.0, **changes: Any) -> Job:
    """A small simulated search."""
    fields: dict[str, Any] = {"target": "synthetic-swin-t", "setting": SETTING, "evaluations": 12, **changes}
    return Job(**{"budget": Budget(max_ms), **fields})


def measurement(plan: Plan, ms: float, spread: float = 0.002, blocks: int = 8) -> Measurement:
    """A record whose median is `ms`, with block ratios that scatter evenly by `spread`."""
    ratios = [ms / 30.0 * (1 + spread * (2 * place / (blocks - 1) - 1)) for place in range(blocks)]
    made = tuple(BlockSample((30.0 * ratio,) * 4, ratio, float(place)) for place, ratio in enumerate(ratios))
    return Measurement(plan, SETTING, DEVICE, SPACE.dense, made, reference_ms=30.0)


def evaluation(plan: Plan, box: float, split: str = "search", data: str = "e" * 64) -> Evaluation:
    """A record of one accuracy."""
    return Evaluation(plan, 10, split, {"bbox_mAP": box, "segm_mAP": box - 1}, seconds=0.5, data=data)


def evaluation_event(number: int, plan: Plan, box: float) -> Event:
    """The event of an evaluation as the flow emits it."""
    return Event(
        "evaluation",
        {
            "number": number,
            "evaluation": evaluation(plan, box).to_dict(),
            "metric": box,
            "latency_ms": 20.0 + number,
            "excess": -0.1,
            "origin": "new",
        },
        f"evaluate:{number}",
    )


def measurement_event(session: str, *records: Measurement) -> Event:
    """The event of a latency session as the flow emits it."""
    return Event(
        "measurement",
        {
            "purpose": session.partition(":")[0],
            "session": session,
            "device_key": DEVICE.key,
            "measurements": [record.to_dict() for record in records],
        },
        f"measure:{session}",
    )


def lines(path: Path) -> list[str]:
    """The lines of a file that may not exist."""
    return path.read_text().splitlines() if path.exists() else []
