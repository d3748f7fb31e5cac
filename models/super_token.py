"""STViT: a four-stage vision transformer whose attention runs among super tokens.

Source: Vision Transformer with Super Token Sampling (arXiv 2211.11167). Not to be confused with STViT-R, whose tokens
are semantic. Parameters and state-dict keys are those of the released classification checkpoints; dense prediction was
never released, so `SuperTokenViT` follows what is known of it (the maps before each downsampling).
Letters: B images, H x W tokens, C channels.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.errors import InputError
from models.fitting import Fitted
from models.picture import Picture
from models.plan import Plan, Value
from models.space import Space
from models.super_token_attention import SuperTokenAttention
from models.super_token_block import SuperTokenBlock, SuperTokenStage, prefixed
from models.super_token_checkpoint import fit_super_tokens
from models.super_token_geometry import SuperTokenGeometry
from models.super_token_layers import Downsample, Stem, pointwise, to_map, to_tokens
from models.super_token_pictures import association_pictures
from models.super_token_plan import GRIDS, BlockSetting, CellLike, Refine, parse_cell, parse_iterations
from models.super_token_sampling import Trace
from models.work import Work

OWN = Plan()
"""Every block as the model was built."""


class SuperTokenTrunk(nn.Module):
    """Stem and stages, which the classifier and the backbone share. No state between passes; `plan` is an argument.

    Args:
        in_channels: channels of the image.
        embed_dims, depths, num_heads: channels, blocks and attention heads per stage.
        grid: cell of each stage when the plan names none, or a name in `GRIDS`.
        iterations: rounds of association per stage.
        refine: the refinement the blocks have weights for.
        mlp_ratio, qkv_bias, qk_scale: as in any vision transformer.
        drop_rate: dropout after the stem and in the feed-forward parts.
        drop_path_rate: stochastic depth of the last block; it grows linearly from 0.
        layer_scale: initial layer scale per stage; None: a stage without it.
        head: (projection, classes) for `work`; None without a classifier.
    Raises:
        InputError: options that contradict each other.
        PlanError: a cell or a number of iterations that is not legal.
    """

    def __init__(
        self,
        in_channels: int = 3,
        embed_dims: Sequence[int] = (64, 128, 320, 512),
        depths: Sequence[int] = (3, 5, 9, 3),
        num_heads: Sequence[int] = (1, 2, 5, 8),
        grid: str | Sequence[CellLike] = "classification",
        iterations: Sequence[int] = (1, 1, 1, 1),
        refine: Refine = "attention",
        mlp_ratio: float = 4,
        qkv_bias: bool = True,
        qk_scale: float | None = None,
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        layer_scale: Sequence[float | None] = (None, None, None, None),
        head: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        own = _settings(grid, iterations, refine)
        lengths = {len(part) for part in (embed_dims, depths, num_heads, own, layer_scale)}
        if len(lengths) != 1:
            raise InputError(
                f"embed_dims={tuple(embed_dims)}, depths={tuple(depths)}, num_heads={tuple(num_heads)}, grid={grid}, "
                f"iterations={tuple(iterations)} and layer_scale={tuple(layer_scale)} need one entry per stage each"
            )
        for channels, heads in zip(embed_dims, num_heads, strict=True):
            if channels % heads:
                raise InputError(f"{channels} channels cannot be divided among {heads} heads")
        self.geometry = SuperTokenGeometry(tuple(embed_dims), tuple(depths), own, mlp_ratio, in_channels, head)
        self.patch_embed = Stem(in_channels, embed_dims[0])
        self.pos_drop = nn.Dropout(drop_rate)
        last = max(1, sum(depths) - 1)
        drop_paths = iter([drop_path_rate * index / last for index in range(sum(depths))])
        stages = []
        for stage, channels in enumerate(embed_dims):
            blocks = []
            for _ in range(depths[stage]):
                attention = SuperTokenAttention(channels, num_heads[stage], qkv_bias, qk_scale, refine)
                path = next(drop_paths)
                blocks.append(SuperTokenBlock(attention, channels, mlp_ratio, drop_rate, path, layer_scale[stage]))
            follows = stage + 1 < len(embed_dims)
            stages.append(SuperTokenStage(blocks, Downsample(channels, embed_dims[stage + 1]) if follows else None))
        self.layers = nn.ModuleList(stages)

    def space(self, input_size: tuple[int, int], **choices: Any) -> Space:
        """Legal plans at (height, width) pixels; see `SuperTokenGeometry.space`."""
        return self.geometry.space(input_size, **choices)

    def work(self, plan: Mapping[str, Value], input_size: tuple[int, int]) -> Work:
        """Super tokens and MACs per block for one image of (height, width) pixels; see `SuperTokenGeometry.work`."""
        return self.geometry.work(plan, input_size)

    def fit_checkpoint(self, state: Mapping[str, Tensor]) -> Fitted:
        """Released files; a backbone leaves the classifier's end; see `fit_super_tokens`."""
        return fit_super_tokens(state, self.state_dict())

    def stages(self, x: Tensor, plan: Mapping[str, Value], trace: Trace | None) -> Iterator[Tensor]:
        """The map after the last block of every stage, (B, H, W, C).

        Raises:
            InputError: `x` is no batch of images with `in_channels` channels.
            PlanError: a knob does not exist, or its value is not legal.
        """
        if x.dim() != 4 or x.shape[1] != self.geometry.in_channels or min(x.shape[2:]) < 1:
            raise InputError(
                f"expected images of shape (batch, {self.geometry.in_channels}, height, width); got {tuple(x.shape)}"
            )
        settings = self.geometry.schedule(plan)
        tokens = self.pos_drop(self.patch_embed(x))
        if trace is not None:
            trace("stem", tokens)
        for index, stage in enumerate(self.layers):
            assert isinstance(stage, SuperTokenStage)
            tokens = stage(tokens, settings[index], prefixed(trace, f"s{index}."))
            if trace is not None:
                trace(f"s{index}.out", tokens)
            yield tokens
            if stage.downsample is not None:
                tokens = stage.downsample(tokens)

    def pictures(self, x: Tensor, plan: Mapping[str, Value] = OWN) -> tuple[Picture, ...]:
        """The super token that every token belongs to, block by block; see `association_pictures`."""
        last: dict[str, Tensor] = {}

        def trace(name: str, value: Tensor) -> None:
            if "association" in name:  # of rounds, only the last is used to carry features back
                last[name.rstrip("0123456789")] = value

        with torch.no_grad():
            for _ in self.stages(x, plan, trace):
                pass
        return association_pictures(self.geometry, last, x, plan)


class SuperTokenViT(SuperTokenTrunk):
    """The backbone for dense prediction: the map of every stage, taken before its downsampling.

    Args:
        out_indices: stages whose maps are returned.
        out_norm: give every returned map a LayerNorm of its own, which no published checkpoint has.
        norm_eval: keep BatchNorm in evaluation mode while training, as detectors with few images per GPU do.
        grid: the detection grid is an inference from published FLOPs; "hires" has fewer super tokens still.
        options: those of `SuperTokenTrunk`.
    """

    def __init__(
        self,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        out_norm: bool = False,
        norm_eval: bool = True,
        grid: str | Sequence[CellLike] = "detection",
        **options: Any,
    ) -> None:
        super().__init__(grid=grid, **options)
        stages = len(self.geometry.depths)
        if not out_indices or any(not 0 <= index < stages for index in out_indices):
            raise InputError(f"out_indices={tuple(out_indices)} must name some of the stages 0 to {stages - 1}")
        self.out_indices = tuple(out_indices)
        self.norm_eval = norm_eval
        self.extra_norms = nn.ModuleDict()
        if out_norm:
            for index in self.out_indices:
                self.extra_norms[str(index)] = nn.LayerNorm(self.geometry.embed_dims[index])

    def forward(self, x: Tensor, plan: Mapping[str, Value] = OWN, trace: Trace | None = None) -> tuple[Tensor, ...]:
        """Feature maps of the stages in `out_indices`.

        Args:
            x: (B, in_channels, height, width) images, any size.
            plan: grid, iters and refine of stages and blocks; empty means as built.
            trace: told of associations, super tokens and branches, for parity tests and pictures.
        Returns:
            one (B, C_i, H_i, W_i) map per entry of `out_indices`.
        Raises:
            InputError: `x` is no batch of images with `in_channels` channels.
            PlanError: a knob does not exist, or its value is not legal.
        """
        maps = list(self.stages(x, plan, trace))
        outputs = []
        for index in self.out_indices:
            tokens = maps[index]
            if str(index) in self.extra_norms:
                tokens = self.extra_norms[str(index)](tokens)
            outputs.append(to_map(tokens).contiguous())
        return tuple(outputs)

    def train(self, mode: bool = True) -> "SuperTokenViT":
        """As for any module; BatchNorm stays in evaluation mode under `norm_eval`."""
        super().train(mode)
        if self.norm_eval:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self


class SuperTokenClassifier(SuperTokenTrunk):
    """The classifier: a 1 x 1 projection, BatchNorm, SiLU, the mean over the map, and a linear layer.

    Args:
        num_classes: 0: return the mean itself.
        projection: channels of the projection.
        options: those of `SuperTokenTrunk`.
    """

    def __init__(self, num_classes: int = 1000, projection: int = 1024, **options: Any) -> None:
        super().__init__(head=(projection, num_classes), **options)
        self.proj = nn.Conv2d(self.geometry.embed_dims[-1], projection, 1)
        self.norm = nn.BatchNorm2d(projection)
        self.head = nn.Linear(projection, num_classes) if num_classes else nn.Identity()
        if isinstance(self.head, nn.Linear):
            nn.init.trunc_normal_(self.head.weight, std=0.02)
            nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor, plan: Mapping[str, Value] = OWN, trace: Trace | None = None) -> Tensor:
        """Logits.

        Args:
            x: (B, in_channels, height, width) images, any size.
            plan: grid, iters and refine of stages and blocks; empty means as built.
            trace: told of associations, super tokens and branches.
        Returns:
            (B, num_classes).
        Raises:
            InputError: `x` is no batch of images with `in_channels` channels.
            PlanError: a knob does not exist, or its value is not legal.
        """
        *_, tokens = self.stages(x, plan, trace)
        features = F.silu(to_tokens(self.norm(to_map(pointwise(tokens, self.proj)))))
        logits: Tensor = self.head(features.mean((1, 2)))
        return logits


def _settings(grid: str | Sequence[CellLike], iterations: Sequence[int], refine: Refine) -> tuple[BlockSetting, ...]:
    if isinstance(grid, str):
        if grid not in GRIDS:
            raise InputError(f"grid={grid!r} must be one cell per stage, or one of {', '.join(GRIDS)}")
        grid = GRIDS[grid]
    if refine not in ("attention", "conv", "none"):
        raise InputError(f"refine={refine!r} must be 'attention', 'conv' or 'none'")
    if len(grid) != len(iterations):
        raise InputError(f"grid={tuple(grid)} and iterations={tuple(iterations)} need one entry per stage each")
    return tuple(
        BlockSetting(parse_cell(cell), parse_iterations(rounds), refine)
        for cell, rounds in zip(grid, iterations, strict=True)
    )
