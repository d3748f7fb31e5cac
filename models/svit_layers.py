"""The blocks and the selectors of SViT. State-dict keys are those of the released detection code.

Letters: B images, N tokens, C channels, h heads, R rows: the kept tokens of all images, one after the other.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.drop_path import DropPath
from models.vit_adapter_layers import attend

EPSILON = 1e-5
"""Of the norms of sparse blocks; those of dense ones have 1e-6, so the same weights differ by about 3e-5."""


class Selector(nn.Module):
    """Two linear layers that look at each token alone: logits of keeping it and of skipping it.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, EPSILON)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(channels, channels // 4), "fc2": nn.Linear(channels // 4, 2)})

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, 2)."""
        result: Tensor = self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm(x))))
        return result


class SelfAttention(nn.Module):
    """The projections of multi-head attention, with queries, keys and values in one matrix."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.empty(3 * channels, channels))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * channels))
        self.out_proj = nn.Linear(channels, channels)
        nn.init.trunc_normal_(self.in_proj_weight, std=0.02)

    def forward(self, x: Tensor, mix: Callable[[Tensor], Tensor]) -> Tensor:
        """(..., C) -> (..., C); `mix` makes of (..., 3C) queries, keys and values what each token takes."""
        result: Tensor = self.out_proj(mix(F.linear(x, self.in_proj_weight, self.in_proj_bias)))
        return result


class EncoderLayer(nn.Module):
    """A pre-norm transformer block; who attends to whom is an argument.

    Args:
        channels: C.
        hidden: channels inside the MLP.
        drop_path: of both branches.
    """

    def __init__(self, channels: int, hidden: int, drop_path: float) -> None:
        super().__init__()
        self.self_attn = SelfAttention(channels)
        self.linear1 = nn.Linear(channels, hidden)
        self.linear2 = nn.Linear(hidden, channels)
        self.norm1 = nn.LayerNorm(channels, EPSILON)
        self.norm2 = nn.LayerNorm(channels, EPSILON)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, mix: Callable[[Tensor], Tensor]) -> Tensor:
        """(..., C) -> (..., C)."""
        x = x + self.drop_path(self.self_attn(self.norm1(x), mix))
        hidden = F.gelu(self.linear1(self.norm2(x)))
        result: Tensor = x + self.drop_path(self.linear2(hidden))
        return result


class SparseBlock(nn.Module):
    """A block that runs on all tokens, on the same number of each image, on any rows, or, to be trained, on a mask.

    Args:
        channels, heads: C and h.
        mlp_ratio: hidden channels of the MLP in units of C.
        drop_path: of both branches.
    """

    def __init__(self, channels: int, heads: int, mlp_ratio: float, drop_path: float) -> None:
        super().__init__()
        self.heads = heads
        self.add_module("TransformerEncoderLayer", EncoderLayer(channels, int(channels * mlp_ratio), drop_path))

    def forward(self, x: Tensor, decided: Tensor | None = None) -> Tensor:
        """All tokens are computed; those that were skipped keep their value and are nobody's key.

        Skipped tokens still tell their decision, by its gradient, what they miss; the mask itself carries none.

        Args:
            x: (B, N, C).
            decided: (B, N), 0 or 1; None: all are kept.
        """
        if decided is None:
            return self._run(x, lambda qkv: attend(qkv, self.heads))
        keep = decided.detach() > 0.5
        some = keep.any(1)[:, None, None]
        # a softmax over no key is undefined: where an image keeps nothing, all are keys and their sum counts nothing
        mask = (keep[:, None, :] | ~some)[:, None]
        processed = self._run(x, lambda qkv: attend(qkv, self.heads, mask) * some)
        return x + decided[..., None].to(x.dtype) * (processed - x)

    def rows(self, rows: Tensor, counts: Sequence[int]) -> Tensor:
        """(R, C) -> (R, C): attention inside each image, everything else on all rows at once.

        Args:
            counts: rows of each image, which sum to R.
        """

        def each(qkv: Tensor) -> Tensor:
            return torch.cat(
                [attend(part[None], self.heads)[0] for part in torch.split(qkv, list(counts)) if len(part)]
            )

        return self._run(rows, each)

    def _run(self, x: Tensor, mix: Callable[[Tensor], Tensor]) -> Tensor:
        result: Tensor = self.get_submodule("TransformerEncoderLayer")(x, mix)
        return result
