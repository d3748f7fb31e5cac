"""What a backbone shows of its own choices: which tokens it processes, or which group every token belongs to."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Picture:
    """One map to be laid over the image.

    Args:
        title: where in the network, such as "stage 2, block 3".
        kind: "kept": shares in 0..1 of each entry that are processed; "groups": a number for each entry's group.
        values: (batch, rows, cols), or (batch, frames, rows, cols) for clips; float for "kept", int64 for "groups".
        cell: (height, width) in pixels of one entry. The map may reach beyond an image that was padded.
    """

    title: str
    kind: Literal["kept", "groups"]
    values: Tensor
    cell: tuple[float, float]
