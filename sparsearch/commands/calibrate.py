"""`calibrate`: settle what a plan leaves open on images without labels."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from models.plan import Plan
from sparsearch import options
from sparsearch.command import add


def calibrate(
    config: Annotated[Path, typer.Argument(help="mmdet config with the data.")],
    checkpoint: Annotated[Path, typer.Argument(help="Weights, .pth or .safetensors; loaded strictly.")],
    plan: Annotated[str, typer.Option(help="What is asked for, as JSON.")] = "{}",
    images: Annotated[int, typer.Option(min=4, help="Images of the search split; labels are not used.")] = 128,
    img_size: options.ImageSize = None,
    device: options.Device = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File for the plan; else it is printed.")
    ] = None,
) -> None:
    """Settle what a plan leaves open: how an hourglass clusters, or the thresholds of an SViT.

    Examples:

    `sparsearch calibrate CONFIG.py CKPT.pth --plan '{"location": 10, "grid": 8}' --images 256`

    `sparsearch calibrate CONFIG.py CKPT.pth --plan '{"mode": "threshold", "keep": 0.5}' -o plan.json`

    Labels are not used and nothing is trained. The answer is a plan: for `--plan`, or for `plan=` in a config.
    """
    import sparsearch
    from search.calibrating import calibrate as run

    sparsearch.register()
    size = options.size_for(str(config), img_size)
    place = device or options.first_device()
    found = run(
        config, checkpoint, Plan.from_json(plan), size, images, place, lambda line: print(line, file=sys.stderr)
    )
    if output is None:
        print(found.to_json())
        return
    scratch = output.with_name(f".{output.name}.{os.getpid()}")
    scratch.write_text(found.to_json() + "\n", encoding="utf-8")
    os.replace(scratch, output)
    print(f"{output}: {found}")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    add(app, calibrate)
