"""A small backbone on paper, and records of invented blocks."""

import random
from collections.abc import Callable, Sequence

from latency.record import BlockSample, Device, Measurement
from latency.setting import Setting
from latency.timer import Block
from models.plan import Plan
from models.work import BlockWork, Work

STAGES = (("a", 160, 1.0), ("b", 80, 1.5), ("c", 40, 2.0), ("d", 16, 1.0))
"""Knob, windows, MACs when dense."""

RATIOS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
DENSE = Plan.of({name: 0.0 for name, _, _ in STAGES})
REFERENCE = Plan.of({name: 0.4 for name, _, _ in STAGES})
SETTING = Setting(device="sim:0")
DEVICE = Device("key", "simulated")


def paper_work(plan: Plan) -> Work:
    """Work of the backbone on paper: one block per stage, each with a knob."""
    blocks = []
    for stage, (name, total, macs) in enumerate(STAGES):
        ratio = float(plan.get(name, 0.0))
        kept = int(total * (1 - ratio))
        blocks.append(BlockWork(stage, kept, total, macs * kept / total, ratio > 0))
    return Work(tuple(blocks), 0.5)


def random_plan(rng: random.Random) -> Plan:
    return Plan.of({name: rng.choice(RATIOS) for name, _, _ in STAGES})


def record(ratios: Sequence[float], reference_ms: float = 10.0, **fields: object) -> Measurement:
    """A measurement of blocks of three equal forwards."""
    blocks = tuple(BlockSample((ratio * 10.0,) * 3, ratio, float(place)) for place, ratio in enumerate(ratios))
    values = {"plan": DENSE, "setting": SETTING, "device": DEVICE, "reference": REFERENCE, "blocks": blocks}
    return Measurement(**{**values, "reference_ms": reference_ms, **fields})  # type: ignore[arg-type]


class ScriptedTimer:
    """A timer whose forwards take what a function of plan and time says; the clock moves by exactly that.

    Args:
        latency: milliseconds of one forward of a plan at a time in seconds.
        flags: flags of a block that starts at a time.
    """

    name = "scripted"

    def __init__(
        self,
        latency: Callable[[Plan, float], float] = lambda plan, at: 10.0,
        flags: Callable[[float], tuple[str, ...]] = lambda at: (),
    ) -> None:
        self.latency, self.flags = latency, flags
        self.clock = 0.0
        self.rests: list[float] = []
        self.timed: list[Plan] = []

    def now(self) -> float:
        return self.clock

    def rest(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.clock += seconds

    def time_block(self, plan: Plan, forwards: int) -> Block:
        start, flags = self.clock, self.flags(self.clock)
        self.timed.append(plan)
        times_ms = (self.latency(plan, start),) * forwards
        self.clock += sum(times_ms) / 1e3
        return Block(times_ms, tuple(2 * time for time in times_ms), start, self.clock - start, flags)
