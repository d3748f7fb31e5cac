"""`train` and `test`: mmdet's, with this project's backbones and checkpoints."""

import contextlib
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from search.errors import JobError
from search.tasks import TASKS
from sparsearch.command import add
from sparsearch.options import AsJson

_Overrides = Annotated[
    list[str] | None,
    typer.Option("--cfg-options", help="Override a field, as KEY=VALUE; repeat it, or give several after one."),
]
_TAKE_REST = {"allow_extra_args": True, "ignore_unknown_options": False}
LAUNCHERS = ("none", "pytorch", "mpi")


def train(
    context: typer.Context,
    config: Annotated[Path, typer.Argument(help="mmdet config, such as finetune.py of a bundle.")],
    work_dir: Annotated[Path | None, typer.Option(help="Logs and checkpoints. Default: work_dirs/<config>.")] = None,
    launcher: Annotated[str, typer.Option(help="none, pytorch (torchrun) or mpi (mpirun, torchpack).")] = "none",
    cfg_options: _Overrides = None,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint in the work dir.")] = False,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    validate: Annotated[bool, typer.Option(help="Evaluate while training, as the config says.")] = True,
) -> None:
    """Train a detector or a classifier: dense, adapted, or fine-tuned with the config of a bundle.

    Example: `sparsearch train BUNDLE/finetune.py --cfg-options runner.max_epochs=1 data.samples_per_gpu=4`
    """
    import sparsearch
    from search.training import train as run

    if launcher not in LAUNCHERS:
        raise JobError(f"--launcher {launcher!r} is unknown; choose one of {', '.join(LAUNCHERS)}")
    sparsearch.register()
    overrides = parse_overrides([*(cfg_options or []), *context.args])
    done = run(config, work_dir, launcher, overrides, resume, seed, validate)  # type: ignore[arg-type]
    print(f"trained in {done.seconds:.0f} s: {done.checkpoint}")


def test(
    context: typer.Context,
    config: Annotated[Path, typer.Argument(help="mmdet config.")],
    checkpoint: Annotated[Path, typer.Argument(help="Weights, .pth or .safetensors; loaded strictly.")],
    metrics: Annotated[
        list[str] | None,
        typer.Option("--eval", help="bbox, segm (default both); or top_k_accuracy (default), mean_class_accuracy."),
    ] = None,
    cfg_options: _Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Accuracy of a model on the test data of its config: box and mask mAP, or top-1 and top-5.

    Example: `sparsearch test BUNDLE/finetune.py work_dirs/finetune/latest.pth --eval bbox segm`
    """
    import sparsearch
    from search.training import test as run

    sparsearch.register()
    rest = list(context.args)
    wanted = [*(metrics or []), *(word for word in rest if "=" not in word)]
    known = [name for task in TASKS.values() for name in task.asked]
    if unknown := [word for word in wanted if word not in known]:
        raise JobError(f"--eval {unknown[0]!r} is unknown; choose of {', '.join(dict.fromkeys(known))}")
    overrides = parse_overrides([*(cfg_options or []), *(word for word in rest if "=" in word)])
    # what mmdet and pycocotools print on the way is for people
    with contextlib.redirect_stdout(sys.stderr if as_json else sys.stdout):
        found = run(config, checkpoint, wanted, overrides)
    if as_json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:20} {value:.4f}")


def parse_overrides(words: list[str]) -> dict[str, Any]:
    """Overrides as mmdet's tools read them: numbers, booleans, lists `[a,b]`, tuples `(a,b)`, else strings.

    Raises:
        JobError: a word is not KEY=VALUE.
    """
    from mmcv import DictAction

    found: dict[str, Any] = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not sign or not key:
            raise JobError(f"--cfg-options {word!r} must be KEY=VALUE, such as runner.max_epochs=3")
        found[key] = DictAction._parse_iterable(value)
    return found


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    add(app, train, context_settings=_TAKE_REST)
    add(app, test, context_settings=_TAKE_REST)
