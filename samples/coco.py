"""One split of scenes in COCO's layout: JPEG images and one JSON file of boxes and run-length masks."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as rle

from samples.digit_scenes import Scene


def write_split(scenes: Iterable[Scene], folder: Path, name: str, categories: Sequence[str]) -> dict[str, Any]:
    """Write `folder/name/*.jpg` and `folder/annotations/name.json`.

    Args:
        scenes: the images, in order; written one at a time.
        folder: root of the data set; exists.
        name: of the split.
        categories: class names, in label order.
    Returns:
        what a manifest says of a split: images, objects, bytes of the images, sha256 of the pixels before compression
        and of the annotations.
    """
    (folder / name).mkdir()
    (folder / "annotations").mkdir(exist_ok=True)
    pixels = hashlib.sha256()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, scene in enumerate(scenes, start=1):
        file_name = f"{number:05d}.jpg"
        # no chroma subsampling: thin strokes differ from the photo by colour
        Image.fromarray(scene.image).save(folder / name / file_name, quality=92, subsampling=0)
        pixels.update(scene.image.tobytes())
        height, width = scene.image.shape[:2]
        images.append({"id": number, "file_name": file_name, "height": height, "width": width})
        for label, mask in zip(scene.labels, scene.masks, strict=True):
            annotations.append({"id": len(annotations) + 1, "image_id": number, **_object(label, mask)})
    content = json.dumps(
        {
            "info": {"description": "handwritten digits on photos"},
            "images": images,
            "annotations": annotations,
            "categories": [{"id": i + 1, "name": name} for i, name in enumerate(categories)],
        }
    )
    (folder / "annotations" / f"{name}.json").write_text(content, encoding="utf-8")
    return {
        "images": len(images),
        "bytes": sum((folder / name / image["file_name"]).stat().st_size for image in images),
        "objects": len(annotations),
        "pixels_sha256": pixels.hexdigest(),
        "annotations_sha256": hashlib.sha256(content.encode()).hexdigest(),
    }


def _object(label: int, mask: NDArray[np.bool_]) -> dict[str, Any]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
    runs = rle.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {
        "category_id": label + 1,
        "bbox": [int(value) for value in box],
        "area": int(np.count_nonzero(mask)),
        "iscrowd": 0,
        "segmentation": {"size": list(runs["size"]), "counts": runs["counts"].decode("ascii")},
    }
