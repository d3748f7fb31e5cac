"""STViT-R for image classification: the released ImageNet network, with the weights a detector starts from.

The stages are those of `STViTR`; a dumbbell looks at other keys and the first block of it has no residual. So a
checkpoint of one forward is a starting point for the other, not the same function.
Source: STViT-R (arXiv 2303.08685), section 3; the released classification code with the options of its checkpoints.
Letters: B images, H x W tokens, C channels, n windows, s x s semantic tokens per window.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn

from models.errors import InputError
from models.fitting import Fitted
from models.picture import Picture
from models.plan import Plan, Value
from models.space import Space
from models.stvit_r_attention import attend_all
from models.stvit_r_convert import from_stvit_r_authors
from models.stvit_r_dumbbell import Call, Tell, pool_windows, skip_dumbbell, to_grid, unpack
from models.stvit_r_geometry import STAGE, SemanticGrid, StvitRGeometry
from models.stvit_r_layers import SemanticBlock, Stem
from models.stvit_r_pictures import dumbbell_pictures
from models.stvit_r_plan import Dumbbell
from models.stvit_r_stages import Stage, Trace, build_stages, caller, checked_size, telling
from models.window_layout import cut, take
from models.work import Work

SIZE = (224, 224)
"""Pixels of an image: the released forward cuts key patches of 10 x 10 at stride 4 from a map of 14 x 14."""

_WINDOW, _PATCH, _STRIDE = 7, 10, 4


class STViTRClassifier(nn.Module):
    """The classifier; see `STViTR` for the arguments they share.

    Args:
        num_classes: logits.
        shortcut: a residual around the first generating block, as detection has it; the ImageNet checkpoints do not.
    Raises:
        InputError: options that contradict each other.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        embed_dims: int = 96,
        mlp_ratio: float = 4,
        depths: Sequence[int] = (2, 2, 18, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        window_sample_size: int = 3,
        drop_path_rate: float = 0.3,
        use_conv_pos: bool = False,
        shortcut: bool = False,
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        if len(num_heads) != len(depths) or len(depths) != 4:
            raise InputError(f"num_heads {num_heads} and depths {depths} must have four entries")
        self.geometry = StvitRGeometry(
            embed_dims,
            tuple(depths),
            _WINDOW,
            Dumbbell(window_sample_size),
            detection=False,
            mlp_ratio=mlp_ratio,
            in_channels=in_channels,
        )
        self.shortcut = shortcut
        self.with_cp = with_cp
        self.patch_embed = Stem(in_channels, embed_dims)
        self.layers = build_stages(embed_dims, depths, num_heads, _WINDOW, mlp_ratio, drop_path_rate, use_conv_pos)
        self.norm = nn.LayerNorm(embed_dims * 8)
        self.head = nn.Linear(embed_dims * 8, num_classes)

    def space(self, input_size: tuple[int, int] = SIZE, wider: bool = False) -> Space:
        """The plans; see `StvitRGeometry.space`. Only s, and which dumbbells run: there are no key windows."""
        return self.geometry.space(input_size, wider)

    def work(self, plan: Mapping[str, Value], input_size: tuple[int, int] = SIZE) -> Work:
        """Tokens and MACs per block for one image; see `StvitRGeometry.work`."""
        return self.geometry.work(plan, input_size)

    def fit_checkpoint(self, state: Mapping[str, Tensor]) -> Fitted:
        """Released files of detection and of classification; see `from_stvit_r_authors`."""
        return from_stvit_r_authors(state, self.state_dict())

    def forward(self, x: Tensor, plan: Mapping[str, Value] | None = None, trace: Trace | None = None) -> Tensor:
        """Logits.

        Args:
            x: (B, in_channels, 224, 224) images.
            plan: how each dumbbell runs; None or empty means as constructed.
            trace: told of the stem's tokens and of all that the third stage puts out.
        Returns:
            (B, num_classes).
        Raises:
            InputError: images of another shape or size.
            PlanError: a knob does not exist, or its value cannot run.
        """
        input_size = checked_size(x, self.geometry.in_channels)
        if input_size != SIZE:
            raise InputError(
                f"the classification forward is defined for images of 224 x 224 pixels; got {input_size}. "
                f"Resize the images, or use STViTR, which takes any size"
            )
        schedule, sizes = self.geometry.schedule(plan or Plan()), self.geometry.stage_sizes(input_size)
        tokens = self.patch_embed(x)
        if trace is not None:
            trace("stem", tokens)
        call = caller(self.with_cp)
        for index, (stage, size) in enumerate(zip(self.layers, sizes, strict=True)):
            assert isinstance(stage, Stage)
            if index == STAGE:
                for number, (blocks, run) in enumerate(zip(stage.dumbbells(), schedule, strict=True)):
                    if run is None:
                        tokens = skip_dumbbell(blocks, tokens)
                    else:
                        tokens = self._dumbbell(blocks, tokens, run, call, telling(trace, number))
            else:
                for block, swin in enumerate(stage.blocks):
                    # unlike detection, a map of one window is never shifted
                    shift = block % 2 * (_WINDOW // 2) if min(size) > _WINDOW else 0
                    tokens = call(swin, tokens, size, shift)
            if stage.downsample is not None:
                tokens = stage.downsample(tokens, size)
        logits: Tensor = self.head(self.norm(tokens).mean(1))
        return logits

    def pictures(self, x: Tensor, plan: Mapping[str, Value] | None = None) -> tuple[Picture, ...]:
        """The semantic tokens of every dumbbell, and what is recovered from which; see `dumbbell_pictures`."""
        told: dict[str, Tensor] = {}
        with torch.no_grad():
            self.forward(x, plan, lambda name, value: told.update({name: value} if name.endswith(".out") else {}))
            stage = self.layers[STAGE]
            assert isinstance(stage, Stage)
            return dumbbell_pictures(
                self.geometry, list(stage.dumbbells()), self.geometry.schedule(plan or Plan()), told, x
            )

    def _dumbbell(
        self, blocks: Sequence[nn.Module], tokens: Tensor, run: Dumbbell, call: Call, tell: Tell | None
    ) -> Tensor:
        grid = SemanticGrid(2 * _WINDOW, 2 * _WINDOW, _WINDOW)
        windows = grid.down * grid.across
        swin, first, second, local, every, recover = unpack(blocks)
        tokens = call(swin, tokens, (grid.height, grid.width), 0)
        pooled = pool_windows(tokens, grid, run.s)
        if first.conv_pos is not None:
            pooled = first.conv_pos(cut(pooled, windows), run.s).view_as(pooled)
        generated = call(self._generate, first, pooled, tokens, run.s)
        refined = call(second.among_and, generated, tokens)
        mixed = call(local.among, refined, windows)
        semantic = call(every.among, mixed)
        recovered = call(recover.looking_at, tokens, semantic)
        if tell is not None:
            tell(0, "out", tokens)
            tell(1, "pooled", pooled)
            for block, output in enumerate((generated, refined, mixed, semantic), start=1):
                tell(block, "out", to_grid(output, grid, run.s))
            tell(5, "out", recovered)
        return recovered

    def _generate(self, block: SemanticBlock, pooled: Tensor, tokens: Tensor, s: int) -> Tensor:
        """Tokens of a window look at themselves and at a patch around it: (B, Q, C), (B, H*W, C) -> (B, Q, C)."""
        query = cut(block.attn.q(block.norm1(pooled)), 4)
        rows = block.attn.kv(block.norm1(torch.cat([pooled, tokens], dim=1)))
        keys = cut(take(rows, key_places(s, pooled.device)), 4)
        # here too a window is dropped on its own
        mixed = block.drop_path(block.attn.proj(attend_all(query, keys, block.attn.heads))).view_as(pooled)
        scaled = block.layer_scale_1 * mixed
        return block.feed(pooled + scaled if self.shortcut else scaled)


def key_places(s: int, device: torch.device) -> Tensor:
    """(4 * (s*s + 100),) rows that each of the 4 windows sees, among 4*s*s pooled tokens and then 14 x 14 tokens."""
    if torch.compiler.is_compiling() or torch.compiler.is_exporting():
        return _key_places(s, device)
    return _remembered_key_places(s, device)


@lru_cache(maxsize=32)
def _remembered_key_places(s: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return _key_places(s, device)


def _key_places(s: int, device: torch.device) -> Tensor:
    window = torch.arange(4, device=device)
    own = window[:, None] * s**2 + torch.arange(s**2, device=device)
    side = torch.arange(_PATCH, device=device)
    row, column = (window // 2)[:, None] * _STRIDE + side, (window % 2)[:, None] * _STRIDE + side
    patch = 4 * s**2 + row[:, :, None] * 2 * _WINDOW + column[:, None, :]
    return torch.cat([own, patch.flatten(1)], dim=1).reshape(-1)
