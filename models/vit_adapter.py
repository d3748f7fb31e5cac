"""ViT-Adapter: a plain vision transformer with a convolutional pyramid beside it, for dense prediction.

Source: ViT-Adapter (arXiv 2205.08534), the dense parent of SViT (arXiv 2306.07050). State-dict keys are those of the
released detection code. Letters: B images, C channels, H x W tokens at 1/16.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor

from models.errors import InputError
from models.fitting import Fitted
from models.plan import Plan, Value
from models.space import Space
from models.svit_convert import fit_dense
from models.vit_adapter_geometry import AdapterGeometry
from models.vit_adapter_layers import Block, Trace, caller
from models.vit_adapter_trunk import AdapterTrunk
from models.work import Work

DENSE = Plan()
"""All there is."""

INTERACTIONS = ((0, 2), (3, 5), (6, 8), (9, 11))
"""Published: four, with three blocks each."""


class ViTAdapter(AdapterTrunk):
    """The dense backbone, with global or windowed attention.

    Args:
        pretrain_size: side in pixels of the images that the table of positions belongs to.
        in_channels: channels of the image.
        embed_dim, depth, num_heads: C, blocks and attention heads.
        mlp_ratio: hidden width of the MLPs in units of C.
        drop_path_rate: stochastic depth of the blocks, growing from 0 to this; of the extractors, this.
        layer_scale: learn a factor per channel for both branches of a block.
        window_size: side of the attention windows of every block in tokens, None where a block sees all tokens; one
            entry per block, or None: all blocks see all.
        conv_inplane: channels of the convolutional stem.
        n_points, deform_num_heads, deform_ratio: points per map and head of the deformable attention, its heads, and
            the channels of its values in units of C.
        with_cffn, cffn_ratio: give extractors a feed-forward part, of so many hidden channels in units of C.
        interaction_indexes: (first, last) block of each interaction.
        use_extra_extractor: two more extractors at the end.
        add_vit_feature: add the transformer's tokens to all maps.
        with_cp: gradient checkpointing, for less memory in training.
    Raises:
        InputError: options that contradict each other.
    """

    def __init__(
        self,
        pretrain_size: int = 224,
        in_channels: int = 3,
        embed_dim: int = 192,
        depth: int = 12,
        num_heads: int = 3,
        mlp_ratio: float = 4,
        drop_path_rate: float = 0.0,
        layer_scale: bool = False,
        window_size: Sequence[int | None] | None = None,
        conv_inplane: int = 64,
        n_points: int = 4,
        deform_num_heads: int = 6,
        deform_ratio: float = 1.0,
        with_cffn: bool = True,
        cffn_ratio: float = 0.25,
        interaction_indexes: Sequence[Sequence[int]] = INTERACTIONS,
        use_extra_extractor: bool = True,
        add_vit_feature: bool = True,
        with_cp: bool = False,
    ) -> None:
        if embed_dim % num_heads:
            raise InputError(f"embed_dim={embed_dim} cannot be divided among num_heads={num_heads}")
        geometry = AdapterGeometry(
            embed_dim,
            depth,
            tuple((first, last) for first, last in interaction_indexes),
            (None,) * depth if window_size is None else tuple(window_size),
            mlp_ratio,
            conv_inplane,
            n_points,
            deform_num_heads,
            deform_ratio,
            int(embed_dim * cffn_ratio) if with_cffn else 0,
            2 if use_extra_extractor else 0,
            in_channels,
        )
        rates = drop_paths(drop_path_rate, depth)
        blocks = [
            Block(embed_dim, num_heads, mlp_ratio, rate, layer_scale, window)
            for rate, window in zip(rates, geometry.windows, strict=True)
        ]
        super().__init__(geometry, blocks, (), pretrain_size, drop_path_rate, add_vit_feature, with_cp)

    def space(self, input_size: tuple[int, int]) -> Space:
        """A space of one plan: dense."""
        return self.adapter.space(input_size)

    def work(self, plan: Mapping[str, Value], input_size: tuple[int, int]) -> Work:
        """Tokens and MACs per block for one image of (height, width) pixels; see `AdapterGeometry.work`."""
        return self.adapter.work(plan, input_size)

    def fit_checkpoint(self, state: Mapping[str, Tensor]) -> Fitted:
        """Own files, and DeiT's of ImageNet; see `svit_convert.fit_dense`."""
        return fit_dense(state, self.state_dict())

    def forward(self, x: Tensor, plan: Mapping[str, Value] = DENSE, trace: Trace | None = None) -> tuple[Tensor, ...]:
        """Feature maps.

        Args:
            x: (B, in_channels, height, width) images, any size.
            plan: empty.
            trace: told of tokens and pyramid before the first interaction and after each, for parity tests.
        Returns:
            four maps (B, C, height / s, width / s), rounded up, for s = 4, 8, 16, 32.
        Raises:
            InputError: `x` is no batch of images with `in_channels` channels.
            PlanError: the plan sets a knob.
        """
        self.adapter.check(plan)
        tokens, pyramid, finest, levels = self.start(x, trace)
        call = caller(self.with_cp)
        for index, (first, last) in enumerate(self.adapter.interactions):
            tokens = self.inject(index, tokens, pyramid, levels, trace)
            for block in self.blocks[first : last + 1]:
                tokens = call(block, tokens, levels.size)
            pyramid = self.extract(index, pyramid, tokens, levels, trace, self.adapter.extra_extractors)
        return self.finish(tokens, pyramid, finest, levels, (x.shape[2], x.shape[3]))


def drop_paths(rate: float, depth: int) -> list[float]:
    """Stochastic depth of every block, from 0 to `rate`."""
    return [rate * block / max(1, depth - 1) for block in range(depth)]
