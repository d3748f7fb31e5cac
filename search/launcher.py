"""The published interface, on any number of ranks: `torchpack dist-run -np N python search.py CONFIG CHECKPOINT ...`.

Rank 0 runs the search as every other front door does. What the ranks add up to is its pool: one evaluating worker per
rank, and every GPU that some rank sees, in one Ray instance.
"""

import argparse
import hashlib
import json
import os
import re
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from latency.errors import LatencyError
from latency.setting import Setting
from search.answer import Outcome
from search.budget import Budget
from search.errors import JobError, LaunchError, RunnerError, SearchError, StoreError
from search.home import Home
from search.ranks import detect, forget, join
from search.records import EXIT_CODES, Event, Job
from search.targets import Target, add, targets

REFUSED = 2
"""Exit code of a request that was refused before anything was stored."""


def main(arguments: Sequence[str], show: Callable[[Event], None], conclude: Callable[[Outcome], None]) -> int:
    """Search with the ranks this process was started with.

    Args:
        arguments: the command line, without the program.
        show: told every event, on rank 0.
        conclude: told the outcome, on rank 0.
    Returns:
        The exit code, the same on every rank: 0 found, 2 refused, 3 infeasible, 4 failed, 5 cancelled.
    """
    options = parser().parse_args(arguments)
    try:
        launch = detect(os.environ)
        with join(launch) as team:
            workers, gpus = pool_of(team.gather(share_of(os.environ)))

            def lead() -> int:
                forget(os.environ)
                if gpus is not None:
                    os.environ["CUDA_VISIBLE_DEVICES"] = gpus
                return _search(options, workers, show, conclude)

            return team.follow(lead)
    except LaunchError as error:
        print(f"error: {error}", file=sys.stderr)
        return REFUSED


def parser() -> argparse.ArgumentParser:
    """The options: the published four, then ours."""
    options = argparse.ArgumentParser(prog="search.py", description="Search the best plan within a latency window.")
    options.add_argument("config", type=Path, help="mmdet config")
    options.add_argument("checkpoint", type=Path, help="trained weights (.pth or .safetensors)")
    options.add_argument("--max", type=float, required=True, metavar="MS", help="a plan must not take longer")
    options.add_argument("--min", type=float, metavar="MS", help="a plan shall not be faster either")
    options.add_argument("--img_size", "--img-size", type=int, metavar="PX", help="side of the timed input")
    options.add_argument("--batch", type=int, help="images per timed forward")
    options.add_argument("--device", help="cpu, cuda:0 or sim:0 (simulated); by default the first GPU, else the CPU")
    options.add_argument("--sampler", default="evolution")
    options.add_argument("--evaluations", type=int, default=64, help="plans whose accuracy may be evaluated")
    options.add_argument("--images", type=int, help="images per evaluation; all by default")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--latency-model", type=Path, metavar="JSON", help="a stored latency model of the same device")
    options.add_argument("--output", help="folder of the bundle")
    return options


def share_of(environment: Mapping[str, str]) -> dict[str, str | None]:
    """What a rank brings: its host, and the GPUs it was told to see."""
    return {"host": socket.gethostname(), "gpus": environment.get("CUDA_VISIBLE_DEVICES")}


def pool_of(shares: Sequence[Mapping[str, str | None]]) -> tuple[int, str | None]:
    """The workers and GPUs that the ranks add up to.

    Returns:
        (workers, CUDA_VISIBLE_DEVICES of the pool; None: every GPU of the host).
    Raises:
        LaunchError: the ranks are on several hosts.
    """
    hosts = sorted({str(share["host"]) for share in shares})
    if len(hosts) > 1:
        raise LaunchError(f"the ranks are on {len(hosts)} hosts ({', '.join(hosts)}); start all of them on one")
    told = [share["gpus"] for share in shares]
    if None in told:  # a rank that sees every GPU makes the union every GPU
        return len(shares), None
    union = dict.fromkeys(gpu for gpus in told if gpus for gpu in gpus.split(","))
    return len(shares), ",".join(union)


def _search(
    options: argparse.Namespace, workers: int, show: Callable[[Event], None], conclude: Callable[[Outcome], None]
) -> int:
    from search.coordinator import Coordinator
    from search.store.store import Store

    try:
        home = Home.default()
        job = job_of(options, workers, register(options.config, options.checkpoint, home))
        with Store.open(home.database) as store:
            outcome = Coordinator(store, home).run(job, show)
    except (SearchError, LatencyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_CODES["failed"] if isinstance(error, StoreError | RunnerError) else REFUSED
    conclude(outcome)
    return outcome.exit_code


def register(config: Path, checkpoint: Path, home: Home) -> Target:
    """The target of a config and its checkpoint: a known one with these files, or one that is added now.

    Raises:
        TargetError: a file is missing or broken.
    """
    files = (config.resolve(), checkpoint.resolve())
    for target in targets(home).values():
        if target.config and target.checkpoint and (target.config.resolve(), target.checkpoint.resolve()) == files:
            return target
    stem = re.sub(r"[^a-z0-9_-]+", "-", config.stem.lower()).strip("-_") or "target"
    # two configs of one name are two targets
    suffix = hashlib.sha256("\n".join(map(str, files)).encode()).hexdigest()[:8]
    # the published search times batches of four
    target = Target(name=f"{stem[:50]}-{suffix}", config=files[0], checkpoint=files[1], batch=4)
    add(target, home)
    return target


def job_of(options: argparse.Namespace, workers: int, target: Target) -> Job:
    """The request.

    Raises:
        SearchError: an option is out of range.
    """
    side = options.img_size
    setting = Setting(
        scope=target.scope,
        batch=target.batch if options.batch is None else options.batch,
        input_size=target.input_size if side is None else (side, side),
        device=options.device or target.device or _first_device(),
    )
    return Job(
        target=target.name,
        budget=Budget(options.max, options.min),
        setting=setting,
        sampler=options.sampler,
        seed=options.seed,
        evaluations=options.evaluations,
        workers=workers,
        pool="ray" if workers > 1 else "serial",
        metric=target.metric,
        images=options.images,
        latency_model=None if options.latency_model is None else _read_model(options.latency_model),
        output=options.output,
    )


def _first_device() -> str:
    import torch

    return "cuda:0" if torch.cuda.is_available() else "cpu"


def _read_model(path: Path) -> dict[str, Any]:
    try:
        model = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise JobError(f"latency model {path}: {error}; give the JSON file of a stored model") from None
    if not isinstance(model, dict):
        raise JobError(f"latency model {path} must hold a JSON object")
    return model
