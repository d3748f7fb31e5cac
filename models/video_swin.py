"""Video Swin Transformer whose blocks may work on clusters of tokens: an hourglass over frames, rows and columns.

Source: Video Swin Transformer (arXiv 2106.13230); clustering: arXiv 2210.01035. Parameters and state-dict keys are
those of the released checkpoints, which are dense: no plan changes a parameter.
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
from models.hourglass_rules import ClippedBias, LabelMap, RowNorm, Rules
from models.hourglass_stage import Stage, build_stages, merge
from models.picture import Picture
from models.plan import Plan, Value
from models.space import Space
from models.stvit_r_stages import Trace
from models.work import Work

DENSE = Plan()


class VideoSwin(nn.Module):
    """The backbone. It keeps no state between passes; where and how it clusters is the argument `plan`.

    Args:
        frames: frames of a clip that `space` and `work` take for granted; a forward pass takes any number.
        patch_size: (frames, height, width) of a patch.
        in_channels: channels of the frames.
        embed_dims: channels of the first stage; each later stage doubles them.
        depths, num_heads: blocks and attention heads per stage.
        window_size: (frames, rows, columns) of a window in tokens.
        mlp_ratio: hidden width of the MLP in units of the channels.
        qkv_bias, qk_scale, patch_norm, drop_path_rate: as in Swin.
        grid, iterations, neighbourhood, temperature, k: what a plan that clusters without saying how gets; see
            `hourglass_plan`. The grid defaults to the finest of the space.
        label_map, row_norm, clipped_bias, clip_clusters: see `hourglass_rules`; by default as released.
        with_cp: gradient checkpointing of every block, for less memory in training.
        frozen_stages: stop gradients of the patch embedding (>= 0) and of the first stages (>= 1).
    Raises:
        InputError: options that contradict each other.
        PlanError: a default that no plan could have.
    """

    def __init__(
        self,
        frames: int = 32,
        patch_size: Sequence[int] = (2, 4, 4),
        in_channels: int = 3,
        embed_dims: int = 96,
        depths: Sequence[int] = (2, 2, 6, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        window_size: Sequence[int] = (8, 7, 7),
        mlp_ratio: float = 4,
        qkv_bias: bool = True,
        qk_scale: float | None = None,
        patch_norm: bool = True,
        drop_path_rate: float = 0.1,
        grid: str | None = None,
        iterations: int = 5,
        neighbourhood: int = 5,
        temperature: float = 0.01,
        k: int = 25,
        label_map: LabelMap = "trilinear",
        row_norm: RowNorm = "l2",
        clipped_bias: ClippedBias = "prefix",
        clip_clusters: bool = False,
        with_cp: bool = False,
        frozen_stages: int = -1,
    ) -> None:
        super().__init__()
        patch, window = (tuple(sides) for sides in (patch_size, window_size))
        if len(patch) != 3 or len(window) != 3 or len(num_heads) != len(depths):
            raise InputError(
                f"patch_size {patch} and window_size {window} must be (frames, height, width), and num_heads "
                f"{num_heads} as many as depths {depths}"
            )
        rules = Rules(True, clip_clusters, clipped_bias=clipped_bias, label_map=label_map, row_norm=row_norm)
        chosen = None if grid is None else parse_grid(grid, window)
        defaults = Defaults(chosen, iterations, neighbourhood, temperature, k)
        self.geometry = HourglassGeometry(
            embed_dims, tuple(depths), window, patch, frames, rules, defaults, mlp_ratio, in_channels
        )
        self.geometry.parse({})
        self.frames = frames
        self.with_cp = with_cp
        self.frozen_stages = frozen_stages
        self.patch_embed = PatchEmbed(in_channels, embed_dims, patch, False, patch_norm)
        self.layers = build_stages(self.geometry, num_heads, qkv_bias, qk_scale, drop_path_rate)
        self.norm = nn.LayerNorm(embed_dims * 2 ** (len(depths) - 1))
        self._freeze()

    def space(self, input_size: tuple[int, int], stage: int = -2) -> Space:
        """The plans at (height, width) pixels; see `HourglassGeometry.space`."""
        return self.geometry.space(input_size, stage)

    def work(self, plan: Mapping[str, Value], input_size: tuple[int, int]) -> Work:
        """Tokens and MACs per block for one clip of (height, width) pixels; see `HourglassGeometry.work`."""
        return self.geometry.work(plan, input_size)

    def calibrated(self, plan: Mapping[str, Value], batches: Sequence[Tensor], tell: Tell) -> Plan:
        """The plan with the way of clustering that keeps the maps best; see `hourglass_calibrate.calibrate`."""
        from models.hourglass_calibrate import calibrate, in_words

        return calibrate(self, plan, batches, progress=in_words(tell)).plan

    def forward(self, x: Tensor, plan: Mapping[str, Value] = DENSE, trace: Trace | None = None) -> tuple[Tensor, ...]:
        """The normalised map of the last stage.

        Args:
            x: (B, in_channels, frames, height, width) clips, any length and size. A clip shorter than a window is
                filled up where it is clustered, unless `clip_clusters` is set, and seen whole elsewhere.
            plan: where and how tokens are clustered; empty means dense.
            trace: told of every clustering and of the map after each stage, for parity tests and pictures.
        Returns:
            one (B, C, D, H, W) map: frames halved, height and width divided by 32, all rounded up.
        Raises:
            InputError: `x` is no batch of clips with `in_channels` channels.
            PlanError: a knob does not exist, or its value cannot run.
        """
        if x.dim() != 5 or x.shape[1] != self.geometry.in_channels or min(x.shape[2:]) < 1:
            raise InputError(
                f"expected clips of shape (batch, {self.geometry.in_channels}, frames, height, width); "
                f"got {tuple(x.shape)}"
            )
        hourglass = self.geometry.parse(plan)
        sizes = self.geometry.maps((int(x.shape[3]), int(x.shape[4])), int(x.shape[2]))
        tokens = self.patch_embed(x)
        for number, (stage, size) in enumerate(zip(self.layers, sizes, strict=True)):
            assert isinstance(stage, Stage)
            here = hourglass if hourglass is not None and hourglass.stage == number else None
            tokens = stage(tokens, size, self.geometry, here, self.with_cp, prefixed(trace, f"s{number}."))
            if stage.downsample is not None:
                tokens = merge(stage, tokens, size)
            if trace is not None:
                trace(f"s{number}.out", tokens)
        normed: Tensor = self.norm(tokens)
        return (normed.view(-1, *sizes[-1], normed.shape[-1]).permute(0, 4, 1, 2, 3).contiguous(),)

    def fit_checkpoint(self, state: Mapping[str, Tensor]) -> Fitted:
        """Entries of a released file as this model's; see `hourglass_checkpoint.fit_swin`."""
        return fit_swin(state, self.state_dict(), self.geometry)

    def pictures(self, x: Tensor, plan: Mapping[str, Value]) -> tuple[Picture, ...]:
        """The cluster that each token belongs to most, over all frames; nothing for a dense plan."""
        return cluster_pictures(self, self.geometry, x, plan)

    def train(self, mode: bool = True) -> "VideoSwin":
        """As for any module; frozen stages stay in evaluation mode."""
        super().train(mode)
        self._freeze()
        return self

    def _freeze(self) -> None:
        freeze(self.layers, self.frozen_stages, (self.patch_embed,), None, {})


def prefixed(trace: Trace | None, prefix: str) -> Trace | None:
    """A trace whose names start with `prefix`."""
    return None if trace is None else lambda name, value: trace(prefix + name, value)
