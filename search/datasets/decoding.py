"""Frames of an encoded video, by PyAV."""

from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from search.errors import TargetError


def read_frames(path: Path, choose: Callable[[int], Sequence[int]]) -> NDArray[np.uint8]:
    """Some frames of a video; nothing behind the last one is decoded.

    Args:
        path: of the video.
        choose: told the number of frames; returns the wanted ones, each below that number.
    Returns:
        RGB, shape (wanted, height, width, 3).
    Raises:
        TargetError: the file is missing, damaged, or no video; names it.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise TargetError(f"{path} has no video stream; remove it from the list")
            wanted = list(choose(_count(container)))
            found, decoded = _decode(container, frozenset(wanted))
            if len(found) < len(set(wanted)) and decoded:
                # headers of some files promise more frames than there are: begin again at the start
                wanted = [number % decoded for number in wanted]
                found, decoded = _decode(container, frozenset(wanted))
    except FileNotFoundError:
        raise TargetError(f"video {path} is missing; copy it or correct the list") from None
    except (FFmpegError, ValueError, EOFError) as error:
        raise TargetError(f"video {path} cannot be decoded: {error}; copy it again or remove it") from None
    if len(found) < len(set(wanted)):
        raise TargetError(f"video {path} holds no frame that can be decoded; copy it again or remove it")
    return np.stack([found[number] for number in wanted])


def _count(container: "av.container.InputContainer") -> int:
    """Frames as the header says, else as many as there are packets."""
    stream = container.streams.video[0]
    if stream.frames > 0:
        return stream.frames
    packets = sum(1 for packet in container.demux(stream) if packet.size)
    if not packets:
        raise ValueError("no frames")
    return packets


def _decode(
    container: "av.container.InputContainer", wanted: frozenset[int]
) -> tuple[dict[int, NDArray[np.uint8]], int]:
    """The wanted frames by number, and how many frames were decoded for them."""
    container.seek(0)
    found: dict[int, NDArray[np.uint8]] = {}
    last, number, size = max(wanted), -1, None
    for number, frame in enumerate(container.decode(video=0)):
        size = size or (frame.width, frame.height)
        if number in wanted:
            # a stream may change its size on the way
            found[number] = np.asarray(frame.reformat(*size, format="rgb24").to_ndarray(), dtype=np.uint8)
        if number == last:
            break
    return found, number + 1
