"""Where the semantic tokens of STViT-R come from and go to, laid over the image.

Letters: B images, H x W image tokens, C channels, N semantic tokens (s x s in each of n windows of side w).
"""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.picture import Picture
from models.stvit_r_dumbbell import unpack
from models.stvit_r_geometry import STAGE, StvitRGeometry
from models.stvit_r_layers import SemanticBlock
from models.stvit_r_plan import BLOCKS, Dumbbell
from models.stvit_r_reach import Reach
from models.stvit_r_tables import HIDDEN, patches
from models.window_layout import token_windows


def dumbbell_pictures(
    geometry: StvitRGeometry,
    dumbbells: Sequence[Sequence[nn.Module]],
    schedule: Sequence[Dumbbell | None],
    told: Mapping[str, Tensor],
    x: Tensor,
) -> tuple[Picture, ...]:
    """Two maps per dumbbell, one where it is dropped.

    "kept": semantic tokens per image token in each window, s*s / (w*w), or 0 where the dumbbell is dropped; the
    counts depend on the plan alone. "groups": the semantic token that every image token draws most from when the map
    is recovered, numbered row by row of their grid.

    Args:
        geometry: of the model.
        dumbbells: the blocks of its semantic stage, in sixes.
        schedule: how each dumbbell ran; None: dropped.
        told: what a pass told: `s2.b0.out`, the map before a dumbbell's semantic blocks, and `s2.b4.out`, its semantic
            tokens; `s2.b6.out` and `s2.b10.out` of the second dumbbell, and so on.
        x: (B, channels, height, width) images.
    """
    grid = geometry.grid((int(x.shape[2]), int(x.shape[3])))
    pixels, pictures = float(4 * 2**STAGE), []
    for number, (blocks, run) in enumerate(zip(dumbbells, schedule, strict=True)):
        first = number * BLOCKS
        share = 0.0 if run is None else run.s**2 / grid.window**2
        values = torch.full((x.shape[0], grid.down, grid.across), share, device=x.device)
        side = pixels * grid.window
        pictures.append(Picture(f"stage {STAGE}, blocks {first + 1}-{first + 4}", "kept", values, (side, side)))
        if run is not None:
            reach = grid.recover(run.s, run.kr, geometry.mask) if geometry.detection else None
            tokens, semantic = told[f"s{STAGE}.b{first}.out"], told[f"s{STAGE}.b{first + 4}.out"]
            values = drawn_from(unpack(blocks)[-1], tokens, semantic, reach).view(-1, grid.height, grid.width)
            pictures.append(Picture(f"stage {STAGE}, block {first + 5}", "groups", values, (pixels, pixels)))
    return tuple(pictures)


def drawn_from(block: SemanticBlock, tokens: Tensor, semantic: Tensor, reach: Reach | None) -> Tensor:
    """The semantic token with the largest attention weight, averaged over heads, of every token.

    The fused kernels of a pass keep no weights, so they are worked out here, head by head for little memory.

    Args:
        block: the block that recovers the map.
        tokens: (B, H*W, C).
        semantic: (B, N, C), row by row of their grid.
        reach: what each window sees; None: every token sees all.
    Returns:
        (B, H*W) int64 numbers of semantic tokens.
    """
    heads, count = block.attn.heads, semantic.shape[1]
    # padding is the last key, as in `SemanticBlock.windowed`; it takes weight, but is no semantic token
    keys = semantic if reach is None else F.pad(semantic, (0, 0, 0, 1))
    query = torch.unflatten(block.attn.q(block.norm1(tokens)), -1, (heads, -1))
    key = torch.unflatten(block.attn.kv(block.norm1(keys)).chunk(2, dim=-1)[0], -1, (heads, -1))
    weights = torch.zeros(*tokens.shape[:2], count, device=tokens.device)
    bias = None if reach is None else _bias(reach, tokens.device)
    for head in range(heads):
        logits = (query[:, :, head] @ key[:, :, head].transpose(1, 2)).float() * query.shape[-1] ** -0.5
        weights += (logits if bias is None else logits + bias).softmax(-1)[..., :count]
    return weights.argmax(-1)


def _bias(reach: Reach, device: torch.device) -> Tensor:
    """(H*W, N + 1) what every query adds to its logits; equal padding keys are one key, counted."""
    patch = patches(reach, device)
    count = torch.zeros(reach.windows, reach.rows * reach.columns + 1, device=device)
    per_window = count.scatter_add_(1, patch.place, patch.seen.float()).log().clamp_min(HIDDEN)
    return per_window[token_windows(reach.query_rows, reach.query_columns, reach.query_side, device)]
