"""SparseViT: a Swin Transformer whose blocks process only the windows with the strongest activations.

Source: SparseViT (arXiv 2303.17605). Parameters and state-dict keys are those of mmdet's Swin Transformer.
Letters: B images, H x W tokens, C channels, n windows, k kept windows, T tokens in a window.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from models.adaptation import draw_adaptation_plan
from models.drop_path import DropPath
from models.errors import InputError
from models.fitting import Fitted
from models.freezing import freeze
from models.picture import Picture
from models.plan import Plan, Value
from models.space import Space
from models.sparsevit_geometry import RATIOS, Geometry, schedule
from models.sparsevit_pictures import window_pictures
from models.swin_convert import from_swin_authors, is_swin_authors
from models.swin_layers import FeedForward, PatchEmbed, PatchMerging
from models.window_attention import WindowMSA
from models.windows import flat_index, to_rows, window_scores, window_table
from models.work import Work

Trace: TypeAlias = Callable[[str, Tensor], None]
"""Receives (name, tensor) for all a pass selects: `s0.act_mag`, `s0.score.plain`, `s0.b1.kept`, `s0.b1.out`, ..."""

Padding: TypeAlias = Literal["before_norm", "after_norm"]
"""Whether border windows are filled up before LayerNorm (SparseViT) or after it (stock Swin).

Before: a padded token enters attention as the bias of the norm. After: as zero. Equal when nothing needs padding.
"""

DENSE = Plan()


class Attention(nn.Module):
    """Holds W-MSA under the name the checkpoints use."""

    def __init__(self, w_msa: WindowMSA) -> None:
        super().__init__()
        self.w_msa = w_msa


class Block(nn.Module):
    """norm, W-MSA, norm, MLP on whichever windows it is given."""

    def __init__(self, channels: int, w_msa: WindowMSA, mlp_ratio: float, drop_rate: float, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn = Attention(w_msa)
        self.norm2 = nn.LayerNorm(channels)
        self.ffn = FeedForward(channels, int(channels * mlp_ratio), drop_rate)
        self.drop_path = DropPath(drop_path)

    def forward(self, windows: Tensor, bias: Tensor, blank: Tensor | None) -> Tensor:
        """(B, k, T, C) -> (B, k, T, C).

        Args:
            bias: added to the attention logits, (1 or B * k, heads, T, T).
            blank: (B, k, T, 1), true where a token is padding that must enter attention as zero; None where none is.
        """
        normed = self.norm1(windows)
        if blank is not None:
            normed = normed.masked_fill(blank, 0)
        mixed = self.attn.w_msa(normed.flatten(0, 1), bias).view_as(windows)
        windows = windows + self.drop_path(mixed)
        mixed = self.ffn(self.norm2(windows))
        output: Tensor = windows + self.drop_path(mixed)
        return output


class Stage(nn.Module):
    """Blocks at one resolution, alternating plain and shifted windows, then merging to the next resolution."""

    def __init__(self, blocks: Sequence[Block], downsample: PatchMerging | None, window_size: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = downsample
        self.window_size = window_size

    def forward(
        self,
        tokens: Tensor,
        size: tuple[int, int],
        kept: tuple[int | None, ...],
        padding: Padding,
        with_cp: bool,
        trace: Trace | None,
    ) -> Tensor:
        """Run the blocks (not the merging): (B, H*W, C) -> (B, H*W, C), overwriting `tokens` where windows are kept.

        Args:
            size: (H, W).
            kept: windows each block keeps; None where the block is dense because nothing has been scored yet.
            padding, with_cp: see `SparseViT`.
            trace: told of every selection.
        """
        (height, width), side, shift = size, self.window_size, self.window_size // 2
        tables = [window_table(height, width, side, step, tokens.device) for step in (0, shift)]
        rows = to_rows(tokens, tables[0].padded)
        images, rows_per_image, channels = rows.shape
        magnitude: Tensor | None = None
        orders: list[Tensor | None] = [None, None]
        for index, (block, count) in enumerate(zip(self.blocks, kept, strict=True)):
            assert isinstance(block, Block)
            table = tables[index % 2]
            if count is None:
                order = torch.arange(len(table.kind), device=rows.device).expand(images, -1)
            else:
                if magnitude is None:
                    magnitude = rows[:, : height * width].detach().float().abs().mean(-1)
                    _tell(trace, "act_mag", magnitude)
                known = orders[index % 2]
                if known is None:
                    scores = window_scores(magnitude, table)
                    known = scores.argsort(dim=1, descending=True, stable=True)
                    orders[index % 2] = known
                    _tell(trace, f"score.{('plain', 'shift')[index % 2]}", scores)
                order = known[:, :count]
                _tell(trace, f"b{index}.kept", order)
            # an empty block is the identity; while training it still runs, so that its parameters get (zero) gradients
            if order.shape[1] or torch.is_grad_enabled():
                places = flat_index(table.gather[order], rows_per_image)
                windows = rows.view(-1, channels).index_select(0, places).view(*order.shape, side * side, channels)
                bias = block.attn.w_msa.bias()
                if index % 2:
                    bias = (bias + table.masks.to(bias.dtype).unsqueeze(1))[table.kind[order].reshape(-1)]
                blank = None
                if padding == "after_norm" and table.padded:
                    blank = (table.gather[order] == height * width).unsqueeze(-1)
                if with_cp and torch.is_grad_enabled():
                    output = checkpoint(block, windows, bias, blank, use_reentrant=False)
                else:
                    output = block(windows, bias, blank)
                if table.padded:
                    places = flat_index(table.scatter[order], rows_per_image)
                rows.view(-1, channels).index_copy_(0, places, output.reshape(-1, channels).to(rows.dtype))
            if trace is not None:
                trace(f"b{index}.out", rows[:, : height * width].clone())
        return rows[:, : height * width]


class SparseViT(nn.Module):
    """The backbone. It keeps no state between passes; what to prune is the argument `plan`.

    Args:
        pretrain_img_size: (height, width) in pixels that an absolute position table belongs to.
        in_channels: channels of the image.
        embed_dims: channels of the first stage; each later stage doubles them.
        patch_size: side of a patch in pixels.
        window_size: side of a window in tokens.
        mlp_ratio: hidden width of the MLP in units of the channels.
        depths, num_heads: blocks and attention heads per stage.
        strides: downsampling of each stage; the first must equal `patch_size`, the others must be 2.
        out_indices: stages whose normalised maps are returned.
        qkv_bias, qk_scale, patch_norm, drop_rate, attn_drop_rate, drop_path_rate: as in Swin.
        use_abs_pos_embed: add a learned table of absolute positions, resized to the map.
        with_cp: gradient checkpointing of every block, for less memory in training.
        frozen_stages: stop gradients of the patch embedding (>= 0) and of the first stages (>= 1).
        padding: where border windows are filled up, see `Padding`.
    Raises:
        InputError: options that contradict each other.
    """

    def __init__(
        self,
        pretrain_img_size: int | Sequence[int] = 224,
        in_channels: int = 3,
        embed_dims: int = 96,
        patch_size: int = 4,
        window_size: int = 7,
        mlp_ratio: float = 4,
        depths: Sequence[int] = (2, 2, 6, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        strides: Sequence[int] | None = None,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        qkv_bias: bool = True,
        qk_scale: float | None = None,
        patch_norm: bool = True,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.1,
        use_abs_pos_embed: bool = False,
        with_cp: bool = False,
        frozen_stages: int = -1,
        padding: Padding = "before_norm",
    ) -> None:
        super().__init__()
        strides = (patch_size, *[2] * (len(depths) - 1)) if strides is None else tuple(strides)
        if strides != (patch_size, *[2] * (len(depths) - 1)) or len(num_heads) != len(depths):
            raise InputError(
                f"strides {strides} must be patch_size={patch_size} and then 2 per stage, and num_heads {num_heads} "
                f"must have one entry per stage of depths {depths}"
            )
        if padding not in ("before_norm", "after_norm"):
            raise InputError(f"padding={padding!r} must be 'before_norm' or 'after_norm'")
        self.geometry = Geometry(embed_dims, tuple(depths), window_size, patch_size, mlp_ratio, in_channels)
        self.out_indices = tuple(out_indices)
        self.with_cp = with_cp
        self.frozen_stages = frozen_stages
        self.padding = padding
        self.patch_embed = PatchEmbed(in_channels, embed_dims, patch_size, patch_norm)
        self.absolute_pos_embed: nn.Parameter | None = None
        if use_abs_pos_embed:
            sides = (pretrain_img_size,) * 2 if isinstance(pretrain_img_size, int) else tuple(pretrain_img_size)
            table = torch.zeros(1, embed_dims, sides[0] // patch_size, sides[1] // patch_size)
            self.absolute_pos_embed = nn.Parameter(nn.init.trunc_normal_(table, std=0.02))
        self.drop_after_pos = nn.Dropout(drop_rate)

        drop_paths = [drop_path_rate * block / max(1, sum(depths) - 1) for block in range(sum(depths))]
        stages = []
        for stage, (depth, heads) in enumerate(zip(depths, num_heads, strict=True)):
            channels = embed_dims * 2**stage
            blocks = []
            for _ in range(depth):
                w_msa = WindowMSA(channels, heads, window_size, qkv_bias, qk_scale, attn_drop_rate, drop_rate)
                blocks.append(Block(channels, w_msa, mlp_ratio, drop_rate, drop_paths.pop(0)))
            last = stage + 1 == len(depths)
            stages.append(Stage(blocks, None if last else PatchMerging(channels, patch_norm), window_size))
        self.stages = nn.ModuleList(stages)
        for stage in self.out_indices:
            self.add_module(f"norm{stage}", nn.LayerNorm(embed_dims * 2**stage))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        self._freeze()

    def space(self, input_size: tuple[int, int], values: Sequence[float] = RATIOS) -> Space:
        """The published space of plans at (height, width) pixels; see `Geometry.space`."""
        return self.geometry.space(input_size, values)

    def work(self, plan: Mapping[str, Value], input_size: tuple[int, int]) -> Work:
        """Kept windows and MACs per block for one image of (height, width) pixels; see `Geometry.work`."""
        return self.geometry.work(plan, input_size)

    def draw_plan(self, rng: random.Random) -> Plan:
        """A plan for one iteration of sparsity-aware adaptation; see `draw_adaptation_plan`."""
        return draw_adaptation_plan(self.geometry.depths, rng)

    def fit_checkpoint(self, state: Mapping[str, Tensor]) -> Fitted:
        """The Swin authors' layout converted to mmdet's, which is this backbone's; see `from_swin_authors`."""
        return from_swin_authors(state, self.state_dict()) if is_swin_authors(state) else Fitted(dict(state))

    def forward(self, x: Tensor, plan: Mapping[str, Value] = DENSE, trace: Trace | None = None) -> tuple[Tensor, ...]:
        """Feature maps of the stages in `out_indices`.

        Args:
            x: (B, in_channels, height, width) images, any size.
            plan: pruning ratio per knob; empty means dense. Every image keeps the same number of windows, not the
                same windows.
            trace: told of every selection, for parity tests and pictures.
        Returns:
            one (B, C_i, H_i, W_i) map per entry of `out_indices`.
        Raises:
            InputError: `x` is no batch of images with `in_channels` channels.
            PlanError: a knob does not exist, or counts grow inside a stage.
        """
        if x.dim() != 4 or x.shape[1] != self.geometry.in_channels or min(x.shape[2:]) < 1:
            raise InputError(
                f"expected images of shape (batch, {self.geometry.in_channels}, height, width); got {tuple(x.shape)}"
            )
        input_size = (int(x.shape[2]), int(x.shape[3]))
        sizes = self.geometry.stage_sizes(input_size)
        kept = schedule(Plan.of(plan), self.geometry.depths, self.geometry.windows(input_size))
        tokens = self.patch_embed(x)
        if self.absolute_pos_embed is not None:
            table = F.interpolate(self.absolute_pos_embed, size=sizes[0], mode="bicubic", align_corners=False)
            tokens = tokens + table.flatten(2).transpose(1, 2)
        tokens = self.drop_after_pos(tokens)
        outputs = []
        for index, (stage, size) in enumerate(zip(self.stages, sizes, strict=True)):
            assert isinstance(stage, Stage)
            stage_trace = _prefixed(trace, f"s{index}.")
            tokens = stage(tokens, size, kept[index], self.padding, self.with_cp, stage_trace)
            if index in self.out_indices:
                normed = self.get_submodule(f"norm{index}")(tokens)
                outputs.append(normed.view(-1, *size, normed.shape[-1]).permute(0, 3, 1, 2).contiguous())
            if stage.downsample is not None:
                tokens = stage.downsample(tokens, size)
        return tuple(outputs)

    def pictures(self, x: Tensor, plan: Mapping[str, Value] = DENSE) -> tuple[Picture, ...]:
        """The windows that every block processes; see `window_pictures`."""
        kept: dict[str, Tensor] = {}
        with torch.no_grad():
            self.forward(x, plan, lambda name, value: kept.update({name: value} if name.endswith(".kept") else {}))
        return window_pictures(self.geometry, kept, x)

    def train(self, mode: bool = True) -> "SparseViT":
        """As for any module; frozen stages stay in evaluation mode."""
        super().train(mode)
        self._freeze()
        return self

    def _freeze(self) -> None:
        norms = {stage: self.get_submodule(f"norm{stage}") for stage in self.out_indices}
        freeze(self.stages, self.frozen_stages, (self.patch_embed, self.drop_after_pos), self.absolute_pos_embed, norms)


def _tell(trace: Trace | None, name: str, value: Tensor) -> None:
    if trace is not None:
        trace(name, value)


def _prefixed(trace: Trace | None, prefix: str) -> Trace | None:
    return None if trace is None else lambda name, value: trace(prefix + name, value)
