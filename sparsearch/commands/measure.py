"""`sparsearch measure`: how long does a plan take, and how much less than the dense one?"""

import json
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latency.flags import explain
from latency.setting import Setting
from models.plan import Plan
from models.space import Space
from search.errors import JobError
from search.targets import Target
from sparsearch import options
from sparsearch.command import add

if TYPE_CHECKING:
    from latency.record import Measurement


def measure(
    config: Annotated[
        str, typer.Argument(help="mmdet config with a backbone of the zoo, or its name: `sparsearch models`.")
    ],
    checkpoint: Annotated[Path | None, typer.Option(help="Weights. Default: fresh ones, which take as long.")] = None,
    plan: Annotated[
        list[str] | None,
        typer.Option(help="Plan as JSON, or `dense`, `floor`; repeat for several. Default: dense and floor."),
    ] = None,
    img_size: options.ImageSize = None,
    batch: options.Batch = None,
    scope: options.Scope = None,
    dtype: options.DType = "float32",
    runtime: options.Runtime = "eager",
    device: options.Device = None,
    threads: options.Threads = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the order of measuring.")] = 0,
    as_json: options.AsJson = False,
) -> None:
    """Latency of plans: median, p90, p99, 95 % interval, and the ratio to dense, which is measured alongside.

    Examples:

    `sparsearch measure sparsevit_tiny --img-size 448 --plan '{"stage0": 0.6, "stage2_3": 0.5}'`

    `sparsearch measure CONFIG.py --checkpoint CKPT.pth --device cuda:0 --dtype float16 --batch 4`
    """
    wanted = [_parse(text) for text in (plan or ["dense", "floor"])]
    about = Target(name="measured", kind="synthetic", input_size=options.size_for(config, img_size))
    setting = options.setting_of(about, device, batch, None, scope, dtype, runtime, threads)
    space, records = measure_all(config, checkpoint, wanted, setting, seed)
    for record in records:
        if as_json:
            print(json.dumps(summary(record, space)), flush=True)
        else:
            print(describe(record, space), flush=True)


def measure_all(
    config: str, checkpoint: Path | None, wanted: list[Plan | str], setting: Setting, seed: int
) -> tuple[Space, "list[Measurement]"]:
    """Records of the plans, each compared with the dense plan block by block.

    Raises:
        TargetError, ModelError, LatencyError: what is to be measured cannot be.
    """
    from latency.fingerprint import fingerprint
    from latency.lock import device_lock
    from latency.measure import measure_plans
    from latency.stopping import PRECISE
    from search.timed import load

    module, backbone = load(config, checkpoint, setting.scope)
    space = backbone.space(setting.input_size)
    ends = {"dense": space.dense, "floor": space.sparsest}
    plans = [ends[one] if isinstance(one, str) else _completed(one, space) for one in wanted]
    for plan in plans:
        backbone.work(plan, setting.input_size)  # refuses what cannot run
    timer: Any
    said = None
    if setting.kind == "sim":
        from latency.simulated import SimulatedDevice

        timer = SimulatedDevice(
            int(setting.device.partition(":")[2]), lambda one: backbone.work(one, setting.input_size)
        )
    else:
        from latency.runtimes import make_timer
        from search.content import content, depends_on_content

        inputs = None
        if depends_on_content(backbone, plans):
            if not Path(config).is_file():
                raise JobError(
                    f"the latency of such a plan depends on the images, and {config} has none: give a config with data"
                )
            inputs, said = content(Path(config), setting)
        timer = make_timer(module, setting, seed=seed, inputs=inputs)
    with device_lock(setting.device, timeout=60.0, purpose="sparsearch measure"):
        return space, measure_plans(
            timer,
            plans,
            setting,
            fingerprint(setting, said),
            space.dense,
            random.Random(seed),
            PRECISE,
            _tell(len(plans)),
        )


def summary(record: "Measurement", space: Space) -> dict[str, Any]:
    """The numbers of a record, and the record itself."""
    low, high = record.interval_ms
    ratio_low, ratio_high = record.ratio_interval
    return {
        "plan": dict(record.plan),
        "median_ms": record.median_ms,
        "low_ms": low,
        "high_ms": high,
        "p90_ms": record.p90_ms,
        "p99_ms": record.p99_ms,
        "samples": record.samples,
        "ratio_to_dense": record.ratio,
        "ratio_low": ratio_low,
        "ratio_high": ratio_high,
        "device": record.device.name,
        "inputs": inputs_of(record),
        "setting": record.setting.to_dict(),
        "flags": list(record.flags),
        "record": record.to_dict(),
    }


def describe(record: "Measurement", space: Space) -> str:
    """The same in words."""
    low, high = record.interval_ms
    ratio_low, ratio_high = record.ratio_interval
    name = "dense" if record.plan == space.dense else "floor" if record.plan == space.sparsest else str(record.plan)
    lines = [
        name,
        f"  median  {record.median_ms:.4g} ms (95 % interval {low:.4g} to {high:.4g})",
        f"  tails   p90 {record.p90_ms:.4g} ms, p99 {record.p99_ms:.4g} ms; {record.samples} samples",
        f"  dense   {record.ratio:.4f} of it (95 % interval {ratio_low:.4f} to {ratio_high:.4f})",
        f"  device  {record.device.name}",
        f"  timed   {record.setting}; {inputs_of(record)}",
    ]
    lines += [f"  doubts  {sentence}" for sentence in explain(record.flags)]
    return "\n".join(lines)


def _completed(plan: Plan, space: Space) -> Plan:
    """With every knob of the space named; a plan may also have values that no search would try."""
    return space.plan(plan) if space.contains(plan) else plan


def inputs_of(record: "Measurement") -> str:
    """Which images the forwards ran on."""
    return str(record.device.details.get("key", {}).get("inputs", "random images"))


def _parse(text: str) -> Plan | str:
    return text if text in ("dense", "floor") else Plan.from_json(text)


def _tell(total: int) -> Any:
    def progress(done: Any) -> None:
        if sys.stderr.isatty():
            print(f"\rmeasured {len(done)} of {total}", end="\n" if len(done) == total else "", file=sys.stderr)

    return progress


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    add(app, measure)
