"""Data sets of labelled images and videos, in the layouts people have: a folder per class, a list of clips.

Importing this package registers them with mmdet, and with them the two that are built in.
"""

from search.datasets.builtin import DigitClasses, MovingDigits
from search.datasets.image_folder import ImageFolder
from search.datasets.video_list import VideoList

__all__ = ["DigitClasses", "ImageFolder", "MovingDigits", "VideoList"]
