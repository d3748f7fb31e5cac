"""Dense windows: cut a whole map into windows and put it together again, both by picking rows.

Letters: B images, H x W tokens, n windows, T tokens in a window.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from models.windows import window_table


def to_windows(tokens: Tensor, size: tuple[int, int], side: int, shift: int) -> Tensor:
    """(B, H*W, C) -> (B, n*T, C), window by window; zeros where a window hangs over the border."""
    table = window_table(*size, side, shift, tokens.device)
    rows = F.pad(tokens, (0, 0, 0, 1)) if table.padded else tokens
    return take(rows, table.gather.reshape(-1))


def from_windows(windows: Tensor, size: tuple[int, int], side: int, shift: int) -> Tensor:
    """(B, n*T, C) -> (B, H*W, C): the inverse of `to_windows`."""
    return take(windows, token_places(*size, side, shift, windows.device))


def take(rows: Tensor, places: Tensor) -> Tensor:
    """The same rows of every image: (B, R, C), (P,) -> (B, P, C)."""
    images, count, channels = rows.shape
    first = torch.arange(images, device=rows.device) * count
    # picking along the first axis is a plain copy of rows; along the second it is not
    flat = (places + first[:, None]).reshape(-1)
    return rows.reshape(-1, channels).index_select(0, flat).view(images, -1, channels)


def cut(tokens: Tensor, windows: int) -> Tensor:
    """Images cut into as many equal runs: (B, n*T, C) -> (B*n, T, C)."""
    return tokens.reshape(tokens.shape[0] * windows, -1, tokens.shape[-1])


def token_places(height: int, width: int, side: int, shift: int, device: torch.device) -> Tensor:
    """(H*W,) where each token lies among the n*T places; remembered per size, except while a graph is traced."""
    if torch.compiler.is_compiling() or torch.compiler.is_exporting():
        return _places(height, width, side, shift, device)
    return _remembered(height, width, side, shift, device)


def token_windows(height: int, width: int, side: int, device: torch.device) -> Tensor:
    """(H*W,) the unshifted window of each token."""
    return token_places(height, width, side, 0, device).div(side * side, rounding_mode="floor")


@lru_cache(maxsize=256)
def _remembered(height: int, width: int, side: int, shift: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return _places(height, width, side, shift, device)


def _places(height: int, width: int, side: int, shift: int, device: torch.device) -> Tensor:
    rows, columns = -(-height // side), -(-width // side)
    # rolling by (-shift, -shift) moves token y to place y - shift, counted around the padded map
    y = (torch.arange(height, device=device) - shift) % (rows * side)
    x = (torch.arange(width, device=device) - shift) % (columns * side)
    window = (y // side)[:, None] * columns + (x // side)[None, :]
    inside = (y % side)[:, None] * side + (x % side)[None, :]
    return (window * side**2 + inside).reshape(-1)
