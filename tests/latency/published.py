"""The published SparseViT-T space at 672 x 672 pixels, on paper, and sessions of simulated devices on it."""

from collections.abc import Sequence
from functools import cache
from random import Random

from latency.design import designed_plans, validation_plans
from latency.fingerprint import fingerprint
from latency.measure import measure_plans
from latency.predictor import LatencyModel, fit
from latency.record import Measurement
from latency.setting import Setting
from latency.simulated import SimulatedDevice
from latency.stopping import QUICK, Stopping
from models.plan import Plan
from models.sparsevit_geometry import Geometry
from models.work import Work

SIZE = (672, 672)
GEOMETRY = Geometry(96, (2, 2, 6, 2))
SPACE = GEOMETRY.space(SIZE)
MIDDLE = SPACE.plan({knob.name: 0.4 for knob in SPACE.knobs})


def work(plan: Plan) -> Work:
    return GEOMETRY.work(plan, SIZE)


def setting(seed: int) -> Setting:
    return Setting(input_size=SIZE, device=f"sim:{seed}")


def simulated(seed: int, pairwise: float = 0.0) -> SimulatedDevice:
    return SimulatedDevice(seed, work, pairwise=pairwise)


def session(device: SimulatedDevice, plans: Sequence[Plan], seed: int, stopping: Stopping = QUICK) -> list[Measurement]:
    """Measurements of one session; the reference's latency is known, so that they compare with the truth."""
    where, truth = fingerprint(setting(seed)), device.true_ms(MIDDLE)
    return measure_plans(device, plans, setting(seed), where, MIDDLE, Random(seed), stopping, reference_ms=truth)


@cache
def fitted(seed: int, pairwise: float = 0.0) -> tuple[LatencyModel, SimulatedDevice]:
    """A model fitted to one session, judged by ten other plans of it."""
    device = simulated(seed, pairwise)
    designed, judges = designed_plans(SPACE, work, seed), validation_plans(SPACE, 10, seed)
    measured = session(device, [*designed, *judges], seed)
    return fit(measured[: len(designed)], SPACE, work, measured[len(designed) :]), device
