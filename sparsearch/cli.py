"""The command line. One file per group of commands; only the commands that need torch, mmdet or Ray import them."""

import logging
import warnings
from collections.abc import Sequence

import typer

from sparsearch.commands import (
    actions,
    bundles,
    calibrate,
    demo,
    doctor,
    finetune,
    measure,
    records,
    search,
    serve,
    targets,
    training,
    visualize,
)
from sparsearch.failures import FAILED, OK

app = typer.Typer(
    name="sparsearch",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which per-stage sparsity gives a vision transformer its best accuracy inside a latency budget, "
    "on this device?\n\n"
    "First steps: **sparsearch demo** (built-in data, minutes on a CPU), then **sparsearch target add** for your model "
    "and **sparsearch search --target NAME --max-ms 35**.\n\n"
    "Exit codes: 0 done, 2 refused, 3 infeasible, 4 failed, 5 cancelled, 75 try again (the service is full or away).",
)
GROUPS = (
    demo, search, serve, records, actions, bundles, measure, calibrate, training, finetune, visualize, targets, doctor,
)  # fmt: skip
for group in GROUPS:
    group.add_to(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (the script `sparsearch`); returns the exit code."""
    # what mmcv and torch say at import about themselves is nothing a user can act on
    warnings.filterwarnings("ignore", "On January 1, 2023, MMCV will release", UserWarning)
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    try:
        app(args=None if arguments is None else list(arguments), prog_name="sparsearch")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FAILED
    return OK
