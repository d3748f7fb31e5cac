"""Turn a training checkpoint into a small file to ship: weights alone, half precision, safetensors.

    python -m samples.publish work_dirs/adapt/latest.pth samples/weights/digits_sparsevit.safetensors

Loading casts back to single precision, so the rounding is the only difference; the metrics that are published with the
weights are those of the shipped file.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file

from models.checkpoint import read_checkpoint
from models.errors import CheckpointError

REBUILT = "relative_position_index"
"""Buffers that every model computes itself are left out."""


def publish(source: Path, destination: Path) -> int:
    """Write the weights of `source`. Returns the size of the file in bytes.

    Raises:
        CheckpointError: no such checkpoint, or a weight is not finite in half precision.
    """
    state = {}
    for name, tensor in read_checkpoint(source).items():
        if name.endswith(REBUILT):
            continue
        half = tensor.half() if tensor.is_floating_point() else tensor
        if not torch.isfinite(half).all():
            raise CheckpointError(f"{source}: {name} does not fit half precision; was the training stable?")
        state[name] = half.contiguous()
    destination.parent.mkdir(parents=True, exist_ok=True)
    scratch = destination.with_name(f".{destination.name}.{os.getpid()}")
    save_file(state, scratch, metadata={"format": "pt"})
    scratch.chmod(0o644)
    os.replace(scratch, destination)
    return destination.stat().st_size


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m samples.publish", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path, help="checkpoint of a training (.pth)")
    parser.add_argument("destination", type=Path, help="file to write (.safetensors)")
    chosen = parser.parse_args(arguments)
    try:
        size = publish(chosen.source, chosen.destination)
    except CheckpointError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{chosen.destination}: {size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
