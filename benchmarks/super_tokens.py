"""STViT-S against its equations as they read, on one CPU thread: `python -m benchmarks.super_tokens`.

Both compute the same from the same weights, turn by turn in one process, so that whatever else the machine does meets
both. The bar: the network takes at most 0.6 of the textbook's time, at a difference of at most 1e-6 of the largest
logit. Below it stands the super token attention of stages 0 and 1, the part in which the two differ: matrix products,
convolutions and attention among all tokens are the same arithmetic in both, whoever orders it.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.textbook_super_tokens import classify, super_token_attention
from latency.memory import keep_memory
from models.super_token import SuperTokenClassifier
from models.super_token_attention import SuperTokenAttention
from models.super_token_layers import to_map, to_tokens
from models.super_token_variants import STVIT
from models.zoo import build

BAR = 0.6
AGREEMENT = 1e-6

Run = Callable[[], Tensor]


def seconds(run: Run) -> float:
    """Processor time of one call: wall time on an idle machine, and less disturbed on any other."""
    started = time.thread_time()
    run()
    return time.thread_time() - started


def network(model: SuperTokenClassifier, side: int) -> tuple[Run, Run]:
    """(textbook, ours) of an image of `side` pixels to logits."""
    state, size, image = model.state_dict(), STVIT["stvit_small"], torch.randn(1, 3, side, side)
    grid = tuple(setting.cell[0] for setting in size.geometry.own)
    return lambda: classify(state, image, size.depths, size.num_heads, grid), lambda: model(image)


def attention(model: SuperTokenClassifier, side: int, stage: int) -> tuple[Run, Run]:
    """(textbook, ours) of the super token attention of a stage's first block."""
    state, size, name = model.state_dict(), STVIT["stvit_small"], f"layers.{stage}.blocks.0.attn"
    heads, setting = size.num_heads[stage], size.geometry.own[stage]
    tokens = torch.randn(1, side // (4 << stage), side // (4 << stage), size.embed_dims[stage])
    plain = to_map(tokens).contiguous()
    ours = model.get_submodule(name)
    assert isinstance(ours, SuperTokenAttention)
    return (
        lambda: to_tokens(super_token_attention(state, name, plain, heads, setting.cell[0])),
        lambda: ours(tokens, setting),
    )


def main() -> int:
    """Print one line per image size and part; 0 where every network keeps the bar and every output agrees."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--img-sizes", type=int, nargs="+", default=[224, 448])
    parser.add_argument("--rounds", type=int, default=20, help="pairs of timed forwards")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keep_memory()
    torch.manual_seed(0)
    model = build("stvit_small").eval()
    assert isinstance(model, SuperTokenClassifier)
    print(f"STViT-S, batch 1, float32, one CPU thread, {arguments.rounds} rounds")
    print(f"{'image':>6} {'part':12} {'textbook ms':>12} {'ours ms':>9} {'ratio':>7} {'difference':>11}")
    failed = False
    for side in arguments.img_sizes:
        parts = {"network": network(model, side)} | {f"attention {i}": attention(model, side, i) for i in (0, 1)}
        for part, (textbook, ours) in parts.items():
            with torch.inference_mode():
                expected = textbook()
                difference = ((ours() - expected).abs().max() / expected.abs().max()).item()
                pairs = [(seconds(textbook), seconds(ours)) for _ in range(arguments.rounds)]
            ratio = statistics.median(own / other for other, own in pairs)
            failed = failed or (part == "network" and ratio > BAR) or not difference <= AGREEMENT
            before, after = (1e3 * statistics.median(column) for column in zip(*pairs, strict=True))
            print(f"{side:>6} {part:12} {before:>12.1f} {after:>9.1f} {ratio:>7.3f} {difference:>11.1e}", flush=True)
    print(f"bar: networks <= {BAR}, difference <= {AGREEMENT:g}: {'missed' if failed else 'kept'}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
