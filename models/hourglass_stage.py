"""A stage of an hourglass transformer: dense blocks, then blocks on clusters, then the map again.

Letters: B samples, L tokens of a map, G = B * n windows, N tokens and M clusters in a window, C channels.
Source: arXiv 2210.01035, figure 2.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.hourglass_bias import cropped_table, relative_bias, resized_table
from models.hourglass_geometry import ClusteredMap, HourglassGeometry
from models.hourglass_layers import Block
from models.hourglass_plan import Hourglass, Size
from models.hourglass_windows import Windows, into_windows, take, window_major, windows
from models.stvit_r_layers import Merging
from models.stvit_r_stages import Trace, caller
from models.token_clustering import Clustering, cluster, membership, pooled, reconstruct

NO_SHIFT = (0, 0, 0)


class Stage(nn.Module):
    """The blocks of one resolution, and merging to the next."""

    def __init__(self, blocks: Sequence[Block], downsample: Merging | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = downsample

    def forward(
        self,
        tokens: Tensor,
        size: Size,
        geometry: HourglassGeometry,
        hourglass: Hourglass | None,
        with_cp: bool,
        trace: Trace | None,
    ) -> Tensor:
        """Run the blocks (not the merging): (B, L, C) -> (B, L, C).

        Args:
            size: tokens per axis.
            geometry: of the backbone.
            hourglass: where this stage clusters; None: nowhere.
            with_cp: gradient checkpointing of every block.
            trace: told of `features`, `pooled`, `clusters`, `refined`, `reconstructed`, all (G, N or M, C), and of
                `membership`, (B, L), the cluster that each token belongs to most.
        """
        run, blocks = caller(with_cp), list(self.blocks)
        start = len(blocks) if hourglass is None else hourglass.block
        window, shift = geometry.dense(size)
        for number, block in enumerate(blocks[:start]):
            assert isinstance(block, Block)
            step = shift if number % 2 else NO_SHIFT
            where = windows(size, window, step, step, tokens.device)
            tokens = run(_dense, block, tokens, where, geometry, window)
        if hourglass is None:
            return tokens
        small, how = geometry.clustered(size, hourglass), clustering(geometry, size, hourglass)
        cells = windows(size, small.window, NO_SHIFT, NO_SHIFT, tokens.device)
        # padding is clustered like any token
        features = into_windows(tokens, cells, None).reshape(-1, cells.tokens, tokens.shape[-1])
        clusters = cluster(features, how)
        if trace is not None:
            trace("features", features)
            trace("pooled", pooled(features.float(), how))
            trace("clusters", clusters)
            own = membership(features, clusters, how).view(-1, cells.total, cells.tokens)
            own = own + torch.arange(cells.total, device=own.device)[:, None] * clusters.shape[1]
            trace("membership", take(own.view(-1, cells.total * cells.tokens, 1), cells.scatter).squeeze(-1))
        # clusters already lie window by window, and stay so
        refined = clusters.to(tokens.dtype).view(tokens.shape[0], -1, tokens.shape[-1])
        shift, mask_shift = geometry.reduced(small)
        for number, block in enumerate(blocks[start:], start):
            assert isinstance(block, Block)
            step = shift if number % 2 else NO_SHIFT
            where = window_major(small.size, small.grid, step, mask_shift, tokens.device)
            refined = run(_reduced, block, refined, where, geometry, small)
        refined = refined.view(-1, clusters.shape[1], tokens.shape[-1])
        spread = reconstruct(refined, features, clusters, how)
        if trace is not None:
            trace("refined", refined)
            trace("reconstructed", spread)
        return take(spread.view(tokens.shape[0], -1, tokens.shape[-1]), cells.scatter)


def clustering(geometry: HourglassGeometry, size: Size, hourglass: Hourglass) -> Clustering:
    """How the windows of a map of `size` tokens are clustered."""
    small, rules = geometry.clustered(size, hourglass), geometry.rules
    return Clustering(
        small.window,
        small.grid,
        hourglass.iterations,
        hourglass.neighbourhood,
        hourglass.temperature,
        min(hourglass.k, math.prod(small.grid)),
        rules.label_map,
        rules.row_norm,
    )


def build_stages(
    geometry: HourglassGeometry,
    num_heads: Sequence[int],
    qkv_bias: bool,
    qk_scale: float | None,
    drop_path_rate: float,
) -> nn.ModuleList:
    """All stages, with fresh weights; arguments as in `VideoSwin`."""
    depths, total = geometry.depths, sum(geometry.depths)
    drop_paths = [drop_path_rate * block / max(1, total - 1) for block in range(total)]
    stages = []
    for stage, (depth, heads) in enumerate(zip(depths, num_heads, strict=True)):
        channels = geometry.embed_dims * 2**stage
        blocks = [
            Block(channels, heads, geometry.window, geometry.mlp_ratio, qkv_bias, qk_scale, drop_paths.pop(0))
            for _ in range(depth)
        ]
        stages.append(Stage(blocks, None if stage + 1 == len(depths) else Merging(channels)))
    for module in (module for stage in stages for module in stage.modules()):
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return nn.ModuleList(stages)


def merge(stage: Stage, tokens: Tensor, size: Size) -> Tensor:
    """To the next resolution, frame by frame: (B, L, C) -> (B, ceil(L / 4), 2C)."""
    assert stage.downsample is not None
    samples, _, channels = tokens.shape
    merged: Tensor = stage.downsample(tokens.reshape(samples * size[0], -1, channels), size[1:])
    return merged.view(samples, -1, merged.shape[-1])


def _dense(block: Block, tokens: Tensor, where: Windows, geometry: HourglassGeometry, window: Size) -> Tensor:
    table = block.attn.relative_position_bias_table
    bias = relative_bias(table, geometry.window, window, geometry.rules.clipped_bias)
    output: Tensor = block(tokens, where, bias, geometry.rules.padding)
    return output


def _reduced(block: Block, tokens: Tensor, where: Windows, geometry: HourglassGeometry, small: ClusteredMap) -> Tensor:
    # the table of the checkpoint stays as it is; the small one is derived from it in every pass
    table = cropped_table(block.attn.relative_position_bias_table, geometry.window, small.window)
    table = resized_table(table, small.window, small.grid)
    bias = relative_bias(table, small.grid, small.grid, "exact")
    output: Tensor = block(tokens, where, bias, geometry.rules.padding)
    return output
