"""Multi-head self-attention inside windows, with a relative position bias. Letters: G windows, T tokens, C channels."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def relative_position_index(side: int) -> Tensor:
    """(T, T) row of the bias table for every query and key of a window.

    Source: Swin Transformer (arXiv 2103.14030), equation 4.
    """
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    y, x = y.reshape(-1), x.reshape(-1)
    return (y[:, None] - y[None, :] + side - 1) * (2 * side - 1) + (x[:, None] - x[None, :] + side - 1)


class WindowMSA(nn.Module):
    """W-MSA: every window attends to itself.

    Args:
        channels: C, divisible by `heads`.
        heads: attention heads.
        window_size: side of a window.
        qkv_bias: bias in the query/key/value projection.
        qk_scale: factor on the logits; None means (C / heads) ** -0.5.
        attention_dropout, output_dropout: dropout probabilities.
    """

    relative_position_index: Tensor

    def __init__(
        self,
        channels: int,
        heads: int,
        window_size: int,
        qkv_bias: bool = True,
        qk_scale: float | None = None,
        attention_dropout: float = 0.0,
        output_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.scale = qk_scale or (channels // heads) ** -0.5
        self.attention_dropout = attention_dropout
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window_size - 1) ** 2, heads))
        self.register_buffer("relative_position_index", relative_position_index(window_size))
        self.qkv = nn.Linear(channels, 3 * channels, bias=qkv_bias)
        self.proj = nn.Linear(channels, channels)
        self.proj_drop = nn.Dropout(output_dropout)
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def bias(self) -> Tensor:
        """(1, heads, T, T) relative position bias."""
        index = self.relative_position_index
        return self.relative_position_bias_table[index.reshape(-1)].view(1, *index.shape, -1).permute(0, 3, 1, 2)

    def forward(self, windows: Tensor, bias: Tensor) -> Tensor:
        """(G, T, C) -> (G, T, C).

        Args:
            bias: added to the logits, (1 or G, heads, T, T). Four dimensions, or the fused CPU kernel is not taken.
        """
        groups, tokens, channels = windows.shape
        qkv = self.qkv(windows).view(groups, tokens, 3, self.heads, channels // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        dropout = self.attention_dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(
            query, key, value, attn_mask=bias.to(query.dtype), dropout_p=dropout, scale=self.scale
        )
        output: Tensor = self.proj_drop(self.proj(mixed.transpose(1, 2).reshape(groups, tokens, channels)))
        return output
