"""STViT-R: a Swin Transformer whose third stage works on a few semantic tokens per window, and recovers the map.

Source: STViT-R (arXiv 2303.08685). Parameters and state-dict keys are those of the released detection code.
Letters: B images, H x W tokens, C channels, n windows.
"""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.errors import InputError
from models.fitting import Fitted
from models.freezing import freeze
from models.picture import Picture
from models.plan import Plan, Value
from models.space import Space
from models.stvit_r_convert import from_stvit_r_authors
from models.stvit_r_dumbbell import run_dumbbell, skip_dumbbell
from models.stvit_r_geometry import STAGE, StvitRGeometry
from models.stvit_r_layers import Stem
from models.stvit_r_pictures import dumbbell_pictures
from models.stvit_r_plan import Dumbbell
from models.stvit_r_reach import MASKS, Mask
from models.stvit_r_stages import Stage, Trace, build_stages, caller, checked_size, telling
from models.work import Work

DEFAULT = Plan()
"""Every dumbbell as the backbone was constructed: the published point."""


class STViTR(nn.Module):
    """The backbone for detection. It keeps no state between passes; how each dumbbell runs is the argument `plan`.

    Args:
        pretrain_img_size: (height, width) in pixels that an absolute position table belongs to.
        in_channels: channels of the image.
        embed_dims: channels of the first stage; each later stage doubles them.
        window_size: side of a window in tokens.
        mlp_ratio: hidden width of the MLP in units of the channels.
        depths, num_heads: blocks and attention heads per stage; the third stage has 6, 12, 18, ... blocks.
        window_sample_size, k_window_size_1, k_window_size_2, restore_k_window_size: s, k1, k2 and kr of every dumbbell
            that a plan says nothing about, see `Dumbbell`.
        out_indices: stages whose normalised maps are returned.
        drop_path_rate: stochastic depth, growing from 0 to this.
        use_abs_pos_embed: add a learned table of absolute positions, resized to the map.
        use_conv_pos: convolutional positions of the pooled tokens; a checkpoint has them or not.
        mask: which keys are hidden; "original" for the released detectors, "exact" for new ones.
        with_cp: gradient checkpointing of every block, for less memory in training.
        frozen_stages: stop gradients of the stem (>= 0) and of the first stages (>= 1).
    Raises:
        InputError: options that contradict each other.
    """

    def __init__(
        self,
        pretrain_img_size: int | Sequence[int] = 224,
        in_channels: int = 3,
        embed_dims: int = 96,
        window_size: int = 7,
        mlp_ratio: float = 4,
        depths: Sequence[int] = (2, 2, 18, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        window_sample_size: int = 3,
        k_window_size_1: int = 14,
        k_window_size_2: int = 21,
        restore_k_window_size: int = 27,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        drop_path_rate: float = 0.2,
        use_abs_pos_embed: bool = False,
        use_conv_pos: bool = False,
        mask: Mask = "original",
        with_cp: bool = False,
        frozen_stages: int = -1,
    ) -> None:
        super().__init__()
        if mask not in MASKS or len(num_heads) != len(depths):
            raise InputError(
                f"mask={mask!r} must be one of {MASKS}, and num_heads {num_heads} as many as depths {depths}"
            )
        default = Dumbbell(window_sample_size, k_window_size_1, k_window_size_2, restore_k_window_size)
        self.geometry = StvitRGeometry(
            embed_dims, tuple(depths), window_size, default, mask, mlp_ratio=mlp_ratio, in_channels=in_channels
        )
        self.out_indices = tuple(out_indices)
        self.with_cp = with_cp
        self.frozen_stages = frozen_stages
        self.patch_embed = Stem(in_channels, embed_dims)
        self.absolute_pos_embed: nn.Parameter | None = None
        if use_abs_pos_embed:
            sides = (pretrain_img_size,) * 2 if isinstance(pretrain_img_size, int) else tuple(pretrain_img_size)
            table = torch.zeros(1, embed_dims, sides[0] // 4, sides[1] // 4)
            self.absolute_pos_embed = nn.Parameter(nn.init.trunc_normal_(table, std=0.02))
        self.layers = build_stages(embed_dims, depths, num_heads, window_size, mlp_ratio, drop_path_rate, use_conv_pos)
        for stage in self.out_indices:
            self.add_module(f"norm{stage}", nn.LayerNorm(embed_dims * 2**stage))
        self._freeze()

    def space(self, input_size: tuple[int, int], wider: bool = False) -> Space:
        """The plans at (height, width) pixels; see `StvitRGeometry.space`."""
        return self.geometry.space(input_size, wider)

    def work(self, plan: Mapping[str, Value], input_size: tuple[int, int]) -> Work:
        """Tokens and MACs per block for one image of (height, width) pixels; see `StvitRGeometry.work`."""
        return self.geometry.work(plan, input_size)

    def fit_checkpoint(self, state: Mapping[str, Tensor]) -> Fitted:
        """Released files of detection and of classification; see `from_stvit_r_authors`."""
        return from_stvit_r_authors(state, self.state_dict())

    def forward(self, x: Tensor, plan: Mapping[str, Value] = DEFAULT, trace: Trace | None = None) -> tuple[Tensor, ...]:
        """Feature maps of the stages in `out_indices`.

        Args:
            x: (B, in_channels, height, width) images, any size.
            plan: how each dumbbell runs; empty means as constructed.
            trace: told of the stem's tokens and of all that the third stage puts out, for parity tests and pictures.
        Returns:
            one (B, C_i, H_i, W_i) map per entry of `out_indices`.
        Raises:
            InputError: `x` is no batch of images with `in_channels` channels.
            PlanError: a knob does not exist, or its value cannot run.
        """
        input_size = checked_size(x, self.geometry.in_channels)
        schedule, sizes = self.geometry.schedule(plan), self.geometry.stage_sizes(input_size)
        tokens = self.patch_embed(x)
        if trace is not None:
            trace("stem", tokens)
        if self.absolute_pos_embed is not None:
            table = F.interpolate(self.absolute_pos_embed, size=sizes[0], mode="bicubic", align_corners=False)
            tokens = tokens + table.flatten(2).transpose(1, 2)
        call = caller(self.with_cp)
        outputs = []
        for index, (stage, size) in enumerate(zip(self.layers, sizes, strict=True)):
            assert isinstance(stage, Stage)
            if index == STAGE:
                grid = self.geometry.grid(input_size)
                for number, (blocks, run) in enumerate(zip(stage.dumbbells(), schedule, strict=True)):
                    if run is None:
                        tokens = skip_dumbbell(blocks, tokens)
                    else:
                        tell = telling(trace, number)
                        tokens = run_dumbbell(blocks, tokens, grid, run, self.geometry.mask, call, tell)
            else:
                for block, swin in enumerate(stage.blocks):
                    tokens = call(swin, tokens, size, block % 2 * (self.geometry.window_size // 2))
            if index in self.out_indices:
                normed = self.get_submodule(f"norm{index}")(tokens)
                outputs.append(normed.view(-1, *size, normed.shape[-1]).permute(0, 3, 1, 2).contiguous())
            if stage.downsample is not None:
                tokens = stage.downsample(tokens, size)
        return tuple(outputs)

    def pictures(self, x: Tensor, plan: Mapping[str, Value] = DEFAULT) -> tuple[Picture, ...]:
        """The semantic tokens of every dumbbell, and what is recovered from which; see `dumbbell_pictures`."""
        told: dict[str, Tensor] = {}
        with torch.no_grad():
            self.forward(x, plan, lambda name, value: told.update({name: value} if name.endswith(".out") else {}))
            stage = self.layers[STAGE]
            assert isinstance(stage, Stage)
            return dumbbell_pictures(self.geometry, list(stage.dumbbells()), self.geometry.schedule(plan), told, x)

    def train(self, mode: bool = True) -> "STViTR":
        """As for any module; frozen stages stay in evaluation mode."""
        super().train(mode)
        self._freeze()
        return self

    def _freeze(self) -> None:
        norms = {stage: self.get_submodule(f"norm{stage}") for stage in self.out_indices}
        freeze(self.layers, self.frozen_stages, (self.patch_embed,), self.absolute_pos_embed, norms)
