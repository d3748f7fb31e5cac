"""What dense and sparse ViT-Adapters share: everything around the blocks.

Letters: B images, C channels, H x W = N tokens at 1/16, M = 21 N / 4 tokens of the pyramid at 1/8, 1/16 and 1/32.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.errors import InputError
from models.vit_adapter_geometry import PATCH, STRIDE, AdapterGeometry
from models.vit_adapter_interaction import AdapterOptions, Interaction, Levels, levels_of
from models.vit_adapter_layers import Trace, caller
from models.vit_adapter_prior import SpatialPrior, upsample


class PatchEmbedding(nn.Module):
    """One token per patch of 16 x 16 pixels."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, channels, PATCH, stride=PATCH)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, height, width) -> (B, N, C)."""
        result: Tensor = self.proj(x).flatten(2).transpose(1, 2)
        return result


class AdapterTrunk(nn.Module):
    """Stem, positions, interactions and output of a ViT-Adapter; the blocks are what a subclass makes of them.

    Args:
        geometry: the integers.
        blocks: of the transformer, in order.
        selectors: of a sparse one.
        pretrain_size: side in pixels of the images that the table of positions belongs to.
        drop_path_rate: of the extractors' feed-forward part.
        add_vit_feature: add the transformer's tokens to all maps.
        with_cp: gradient checkpointing of blocks, injectors and extractors.
    """

    def __init__(
        self,
        geometry: AdapterGeometry,
        blocks: Sequence[nn.Module],
        selectors: Sequence[nn.Module] = (),
        pretrain_size: int = 224,
        drop_path_rate: float = 0.0,
        add_vit_feature: bool = True,
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        channels = geometry.embed_dim
        self.adapter = geometry
        self.add_vit_feature = add_vit_feature
        self.with_cp = with_cp
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + (pretrain_size // PATCH) ** 2, channels))
        self.level_embed = nn.Parameter(torch.zeros(3, channels))
        self.patch_embed = PatchEmbedding(geometry.in_channels, channels)
        self.blocks = nn.ModuleList(blocks)
        if selectors:
            self.selective_modules = nn.ModuleList(selectors)
        self.spm = SpatialPrior(geometry.conv_inplane, channels, geometry.in_channels)
        options = AdapterOptions(
            channels,
            geometry.deform_num_heads,
            geometry.n_points,
            geometry.deform_ratio,
            geometry.cffn or None,
            drop_path_rate,
        )
        last = len(geometry.interactions) - 1
        self.interactions = nn.ModuleList(
            Interaction(options, geometry.extra_extractors if index == last else 0) for index in range(last + 1)
        )
        self.up = nn.ConvTranspose2d(channels, channels, 2, stride=2)
        for level in range(1, 5):
            self.add_module(f"norm{level}", nn.BatchNorm2d(channels))
        initialise(self)

    def start(self, x: Tensor, trace: Trace | None) -> tuple[Tensor, Tensor, Tensor, Levels]:
        """Tokens (B, N, C), pyramid (B, M, C), finest map (B, 4H, 4W, C), and where they stand.

        Args:
            x: (B, in_channels, height, width), any size: zeros are added at the bottom and at the right.
        Raises:
            InputError: `x` is no batch of images with `in_channels` channels.
        """
        if x.dim() != 4 or x.shape[1] != self.adapter.in_channels or min(x.shape[2:]) < 1:
            raise InputError(
                f"expected images of shape (batch, {self.adapter.in_channels}, height, width); got {tuple(x.shape)}"
            )
        below, right = (-side % STRIDE for side in x.shape[2:])
        if below or right:
            x = F.pad(x, (0, right, 0, below))
        levels = levels_of((x.shape[2] // PATCH, x.shape[3] // PATCH), x.device)
        finest, pyramid = self.spm(x, self.level_embed)
        tokens = self.patch_embed(x)
        tokens = tokens + self._positions(levels.size).to(tokens.dtype)
        if trace is not None:
            trace("x_init", tokens)
            trace("c_init", pyramid)
        return tokens, pyramid, finest, levels

    def inject(self, index: int, tokens: Tensor, pyramid: Tensor, levels: Levels, trace: Trace | None) -> Tensor:
        """The tokens after the injector of an interaction."""
        tokens = caller(self.with_cp)(self.interaction(index).injector, tokens, pyramid, levels)
        if trace is not None:
            trace(f"interaction{index}.injector", tokens)
        return tokens

    def extract(
        self, index: int, pyramid: Tensor, tokens: Tensor, levels: Levels, trace: Trace | None, extra: int
    ) -> Tensor:
        """The pyramid after the extractors of an interaction, at most `extra` of the extra ones."""
        for extractor in self.interaction(index).extractors(extra):
            pyramid = caller(self.with_cp)(extractor, pyramid, tokens, levels)
        if trace is not None:
            trace(f"interaction{index}.x", tokens)
            trace(f"interaction{index}.c", pyramid)
        return pyramid

    def finish(
        self, tokens: Tensor, pyramid: Tensor, finest: Tensor, levels: Levels, image: tuple[int, int]
    ) -> tuple[Tensor, ...]:
        """Four maps of C channels at 1/4, 1/8, 1/16 and 1/32 of an image of (height, width), without its padding."""
        parts = torch.split(pyramid, [height * width for height, width in levels.pyramid], 1)
        maps = [finest + upsample(parts[0], levels.pyramid[0], self.up)]
        maps += [part.reshape(part.shape[0], *size, -1) for part, size in zip(parts, levels.pyramid, strict=True)]
        # channels last in memory from here on, channels first by name
        maps = [found.permute(0, 3, 1, 2) for found in maps]
        if self.add_vit_feature:
            own = tokens.reshape(tokens.shape[0], *levels.size, -1).permute(0, 3, 1, 2)
            for level, factor in enumerate((4, 2, 1, 0.5)):
                resized = own
                if factor != 1:
                    resized = F.interpolate(own, scale_factor=factor, mode="bilinear", align_corners=False)
                maps[level] = maps[level] + resized
        outputs = []
        for level, found in enumerate(maps):
            height, width = (-(-side // 2 ** (level + 2)) for side in image)
            normed = self.get_submodule(f"norm{level + 1}")(found)[:, :, :height, :width]
            # mmcv's RoIAlign reads memory as if channels came first, whatever the strides of a neck's maps say
            outputs.append(normed.contiguous())
        return tuple(outputs)

    def interaction(self, index: int) -> Interaction:
        """One of the interactions."""
        found = self.interactions[index]
        assert isinstance(found, Interaction)
        return found

    def _positions(self, size: tuple[int, int]) -> Tensor:
        """(1, N, C): the table, without the row of a class token that this network does not have, resized to (H, W)."""
        side = math.isqrt(self.pos_embed.shape[1] - 1)
        table = self.pos_embed[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2).float()
        return F.interpolate(table, size=size, mode="bicubic", align_corners=False).flatten(2).transpose(1, 2)


def initialise(trunk: AdapterTrunk) -> None:
    """Fresh weights, as the original's; deformable attention, injectors and selectors keep their own.

    Linear layers truncated normal (0.02), convolutions normal by their outputs, positions and levels small.
    """
    nn.init.trunc_normal_(trunk.pos_embed, std=0.02)
    nn.init.normal_(trunk.level_embed)
    for name, module in trunk.named_modules():
        own = name.startswith("selective_modules") or (name.startswith("interactions") and ".attn." in name)
        if isinstance(module, nn.Linear) and not own:
            nn.init.trunc_normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and name != "patch_embed.proj":
            outputs = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
            nn.init.normal_(module.weight, std=math.sqrt(2 / outputs))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
