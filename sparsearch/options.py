"""Options that several commands share, and how they become a request."""

from pathlib import Path
from typing import Annotated

import typer

from latency.setting import Setting
from search import defaults
from search.errors import JobError
from search.pipelines import input_size
from search.targets import Target

Device = Annotated[
    str | None, typer.Option(help="cpu, cuda:0, or sim:0 for a simulated device. Default: the target's, else a GPU.")
]
Batch = Annotated[int | None, typer.Option(help="Images per forward.")]
ImageSize = Annotated[
    str | None, typer.Option("--img-size", "--img_size", help="Side in pixels, or HEIGHTxWIDTH: 672 or 448x672.")
]
Scope = Annotated[str | None, typer.Option(help="What is timed: backbone or model.")]
DType = Annotated[str, typer.Option(help="float32, float16 or bfloat16.")]
Runtime = Annotated[str, typer.Option(help="eager, compile (torch.compile) or graph (CUDA graph).")]
Threads = Annotated[int | None, typer.Option(help="CPU threads per forward. Default: torch's own choice.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout, for programs.")]
SearchId = Annotated[str, typer.Argument(help="Id of a search, the beginning of one, or `last`.")]

UNKNOWN_SIZE = (672, 672)
"""(height, width) where a config does not say how large its images are."""


def setting_of(
    target: Target,
    device: str | None,
    batch: int | None,
    img_size: str | None,
    scope: str | None,
    dtype: str,
    runtime: str,
    threads: int | None,
) -> Setting:
    """What is timed: the options, and the target's defaults for those not given.

    Raises:
        JobError, SettingError: an option is out of range.
    """
    return defaults.setting_of(
        target,
        device=device,
        batch=batch,
        input_size=None if img_size is None else size_of(img_size),
        scope=scope,
        dtype=dtype,
        runtime=runtime,
        threads=threads,
        first_device=first_device,
    )


def size_of(text: str) -> tuple[int, int]:
    """(height, width) of "672" or "448x672".

    Raises:
        JobError: it is neither.
    """
    parts = text.lower().split("x")
    if not 1 <= len(parts) <= 2 or not all(
        part.isascii() and part.isdigit() and 0 < int(part) < 2**15 for part in parts
    ):
        raise JobError(f"--img-size {text!r} must be a side in pixels such as 672, or HEIGHTxWIDTH such as 448x672")
    return int(parts[0]), int(parts[-1])


def size_for(name: str, img_size: str | None) -> tuple[int, int]:
    """(height, width): the option, else what a backbone of the zoo is usually run at, or a config is tested at.

    Raises:
        JobError: the option is malformed, or the name is neither a backbone's nor a file's.
        ExportError: the config cannot be read.
    """
    if img_size is not None:
        return size_of(img_size)
    from models.zoo import ZOO

    if name in ZOO:
        return ZOO[name][1].input_size
    if not Path(name).is_file():
        raise JobError(f"{name!r} is neither a config file nor a backbone of the zoo ({', '.join(ZOO)})")
    from search.export.model import read_config

    data = read_config(Path(name)).get("data", {})
    tested = data.get("test") or data.get("val")
    return (input_size(tested) if isinstance(tested, dict) else None) or UNKNOWN_SIZE


def first_device() -> str:
    """The first GPU, else the CPU; torch is asked only where there is a driver."""
    if not defaults.has_gpu_driver():
        return "cpu"
    import torch

    return "cuda:0" if torch.cuda.is_available() else "cpu"
