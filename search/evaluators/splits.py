"""Which images a search chooses by, confirms with and reports on: the splits of an mmdet config."""

import contextlib
import hashlib
import io
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.errors import TargetError

SPLITS = ("search", "confirm", "report")
ORDER_SEED = 0
"""Of the common order of images: equal for every plan, worker and session, so that evaluations can be compared."""


@dataclass(frozen=True)
class Split:
    """Images (or videos) of one split in their common order.

    Args:
        name: "search", "confirm" or "report".
        dataset: the mmdet data set they belong to.
        positions: their places in the data set, in the common order.
        digest: of annotations, order and number.
    """

    name: str
    dataset: Any
    positions: tuple[int, ...]
    digest: str


def open_split(config: Any, name: str, images: int | None = None) -> Split:
    """The split of a config: `data.<name>` where the config has it, else a part of `data.val`.

    Without splits of its own, a config's validation images are dealt to `search` and `confirm`, half each, by a fixed
    shuffle; `report` is `data.test`. Never report by the images that chose.

    Args:
        config: mmcv config.
        images: at most so many, from the front of the common order.
    Raises:
        TargetError: annotations or images are missing, or the split is empty.
    """
    from mmdet.datasets import build_dataset

    if name not in SPLITS:
        raise TargetError(f"split {name!r} is unknown; choose one of {', '.join(SPLITS)}")
    own = config.data.get(name)
    source = own or config.data.get("test" if name == "report" else "val")
    if source is None:
        raise TargetError(f"the config has neither data.{name} nor data.val; add one")
    try:
        # pycocotools chats on standard output, which belongs to our events
        with contextlib.redirect_stdout(io.StringIO()):
            dataset = build_dataset(source, {"test_mode": True})
    except Exception as error:  # mmdet raises whatever its readers raise
        raise TargetError(f"data of split {name!r} cannot be read: {type(error).__name__}: {error}") from error
    positions = list(range(len(dataset)))
    random.Random(ORDER_SEED).shuffle(positions)
    if own is None and name in ("search", "confirm"):
        half = len(positions) // 2
        positions = positions[:half] if name == "search" else positions[half:]
    positions = positions[:images]
    if not positions:
        raise TargetError(f"split {name!r} has no images (annotations {_annotations(dataset)}); check the file")
    for position in positions:
        path = Path(dataset.img_prefix or "") / dataset.data_infos[position]["filename"]
        if not path.is_file():
            raise TargetError(f"split {name!r}: image {path} is missing; check its path or copy the images")
    return Split(name, dataset, tuple(positions), _digest(dataset, positions))


def _annotations(dataset: Any) -> str:
    return str(getattr(dataset, "ann_file", None) or getattr(dataset, "img_prefix", "?"))


def _digest(dataset: Any, positions: list[int]) -> str:
    # a set without a list has its labels in the names of its files
    digest = hashlib.sha256(Path(dataset.ann_file).read_bytes() if dataset.ann_file else b"")
    for position in positions:
        digest.update(dataset.data_infos[position]["filename"].encode() + b"\0")
    return digest.hexdigest()
