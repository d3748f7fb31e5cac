"""A start for a detector: fresh weights, and what a detector with another backbone knows that it can use.

    python -m samples.start CONFIG samples/weights/digits_dense.safetensors work_dirs/start.safetensors

Taken over is what has the same name and shape: the heads and most of the neck. STViT-R, being a Swin Transformer like
SparseViT, also takes over the plain blocks, mergings and output norms of its backbone. A block that makes, works on or
spends semantic tokens takes the weights of a Swin block, its fused projection cut into query, and key with value. Where
the third stage is deeper, its blocks are used again from the first on. The stem and the layer scales stay fresh.

`--scale PATTERN=FACTOR` makes fresh weights smaller: a backbone that ends in batch normalisation is too loud for heads
that know another one, since it stretches rare features such as a digit's, and a vision transformer that was never
trained drowns what stands beside it in the brightness of its patches.
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from models.checkpoint import read_checkpoint
from models.errors import CheckpointError
from samples.errors import SampleError

_DUMBBELL = 6
_RENAMES = (
    ("stages.", "layers."),
    (".attn.w_msa.", ".attn."),
    (".ffn.layers.0.0.", ".mlp.fc1."),
    (".ffn.layers.1.", ".mlp.fc2."),
)
_THIRD = re.compile(r"(backbone\.layers\.2\.blocks\.)(\d+)(\..+)")


def start(own: Mapping[str, Tensor], known: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """A whole state dict, and the names of what was taken over.

    Args:
        own: of the detector to be trained, with fresh weights.
        known: of a trained detector.
    Raises:
        CheckpointError: nothing can be taken over.
    """
    blocks = [int(match[2]) for name in own if (match := _THIRD.fullmatch(name))]
    offered = {**known, **from_swin(known, depth=max(blocks) + 1)} if blocks else known
    taken = {name: offered[name] for name in own if name in offered and offered[name].shape == own[name].shape}
    if not taken:
        raise CheckpointError("no entry has a name and shape that the detector of the config knows; check both files")
    whole = {name: taken.get(name, tensor).to(tensor.dtype, copy=True).contiguous() for name, tensor in own.items()}
    return whole, tuple(taken)


def from_swin(state: Mapping[str, Tensor], depth: int) -> dict[str, Tensor]:
    """The backbone of a SparseViT detector under STViT-R's names.

    Args:
        depth: blocks of STViT-R's third stage.
    Returns:
        all but the stem; nothing if `state` has another backbone.
    """
    renamed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if not name.startswith(("backbone.stages.", "backbone.norm")):
            continue
        for old, new in _RENAMES:
            name = name.replace(old, new, 1)
        renamed[name] = _outermost(tensor) if ".downsample." in name else tensor
    third = {name: match for name in renamed if (match := _THIRD.fullmatch(name))}
    blocks = 1 + max((int(match[2]) for match in third.values()), default=0)
    result = {name: tensor for name, tensor in renamed.items() if name not in third}
    for name, match in third.items():
        for block in range(int(match[2]), depth, blocks):
            result |= _block(f"{match[1]}{block}", match[3], renamed[name], plain=block % _DUMBBELL == 0)
    return result


def _block(prefix: str, rest: str, tensor: Tensor, plain: bool) -> dict[str, Tensor]:
    if plain or ".qkv." not in rest:
        return {prefix + rest: tensor}
    width = tensor.shape[0] // 3
    query, others = rest.replace(".qkv.", ".q."), rest.replace(".qkv.", ".kv.")
    return {prefix + query: tensor[:width], prefix + others: tensor[width:]}


def _outermost(tensor: Tensor) -> Tensor:
    # mmdet's (..., 4 * C) has the 2 x 2 patch innermost, in `nn.Unfold` order; the authors' order has it outermost
    groups = tensor.view(*tensor.shape[:-1], -1, 4)[..., (0, 2, 1, 3)]
    return groups.transpose(-1, -2).reshape(tensor.shape)


def scaled(state: Mapping[str, Tensor], factors: Sequence[str]) -> dict[str, Tensor]:
    """A state dict with some entries multiplied.

    Args:
        factors: `PATTERN=FACTOR` each; the pattern is a regular expression of whole names.
    Raises:
        SampleError: no such form, or no entry of that name.
    """
    result = dict(state)
    for factor in factors:
        pattern, _, number = factor.rpartition("=")
        names = [name for name in state if pattern and re.fullmatch(pattern, name)]
        if not names or not number.replace(".", "", 1).isdigit():
            raise SampleError(f"--scale {factor!r} must be PATTERN=FACTOR with a pattern that names some entry")
        result |= {name: state[name] * float(number) for name in names}
    return result


def fresh(config: Path, seed: int) -> dict[str, Tensor]:
    """The weights that a detector of a config is built with.

    Raises:
        SampleError: no such config.
    """
    from mmcv import Config
    from mmdet.apis import set_random_seed
    from mmdet.models import build_detector

    if not config.is_file():
        raise SampleError(f"config {config} does not exist; give the path of an mmdet config file")
    settings = Config.fromfile(str(config))
    set_random_seed(seed)
    detector: Any = build_detector(settings.model)
    detector.init_weights()
    state: dict[str, Tensor] = detector.state_dict()
    return state


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m samples.start", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("config", type=Path, help="mmdet config of the detector to be trained")
    parser.add_argument("source", type=Path, help="checkpoint of a trained detector")
    parser.add_argument("destination", type=Path, help="file to write (.safetensors), for `load_from`")
    parser.add_argument(
        "--scale", action="append", default=[], help="PATTERN=FACTOR for fresh weights; may be repeated"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the fresh weights")
    chosen = parser.parse_args(arguments)
    try:
        own = scaled(fresh(chosen.config, chosen.seed), chosen.scale)
        state, taken = start(own, read_checkpoint(chosen.source))
    except (CheckpointError, SampleError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    chosen.destination.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, chosen.destination)
    print(f"{chosen.destination}: {len(state)} tensors, {len(taken)} of them from {chosen.source}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
