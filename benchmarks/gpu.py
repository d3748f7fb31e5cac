"""Everything that needs a GPU, in under eight minutes: `python -m benchmarks.gpu`. Needs torch and NumPy.

    tests    the functions of tests/gpu
    a/a      the reference against itself, in several sessions
    naive    20 plans, twice, by the published protocol and interleaved: how far do two passes differ?
    table    SparseViT-T at 672 x 672: batch 1 and 4, float32 and float16, eager, graph and compiled
    model    the designed plans, and the latency model's errors on plans it has not seen (needs SciPy)

Every part has a share of the time and stops when it is used up; what was not reached is listed as such. Raw records go
to benchmarks/results. Without a GPU it says so and succeeds.
"""

import importlib
import json
import math
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from statistics import median, stdev
from typing import Any

import torch

from latency.errors import LatencyError
from latency.fingerprint import fingerprint
from latency.lock import device_lock
from latency.measure import measure_plans
from latency.naive import naive_ms
from latency.record import Measurement
from latency.runtimes import make_timer
from latency.setting import DType, Runtime, Setting
from latency.stopping import PRECISE, QUICK, Stopping
from latency.timer import Block, Timer
from models.plan import Plan
from models.sparsevit import SparseViT
from models.zoo import build

SIZE = (672, 672)
TESTS = ("tests.gpu.test_models", "tests.gpu.test_latency")
RESULTS = Path(__file__).parent / "results"
PLANS = {
    "dense": {},
    "published 42 ms": {"stage0": 0.3, "stage2_1": 0.1, "stage2_2": 0.2, "stage2_3": 0.2},
    "published 35 ms": {"stage0": 0.6, "stage2_1": 0.2, "stage2_2": 0.4, "stage2_3": 0.5},
    "published 33 ms": {"stage0": 0.7, "stage2_1": 0.2, "stage2_2": 0.4, "stage2_3": 0.5},
    "uniform 0.6": dict.fromkeys(("stage0", "stage1", "stage2_1", "stage2_2", "stage2_3", "stage3"), 0.6),
}
SECONDS = {"tests": 60.0, "a/a": 35.0, "naive": 80.0, "table": 120.0, "model": 70.0, "compiled": 45.0}
"""At most, per part: 410 s; the test, block or compilation that is under way when a share ends is finished."""

COMPILED = ("dense", "published 35 ms")
"""Plans that are compiled: each takes the better part of a minute."""


class TimeUp(Exception):  # noqa: N818 - no error: the part has had its share
    """A part has used up its time."""


class Clock:
    """The time that a part has left."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def check(self) -> None:
        """Raises `TimeUp` when nothing is left."""
        if time.monotonic() >= self._end:
            raise TimeUp


def main() -> int:
    """Run all parts; 1 if a test or a part failed."""
    if not torch.cuda.is_available():
        print("no GPU here: nothing to measure")
        return 0
    torch.manual_seed(0)
    backbone = build("sparsevit_tiny").eval()
    assert isinstance(backbone, SparseViT)
    device = fingerprint(asked(1, "float32", "eager"))
    print(f"{device.name}, torch {torch.__version__}, CUDA {torch.version.cuda}")
    results: dict[str, Any] = {"device": device.to_dict(), "parts": {}}
    parts: dict[str, Callable[[SparseViT, Clock, dict[str, Any]], None]] = {
        "tests": run_tests,
        "a/a": run_same,
        "naive": run_naive,
        "table": partial(run_table, runtimes=("eager", "graph"), names=tuple(PLANS)),
        "model": run_model,
        "compiled": partial(run_table, runtimes=("compile",), names=COMPILED),
    }
    failed = False
    for name, part in parts.items():
        found = results["parts"].setdefault(name, {})
        started = time.monotonic()
        print(f"\n== {name}", flush=True)
        try:
            with device_lock("cuda:0", purpose="benchmarks.gpu"):
                part(backbone, Clock(SECONDS[name]), found)
        except TimeUp:
            found["stopped"] = f"after {SECONDS[name]:g} s; the rest was not measured"
            print(found["stopped"])
        # one part that fails must not cost the results of the others
        except Exception as error:
            found["failed"] = "".join(traceback.format_exception(error))
            print(found["failed"])
        failed = failed or "failed" in found
        found["seconds"] = round(time.monotonic() - started, 1)
        print(f"({found['seconds']} s)", flush=True)
        save(results, device.name)
        torch.cuda.empty_cache()
    return int(failed)


def save(results: dict[str, Any], name: str) -> None:
    """After every part, so that a run that is cut short leaves what it found."""
    RESULTS.mkdir(exist_ok=True)
    words = "".join(letter if letter.isalnum() else "-" for letter in name.lower())
    (RESULTS / f"gpu-{words}.json").write_text(json.dumps(results), encoding="utf-8")


def asked(batch: int, dtype: DType, runtime: Runtime) -> Setting:
    return Setting(batch=batch, input_size=SIZE, dtype=dtype, runtime=runtime, device="cuda:0")


class Bounded:
    """A timer that stops with `TimeUp` before a block when its part has used up its time."""

    def __init__(self, timer: Timer, clock: Clock) -> None:
        self._timer, self._clock = timer, clock
        self.name, self.now, self.rest = timer.name, timer.now, timer.rest

    def time_block(self, plan: Plan, forwards: int) -> Block:
        self._clock.check()
        return self._timer.time_block(plan, forwards)


def timed(backbone: SparseViT, setting: Setting, clock: Clock) -> Timer:
    """A timer of the backbone, after giving back the memory of the one before."""
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    return Bounded(make_timer(backbone, setting), clock)


def measured(
    timer: Timer,
    setting: Setting,
    plans: Sequence[Plan],
    reference: Plan,
    stopping: Stopping = QUICK,
    seed: int = 0,
    reference_ms: float | None = None,
) -> list[Measurement]:
    """One session."""
    where = fingerprint(setting)
    return measure_plans(timer, plans, setting, where, reference, Random(seed), stopping, reference_ms=reference_ms)


def run_tests(backbone: SparseViT, clock: Clock, found: dict[str, Any]) -> None:
    """Call every test function of tests/gpu; they need no fixtures, so no pytest either."""
    outcomes: dict[str, str] = found.setdefault("outcomes", {})
    for module_name in TESTS:
        module = importlib.import_module(module_name)
        for name in [name for name in vars(module) if name.startswith("test_")]:
            clock.check()
            try:
                getattr(module, name)()
                outcomes[name] = "passed"
            except Exception as error:
                outcomes[name] = "".join(traceback.format_exception(error))
                found["failed"] = f"{found.get('failed', '')} {name}".strip()
            print(f"{'passed' if outcomes[name] == 'passed' else 'FAILED'}  {name}", flush=True)
            if outcomes[name] != "passed":
                print(outcomes[name])


def run_same(backbone: SparseViT, clock: Clock, found: dict[str, Any]) -> None:
    """The reference as a plan of its own: its ratio must be 1, and its intervals must hold 1 as often as they say."""
    setting, dense = asked(4, "float16", "graph"), backbone.space(SIZE).dense
    sessions: list[dict[str, Any]] = found.setdefault("sessions", [])
    timer = timed(backbone, setting, clock)
    for seed in range(6):
        one = measured(timer, setting, [dense], dense, PRECISE, seed)[0]
        low, high = one.ratio_interval
        sessions.append(one.to_dict())
        held = "holds 1" if low <= 1 <= high else "misses 1"
        print(f"ratio {one.ratio:.5f}, 95 % interval {low:.5f} to {high:.5f}, {held}; flags {list(one.flags)}")


def run_naive(backbone: SparseViT, clock: Clock, found: dict[str, Any]) -> None:
    """Two passes over 20 plans by either protocol; the spread between passes is what a user would see as error."""
    setting, space = asked(4, "float16", "graph"), backbone.space(SIZE)
    rng = Random(0)
    plans = list(dict.fromkeys(space.canonical(space.random(rng)) for _ in range(20)))
    found["plans"] = [dict(plan) for plan in plans]
    passes: dict[str, list[list[float]]] = found.setdefault("ms", {"naive": [], "interleaved": []})
    raw: list[dict[str, Any]] = found.setdefault("records", [])
    reference_ms: float | None = None
    timer = timed(backbone, setting, clock)
    for seed in range(2):
        # a third of the published counts or less: 20 plans, twice, must fit into a minute
        passes["naive"].append([naive_ms(timer, plan, 20, 100) for plan in plans])
        records = measured(timer, setting, plans, space.dense, QUICK, seed, reference_ms)
        reference_ms = records[0].reference_ms
        raw += [record.to_dict() for record in records]
        passes["interleaved"].append([record.median_ms for record in records])
    for name, (first, second) in passes.items():
        changes = [math.log(b / a) for a, b in zip(first, second, strict=True)]
        print(
            f"{name:<12} passes differ by {100 * median(changes):+.2f} % (sd over plans {100 * stdev(changes):.2f} %)"
        )


def run_table(
    backbone: SparseViT, clock: Clock, found: dict[str, Any], runtimes: Sequence[Runtime], names: Sequence[str]
) -> None:
    """Latency of the published plans; the dense plan is the reference."""
    space = backbone.space(SIZE)
    plans = {name: space.plan(PLANS[name]) for name in names}
    records: list[dict[str, Any]] = found.setdefault("records", [])
    types: tuple[DType, ...] = ("float16", "float32")
    print(f"{'ms (of dense)':<26}" + "".join(f"{name:>18}" for name in plans))
    for batch in (4, 1):
        for dtype in types:
            for runtime in runtimes:
                setting = asked(batch, dtype, runtime)
                row = measured(timed(backbone, setting, clock), setting, list(plans.values()), space.dense)
                records += [record.to_dict() for record in row]
                cells = "".join(f"{one.median_ms:>9.3f} ({one.median_ms / row[0].median_ms:6.3f})" for one in row)
                flags = sorted({flag for one in row for flag in one.flags})
                print(f"batch {batch} {dtype} {runtime:<8} {cells} {' '.join(flags)}", flush=True)


def run_model(backbone: SparseViT, clock: Clock, found: dict[str, Any]) -> None:
    """Design, fit, and the gates on ten plans the model has not seen."""
    try:
        from latency.design import designed_plans, validation_plans
        from latency.predictor import fit
    except ImportError as error:
        found["skipped"] = f"{error}; the latency model needs SciPy"
        print(found["skipped"])
        return
    setting, space = asked(4, "float16", "graph"), backbone.space(SIZE)

    def work(plan: Plan) -> Any:
        return backbone.work(plan, SIZE)

    designed, judges = designed_plans(space, work), validation_plans(space, 10, 0)
    records = measured(timed(backbone, setting, clock), setting, [*designed, *judges], space.dense)
    found["records"] = [record.to_dict() for record in records]
    try:
        model = fit(records[: len(designed)], space, work, records[len(designed) :])
    except LatencyError as error:
        found["failed"] = str(error)
        return
    found["gates"] = model.gates.to_dict()
    print(f"{len(designed)} plans fitted, {len(judges)} unseen\n{model.gates}")


if __name__ == "__main__":
    raise SystemExit(main())
