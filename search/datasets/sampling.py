"""Which frames of a video a model sees. Standard library only.

Source: the testing and training protocol of Video Swin (arXiv 2106.13230): clips of 32 frames, every second one.
"""

from collections.abc import Callable
from dataclasses import dataclass

Draw = Callable[[int], int]
"""A uniform whole number below its argument."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How clips are cut from a video. Frames beyond its end continue at its beginning.

    Args:
        clip_len: frames per clip.
        frame_interval: one in so many frames is taken.
        num_clips: clips per video.
        uniform: spread the frames of a clip over the whole video instead (Something-Something); one clip only.
    Raises:
        ValueError: a number below 1, or several uniform clips.
    """

    clip_len: int = 32
    frame_interval: int = 2
    num_clips: int = 1
    uniform: bool = False

    def __post_init__(self) -> None:
        if min(self.clip_len, self.frame_interval, self.num_clips) < 1:
            raise ValueError(f"{self}: clip_len, frame_interval and num_clips must be at least 1")
        if self.uniform and self.num_clips != 1:
            raise ValueError(f"{self}: frames that are spread over the whole video make one clip; set num_clips=1")

    def for_testing(self, frames: int) -> list[list[int]]:
        """The same clips every time: in the middle of as many equal parts; all at the start of a short video.

        Args:
            frames: length of the video.
        Returns:
            per clip its frame numbers.
        """
        if self.uniform:
            return [[(low + high) // 2 for low, high in self._segments(frames)]]
        step = (frames - self._span + 1) / self.num_clips
        starts = [int(index * step + step / 2) if frames >= self._span else 0 for index in range(self.num_clips)]
        return [self._clip(start, frames) for start in starts]

    def for_training(self, frames: int, draw: Draw) -> list[list[int]]:
        """Random clips: one in each of as many equal parts.

        Args:
            frames: length of the video.
            draw: the only source of chance.
        """
        if self.uniform:
            return [[low + draw(high - low + 1) for low, high in self._segments(frames)]]
        room = frames - self._span + 1
        if room >= self.num_clips:
            part = room // self.num_clips
            starts = [index * part + draw(part) for index in range(self.num_clips)]
        else:
            starts = sorted(draw(max(room, 1)) for _ in range(self.num_clips))
        return [self._clip(start, frames) for start in starts]

    @property
    def _span(self) -> int:
        return self.clip_len * self.frame_interval

    def _clip(self, start: int, frames: int) -> list[int]:
        return [(start + index * self.frame_interval) % frames for index in range(self.clip_len)]

    def _segments(self, frames: int) -> list[tuple[int, int]]:
        size = (frames - 1) / self.clip_len
        return [(round(size * index), round(size * (index + 1))) for index in range(self.clip_len)]
