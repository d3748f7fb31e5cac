"""`visualize`: what a plan keeps of an image, drawn over it, beside what the model makes of it."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from search.errors import JobError, SearchError
from sparsearch import options
from sparsearch.command import add
from sparsearch.visualize.plans import Asked, parse_plan

BLOCKS = ("last", "all")
FORMATS = ("png", "svg", "pdf")


def visualize(
    config: Annotated[Path, typer.Argument(help="Config of a detector or classifier with a backbone of the zoo.")],
    checkpoint: Annotated[Path, typer.Argument(help="Its weights, .pth or .safetensors; loaded strictly.")],
    image: Annotated[Path, typer.Argument(help="Any file that the config's test pipeline reads; a video for clips.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The drawing: .png, .svg or .pdf.")],
    plan: Annotated[
        list[str] | None,
        typer.Option(
            help="JSON, KEY=VALUE pairs, the path of a plan.json or of a bundle, or `dense`, `floor`, `config`; repeat "
            "for one row each. Default: config."
        ),
    ] = None,
    blocks: Annotated[str, typer.Option(help="last: of every stage; all.")] = "last",
    score_thr: Annotated[float, typer.Option("--score-thr", min=0.0, max=1.0, help="Least score of an object.")] = 0.3,
    dpi: Annotated[int, typer.Option(min=40, max=400, help="Pixels per inch.")] = 150,
    device: Annotated[str, typer.Option(help="cpu or cuda:0.")] = "cpu",
    as_json: options.AsJson = False,
) -> None:
    """Draw which windows or tokens every stage keeps, or which form a group, with what the model finds.

    Examples:

    `sparsearch visualize CONFIG.py CKPT.pth street.jpg -o kept.png --plan dense --plan '{"stage0": 0.6}'`

    `sparsearch visualize CONFIG.py CKPT.pth street.jpg -o all.png --plan BUNDLE/plan.json --blocks all`
    """
    if blocks not in BLOCKS:
        raise JobError(f"--blocks {blocks!r} is unknown; choose {' or '.join(BLOCKS)}")
    if output.suffix.removeprefix(".") not in FORMATS:
        raise JobError(f"--output {output}: a drawing is written as .{', .'.join(FORMATS)}; change the suffix")
    if device != "cpu" and not device.startswith("cuda"):
        raise JobError(f"--device {device!r} must be cpu or a GPU such as cuda:0")
    asked: list[Asked] = [parse_plan(text) for text in (plan or ["config"])]

    import sparsearch
    from sparsearch.visualize.drawing import draw
    from sparsearch.visualize.numbers import as_json as numbers
    from sparsearch.visualize.numbers import lines
    from sparsearch.visualize.reading import read_subject
    from sparsearch.visualize.scenes import look

    sparsearch.register()
    subject = read_subject(config, checkpoint, image, device)
    scene = look(subject, asked, image.name, blocks == "all", score_thr)
    write(draw(scene, output.suffix.removeprefix("."), dpi), output)
    print(json.dumps(numbers(scene, output)) if as_json else "\n".join(lines(scene, output)))


def write(content: bytes, path: Path) -> None:
    """Write a file, whole or not at all.

    Raises:
        SearchError: the folder cannot be written.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            scratch.write_bytes(content)
            os.replace(scratch, path)
        finally:
            scratch.unlink(missing_ok=True)
    except OSError as error:
        raise SearchError(f"cannot write {path}: {error.strerror}; choose another folder") from None


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    add(app, visualize)
