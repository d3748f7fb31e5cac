"""Timers, runtimes and fingerprint on a real GPU."""

from random import Random
from statistics import median

import torch
from torch import Tensor, nn

from latency.fingerprint import fingerprint
from latency.flags import COMPILE_FALLBACK, GRAPH_FALLBACK
from latency.lock import device_lock
from latency.measure import measure_plans
from latency.record import Measurement
from latency.runtimes import make_timer
from latency.setting import DType, Runtime, Setting
from latency.stopping import PRECISE
from models.plan import Plan
from models.sparsevit import SparseViT
from models.zoo import build

SIZE = (448, 448)


def setting(runtime: Runtime = "eager", dtype: DType = "float16", batch: int = 4) -> Setting:
    return Setting(batch=batch, input_size=SIZE, dtype=dtype, runtime=runtime, device="cuda:0")


def tiny() -> SparseViT:
    torch.manual_seed(0)
    model = build("sparsevit_tiny")
    assert isinstance(model, SparseViT)
    return model


def fallbacks(flags: tuple[str, ...]) -> list[str]:
    return [flag for flag in flags if flag.startswith((GRAPH_FALLBACK, COMPILE_FALLBACK))]


class Waiting(nn.Module):
    """Asks for a value in the middle: cannot be captured."""

    def forward(self, x: Tensor, plan: Plan) -> Tensor:
        return x if float(x.sum()) > 0 else -x


def test_graphs_of_dense_and_sparse_plans_are_captured_and_agree_with_eager() -> None:
    model = tiny()
    timer = make_timer(model, setting("graph"))
    space = model.space(SIZE)
    # the capture itself compares two inputs with eager, and falls back where they differ
    for plan in (space.dense, space.sparsest, space.plan({"stage2_2": 0.3, "stage2_3": 0.5})):
        block = timer.time_block(plan, 5)
        assert not fallbacks(block.flags), block.flags
        assert len(block.event_ms) == 5


def test_what_cannot_be_captured_runs_eagerly_and_says_so() -> None:
    block = make_timer(Waiting(), setting("graph")).time_block(Plan(), 3)
    assert fallbacks(block.flags), block.flags
    # and the device still works
    assert make_timer(tiny(), setting("graph")).time_block(Plan(), 3).event_ms


def test_a_caller_waits_at_least_as_long_as_the_device_works() -> None:
    block = make_timer(tiny(), setting(dtype="float32")).time_block(Plan(), 20)
    assert median(block.host_ms) >= 0.95 * median(block.event_ms)


def test_replays_are_no_slower_than_eager_forwards() -> None:
    model = tiny()
    times = {}
    runtimes: tuple[Runtime, ...] = ("eager", "graph")
    for runtime in runtimes:
        timer = make_timer(model, setting(runtime, batch=1))
        timer.time_block(Plan(), 20)
        times[runtime] = median(timer.time_block(Plan(), 50).host_ms)
    assert times["graph"] <= 1.05 * times["eager"], times


def test_the_reference_against_itself_is_one() -> None:
    record = measured([Plan.of(dict(tiny().space(SIZE).dense))])[0]
    assert abs(record.ratio - 1) < 0.02, record.ratio


def test_sparsest_is_faster_than_dense_when_the_device_is_busy() -> None:
    space = tiny().space(SIZE)
    dense, sparsest = measured([space.dense, space.sparsest])
    assert sparsest.median_ms < dense.median_ms


def test_the_fingerprint_knows_the_gpu() -> None:
    key = fingerprint(setting()).details["key"]
    assert key["model"] == torch.cuda.get_device_name(0)
    assert key["multiprocessors"] > 0
    assert key["cuda"] == torch.version.cuda
    assert fingerprint(setting("graph")).key != fingerprint(setting()).key


def test_the_lock_names_the_gpu_not_its_number() -> None:
    with device_lock("cuda:0", purpose="GPU tests"):
        pass


def measured(plans: list[Plan]) -> list[Measurement]:
    model, asked = tiny(), setting("graph", batch=16)
    dense = model.space(SIZE).dense
    return measure_plans(make_timer(model, asked), plans, asked, fingerprint(asked), dense, Random(0), PRECISE)
