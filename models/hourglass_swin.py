"""Swin Transformer for images whose blocks may work on clusters of tokens: an hourglass over rows and columns.

Source: Swin Transformer (arXiv 2103.14030); clustering: arXiv 2210.01035. Parameters and state-dict keys are those of
the authors, of Mask2Former and of DINO, whose checkpoints are dense: no plan changes a parameter.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from models.calibration import Tell
from models.errors import InputError
from models.fitting import Fitted
from models.freezing import freeze
from models.hourglass_checkpoint import fit_swin
from models.hourglass_geometry import HourglassGeometry
from models.hourglass_layers import PatchEmbed
from models.hourglass_pictures import cluster_pictures
from models.hourglass_plan import Defaults, parse_grid
from models.hourglass_rules import LabelMap, Padding, RowNorm, Rules, ShiftMask
from models.hourglass_stage import Stage, build_stages, merge
from models.picture import Picture
from models.plan import Plan, Value
from models.space import Space
from models.stvit_r_stages import Trace, checked_size
from models.video_swin import prefixed
from models.work import Work

DENSE = Plan()


class HourglassSwin(nn.Module):
    """The backbone. It keeps no state between passes; where and how it clusters is the argument `plan`.

    The released flavours differ in `out_indices` alone (Mask2Former all four, DINO the last three or all). DINO's code
    states temperatures as divisors (100 is a temperature of 0.01 here), and skips clustering where a stage starts or
    where the map holds as many tokens as clusters; that is not copied.

    Args:
        in_channels: channels of the image.
        embed_dims: channels of the first stage; each later stage doubles them.
        patch_size: side of a patch in pixels.
        window_size: side of a window in tokens.
        mlp_ratio: hidden width of the MLP in units of the channels.
        depths, num_heads: blocks and attention heads per stage.
        out_indices: stages whose normalised maps are returned.
        qkv_bias, qk_scale, patch_norm, drop_path_rate: as in Swin.
        grid, iterations, neighbourhood, temperature, k: what a plan that clusters without saying how gets; see
            `hourglass_plan`. The grid defaults to the finest of the space.
        padding, shift_mask, label_map, row_norm, clip_clusters: see `hourglass_rules`; by default as released. A
            checkpoint of SparseViT needs `padding="before_norm"`.
        with_cp: gradient checkpointing of every block, for less memory in training.
        frozen_stages: stop gradients of the patch embedding (>= 0) and of the first stages (>= 1).
    Raises:
        InputError: options that contradict each other.
        PlanError: a default that no plan could have.
    """

    def __init__(
        self,
        in_channels: int = 3,
        embed_dims: int = 96,
        patch_size: int = 4,
        window_size: int = 7,
        mlp_ratio: float = 4,
        depths: Sequence[int] = (2, 2, 6, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        out_indices: Sequence[int] = (0, 1, 2, 3),
        qkv_bias: bool = True,
        qk_scale: float | None = None,
        patch_norm: bool = True,
        drop_path_rate: float = 0.1,
        grid: int | str | None = None,
        iterations: int = 5,
        neighbourhood: int = 5,
        temperature: float = 0.01,
        k: int = 25,
        padding: Padding = "after_norm",
        shift_mask: ShiftMask = "trained",
        label_map: LabelMap = "nearest",
        row_norm: RowNorm = "l2",
        clip_clusters: bool = False,
        with_cp: bool = False,
        frozen_stages: int = -1,
    ) -> None:
        super().__init__()
        if len(num_heads) != len(depths):
            raise InputError(f"num_heads {num_heads} must have one entry per stage of depths {depths}")
        window = (1, window_size, window_size)
        rules = Rules(False, clip_clusters, padding, "exact", shift_mask, label_map, row_norm)
        chosen = None if grid is None else parse_grid(grid, window)
        defaults = Defaults(chosen, iterations, neighbourhood, temperature, k)
        patch = (1, patch_size, patch_size)
        self.geometry = HourglassGeometry(
            embed_dims, tuple(depths), window, patch, 1, rules, defaults, mlp_ratio, in_channels
        )
        self.geometry.parse({})
        self.out_indices = tuple(out_indices)
        self.with_cp = with_cp
        self.frozen_stages = frozen_stages
        self.patch_embed = PatchEmbed(in_channels, embed_dims, patch, True, patch_norm)
        self.layers = build_stages(self.geometry, num_heads, qkv_bias, qk_scale, drop_path_rate)
        for stage in self.out_indices:
            self.add_module(f"norm{stage}", nn.LayerNorm(embed_dims * 2**stage))
        self._freeze()

    def space(self, input_size: tuple[int, int], stage: int = -2) -> Space:
        """The plans at (height, width) pixels; see `HourglassGeometry.space`."""
        return self.geometry.space(input_size, stage)

    def work(self, plan: Mapping[str, Value], input_size: tuple[int, int]) -> Work:
        """Tokens and MACs per block for one image of (height, width) pixels; see `HourglassGeometry.work`."""
        return self.geometry.work(plan, input_size)

    def calibrated(self, plan: Mapping[str, Value], batches: Sequence[Tensor], tell: Tell) -> Plan:
        """The plan with the way of clustering that keeps the maps best; see `hourglass_calibrate.calibrate`."""
        from models.hourglass_calibrate import calibrate, in_words

        return calibrate(self, plan, batches, progress=in_words(tell)).plan

    def forward(self, x: Tensor, plan: Mapping[str, Value] = DENSE, trace: Trace | None = None) -> tuple[Tensor, ...]:
        """Feature maps of the stages in `out_indices`.

        Args:
            x: (B, in_channels, height, width) images, any size.
            plan: where and how tokens are clustered; empty means dense.
            trace: told of every clustering and of the map after each stage, for parity tests and pictures.
        Returns:
            one (B, C_i, H_i, W_i) map per entry of `out_indices`.
        Raises:
            InputError: `x` is no batch of images with `in_channels` channels.
            PlanError: a knob does not exist, or its value cannot run.
        """
        sizes = self.geometry.maps(checked_size(x, self.geometry.in_channels))
        hourglass = self.geometry.parse(plan)
        tokens, outputs = self.patch_embed(x), []
        for number, (stage, size) in enumerate(zip(self.layers, sizes, strict=True)):
            assert isinstance(stage, Stage)
            here = hourglass if hourglass is not None and hourglass.stage == number else None
            tokens = stage(tokens, size, self.geometry, here, self.with_cp, prefixed(trace, f"s{number}."))
            if trace is not None:
                trace(f"s{number}.out", tokens)
            if number in self.out_indices:
                normed = self.get_submodule(f"norm{number}")(tokens)
                outputs.append(normed.view(-1, *size[1:], normed.shape[-1]).permute(0, 3, 1, 2).contiguous())
            if stage.downsample is not None:
                tokens = merge(stage, tokens, size)
        return tuple(outputs)

    def fit_checkpoint(self, state: Mapping[str, Tensor]) -> Fitted:
        """Entries of a released file as this model's; see `hourglass_checkpoint.fit_swin`."""
        return fit_swin(state, self.state_dict(), self.geometry)

    def pictures(self, x: Tensor, plan: Mapping[str, Value]) -> tuple[Picture, ...]:
        """The cluster that each token belongs to most; nothing for a dense plan."""
        return cluster_pictures(self, self.geometry, x, plan)

    def train(self, mode: bool = True) -> "HourglassSwin":
        """As for any module; frozen stages stay in evaluation mode."""
        super().train(mode)
        self._freeze()
        return self

    def _freeze(self) -> None:
        norms = {stage: self.get_submodule(f"norm{stage}") for stage in self.out_indices}
        freeze(self.layers, self.frozen_stages, (self.patch_embed,), None, norms)
