"""Hourglass transformers on paper: maps, windows, work and space of a plan, without a tensor (standard library only).

Letters: a map of L tokens fills windows of T tokens (L' places in all); G clustered windows of N tokens and M clusters.
Source: arXiv 2210.01035, section 3; MACs are those of what is computed here.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from models.errors import InputError
from models.hourglass_plan import Defaults, Hourglass, Size, grid_value, ladder, parse
from models.hourglass_rules import Rules
from models.plan import Value
from models.space import Knob, Space
from models.work import BlockWork, Work


@dataclass(frozen=True, slots=True)
class ClusteredMap:
    """A map whose windows are clustered.

    Args:
        window: tokens per axis of a window.
        grid: clusters per axis of a window.
        counts: windows per axis.
    """

    window: Size
    grid: Size
    counts: Size

    @property
    def windows(self) -> int:
        """Windows of the map."""
        return math.prod(self.counts)

    @property
    def size(self) -> Size:
        """Clusters per axis of the whole map."""
        frames, rows, columns = (count * side for count, side in zip(self.counts, self.grid, strict=True))
        return frames, rows, columns


@dataclass(frozen=True, slots=True)
class HourglassGeometry:
    """The integers of a Swin transformer over frames, rows and columns; images have one frame.

    Args:
        embed_dims: channels of the first stage; each later stage doubles them.
        depths: blocks per stage.
        window: tokens per axis of a window.
        patch: pixels (and frames) per axis of a patch.
        frames: frames of a clip; 1 for images.
        rules: how borders and clusters are treated.
        defaults: what a plan that does not mention a knob gets.
        mlp_ratio: hidden width of the MLP in units of the channels.
        in_channels: channels of the image.
    """

    embed_dims: int
    depths: tuple[int, ...]
    window: Size
    patch: Size
    frames: int
    rules: Rules
    defaults: Defaults = field(default_factory=Defaults)
    mlp_ratio: float = 4
    in_channels: int = 3

    def maps(self, input_size: tuple[int, int], frames: int | None = None) -> tuple[Size, ...]:
        """(frames, rows, columns) in tokens of every stage; patching and merging round up, merging leaves frames.

        Args:
            input_size: (height, width) in pixels.
            frames: of the clip; None: as many as the geometry says.
        Raises:
            InputError: an axis is empty.
        """
        shape = (self.frames if frames is None else frames, *input_size)
        if min(shape) < 1:
            raise InputError(f"(frames, height, width) {shape} must be positive")
        time, rows, columns = (math.ceil(length / side) for length, side in zip(shape, self.patch, strict=True))
        sizes = []
        for _ in self.depths:
            sizes.append((time, rows, columns))
            rows, columns = math.ceil(rows / 2), math.ceil(columns / 2)
        return tuple(sizes)

    def parse(self, plan: Mapping[str, Value]) -> Hourglass | None:
        """The clustered stretch of a plan, None: dense; see `hourglass_plan.parse`."""
        return parse(plan, self.depths, self.window, self.defaults)

    def dense(self, size: Size) -> tuple[Size, Size]:
        """(window, shift of odd blocks) per axis on a map of `size` tokens."""
        window = clipped(self.window, size) if self.rules.clip_windows else self.window
        # a window as large as the map is not shifted, if windows are clipped at all
        shifts = tuple(
            0 if self.rules.clip_windows and length <= full else side // 2
            for length, full, side in zip(size, self.window, window, strict=True)
        )
        return window, (shifts[0], shifts[1], shifts[2])

    def clustered(self, size: Size, hourglass: Hourglass) -> ClusteredMap:
        """How a map of `size` tokens is clustered."""
        window, grid = self.window, hourglass.grid
        if self.rules.clip_clusters:
            window = clipped(window, size)
            grid = clipped(grid, window)
        counts = tuple(math.ceil(length / side) for length, side in zip(size, window, strict=True))
        return ClusteredMap(window, grid, (counts[0], counts[1], counts[2]))

    def reduced(self, clusters: ClusteredMap) -> tuple[Size, Size]:
        """(shift of odd blocks, shift their mask goes by) per axis on a map of clusters."""
        shifts = [side // 2 for side in clusters.grid]
        if self.rules.clip_windows:
            shifts = [0 if count == 1 else shift for count, shift in zip(clusters.counts, shifts, strict=True)]
        own = (shifts[0], shifts[1], shifts[2])
        if self.rules.shift_mask == "own":
            return own, own
        trained = [side // 2 for side in self.window]
        return own, (trained[0], trained[1], trained[2])

    def space(self, input_size: tuple[int, int], stage: int = -2) -> Space:
        """Where to cluster, from all blocks dense to the first block of a stage; and grids that shrink its map.

        A grid has no effect while the location is dense. Maps that no grid shrinks leave dense as the only location.

        Args:
            input_size: (height, width) in pixels.
            stage: the one that is clustered; the last but one holds most of the work.
        """
        number = stage % len(self.depths)
        size, first = self.maps(input_size)[number], sum(self.depths[:number])
        dense, last = sum(self.depths), first + self.depths[number]
        chosen = self.defaults.grid
        offered = ladder(self.window)
        if chosen is not None:
            # the value of a knob that a plan leaves out must be the first
            rest = [grid for grid in offered if math.prod(grid) < math.prod(chosen)]
            offered = (chosen, *rest)
        fitting = tuple(grid for grid in offered if self._clusters(size, number, grid) < math.prod(size))
        locations = (dense, *range(last - 1, first - 1, -1)) if fitting else (dense,)
        values = tuple(grid_value(grid, self.window) for grid in fitting or offered[:1])
        return Space((Knob("location", locations), Knob("grid", values)), (), input_size)

    def work(self, plan: Mapping[str, Value], input_size: tuple[int, int], frames: int | None = None) -> Work:
        """Tokens and MACs per block, for one image or clip.

        Clustering counts into the first block that works on clusters, reconstruction into the last. Convolutions,
        linear layers and matrix products count; norms, activations, softmax and means do not.
        """
        hourglass, sizes, blocks = self.parse(plan), self.maps(input_size, frames), []
        fixed = self.in_channels * math.prod(self.patch) * self.embed_dims * math.prod(sizes[0])
        for stage, (depth, size) in enumerate(zip(self.depths, sizes, strict=True)):
            channels, total = self.embed_dims * 2**stage, math.prod(size)
            window, _ = self.dense(size)
            for block in range(depth):
                if hourglass is None or stage != hourglass.stage or block < hourglass.block:
                    macs = self._block_macs(size, window, channels)
                    blocks.append(BlockWork(stage, total, total, float(macs)))
                    continue
                clusters = self.clustered(size, hourglass)
                macs = self._block_macs(clusters.size, clusters.grid, channels)
                products = clusters.windows * math.prod(clusters.window) * math.prod(clusters.grid) * channels
                if block == hourglass.block:  # the means of cells; distances and averages in every round
                    macs += (1 + 2 * hourglass.iterations) * products
                if block + 1 == depth:  # distances, and the way back
                    macs += 2 * products
                blocks.append(BlockWork(stage, math.prod(clusters.size), total, float(macs), True))
            if stage + 1 < len(self.depths):
                fixed += 8 * channels**2 * math.prod(sizes[stage + 1])
        return Work(tuple(blocks), float(fixed))

    def _block_macs(self, size: Size, window: Size, channels: int) -> int:
        tokens, side = math.prod(size), math.prod(window)
        counts = [math.ceil(length / axis) for length, axis in zip(size, window, strict=True)]
        hidden = int(channels * self.mlp_ratio)
        places = math.prod(counts) * side
        projected = places
        if projects_first(tokens, places):
            projected = tokens + (self.rules.padding == "before_norm")
        return (3 * projected + tokens) * channels**2 + 2 * tokens * channels * hidden + 2 * places * side * channels

    def _clusters(self, size: Size, stage: int, grid: Size) -> int:
        probe = Hourglass(stage, 0, grid, 0, 1, 1.0, 1)
        return math.prod(self.clustered(size, probe).size)


def projects_first(tokens: int, places: int) -> bool:
    """Whether queries, keys and values are made before tokens are copied into the places of windows.

    What hangs over the border then costs nothing, but three times as much is copied: worth it from a tenth of the map.
    """
    return 10 * (places - tokens) > tokens


def clipped(window: Size, size: Size) -> Size:
    """A window, at most as large as the map along every axis."""
    frames, rows, columns = (min(side, length) for side, length in zip(window, size, strict=True))
    return frames, rows, columns
