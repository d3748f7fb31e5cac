"""Decoded images, shared: every image is read from disk once, whatever the number of plans and workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from search.errors import TargetError
from search.evaluators.splits import Split


@dataclass(frozen=True)
class Images:
    """What mmdet's `LoadImageFromFile` gives for each image of a split, in the common order.

    The arrays are only read, so worker processes may share one copy of them.
    """

    loaded: tuple[dict[str, Any], ...]

    def __len__(self) -> int:
        return len(self.loaded)


def decode(split: Split, pipeline: Sequence[dict[str, Any]]) -> Images:
    """Read the images of a split.

    Raises:
        TargetError: the pipeline does not begin with `LoadImageFromFile`, or an image is damaged.
    """
    from mmdet.datasets.pipelines import Compose

    if not pipeline or pipeline[0].get("type") != "LoadImageFromFile":
        raise TargetError("the test pipeline must begin with LoadImageFromFile, so that images can be shared")
    load = Compose(pipeline[:1])
    loaded = []
    for position in split.positions:
        info = split.dataset.data_infos[position]
        entry = {"img_info": info, "img_prefix": split.dataset.img_prefix, "bbox_fields": [], "mask_fields": []}
        try:
            result = load(entry)
        except Exception as error:  # the decoders raise their own errors
            raise TargetError(f"image {info['filename']} of split {split.name!r} cannot be read: {error}") from error
        if result.get("img") is None:
            raise TargetError(f"image {info['filename']} of split {split.name!r} is damaged; copy it again")
        loaded.append(result)
    return Images(tuple(loaded))
