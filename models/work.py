"""What a plan leaves to compute: kept counts and MACs per block, the raw features of the latency model."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlockWork:
    """The work of one block for one image.

    Args:
        stage: the stage it belongs to, 0-based.
        kept: windows (or tokens) it processes.
        total: windows (or tokens) it would process when dense.
        macs: multiply-accumulates of the kept part.
        sparse: whether the selection path (gather and scatter) runs, even when it keeps everything.
    """

    stage: int
    kept: int
    total: int
    macs: float
    sparse: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """The work of one plan at one input size: its blocks, and what no knob changes.

    Args:
        blocks: one entry per block, in execution order.
        fixed_macs: patch embedding, merging and whatever else always runs, for one image.
    """

    blocks: tuple[BlockWork, ...]
    fixed_macs: float

    @property
    def macs(self) -> float:
        """Multiply-accumulates for one image."""
        return self.fixed_macs + sum(block.macs for block in self.blocks)
