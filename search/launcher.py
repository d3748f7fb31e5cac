"""The published interface, on any number of ranks: `torchpack dist-run -np N python search.py CONFIG CHECKPOINT ...`.

Rank 0 runs the search as the command line does. What the ranks add up to is its pool: one evaluating worker per rank,
and every GPU that some rank sees, in one Ray instance.
"""

import argparse
import hashlib
import os
import re
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from search.errors import LaunchError, TargetError
from search.home import Home
from search.ranks import detect, forget, join
from search.targets import Target, add, kind_of_config, targets

REFUSED = 2
"""Exit code of a request that was refused before anything was stored."""


def main(arguments: Sequence[str], command_line: Callable[[Sequence[str]], int]) -> int:
    """Search with the ranks this process was started with.

    Args:
        arguments: CONFIG CHECKPOINT --max MS [--min MS] [--img_size PX], and whatever else `sparsearch search` takes.
        command_line: `sparsearch`, for rank 0; takes its arguments and returns its exit code.
    Returns:
        The exit code, the same on every rank.
    """
    options, more = parser().parse_known_args(arguments)
    try:
        with join(detect(os.environ)) as team:
            workers, gpus = pool_of(team.gather(share_of(os.environ)))

            def lead() -> int:
                forget(os.environ)
                if gpus is not None:
                    os.environ["CUDA_VISIBLE_DEVICES"] = gpus
                try:
                    target = register(options.config, options.checkpoint, Home.default())
                except TargetError as error:
                    return refuse(error)
                return command_line([*request(options, target, workers), *more])

            return team.follow(lead)
    except LaunchError as error:
        return refuse(error)


def refuse(error: Exception) -> int:
    """Say what is wrong, without a traceback."""
    print(f"error: {error}", file=sys.stderr)
    return REFUSED


def parser() -> argparse.ArgumentParser:
    """The published options."""
    options = argparse.ArgumentParser(
        prog="search.py",
        description="Find the most accurate plan in a latency window, with the ranks of torchpack or torchrun.",
        epilog="Every option of `sparsearch search` is understood as well, such as --device, --sampler or --seed.",
        allow_abbrev=False,
    )
    options.add_argument("config", type=Path, help="mmdet config")
    options.add_argument("checkpoint", type=Path, help="trained weights (.pth or .safetensors)")
    options.add_argument("--max", required=True, metavar="MS", help="a plan must not take longer")
    options.add_argument("--min", metavar="MS", help="a plan shall not be faster either")
    options.add_argument("--img_size", "--img-size", metavar="PX", help="side of the timed input, or HEIGHTxWIDTH")
    return options


def request(options: argparse.Namespace, target: Target, workers: int) -> list[str]:
    """The same request for `sparsearch`."""
    words = ["search", f"--target={target.name}", f"--max-ms={options.max}", f"--workers={workers}"]
    if options.min is not None:
        words.append(f"--min-ms={options.min}")
    if options.img_size is not None:
        words.append(f"--img-size={options.img_size}")
    return words


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
    name, kind = f"{stem[:50]}-{suffix}", kind_of_config(files[0])
    target = Target(name=name, kind=kind, config=files[0], checkpoint=files[1], batch=4)
    add(target, home)
    return target
