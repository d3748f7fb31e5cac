"""One file through the test pipeline of a config: mmdet's for detection, this project's for labelled files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.errors import JobError, SearchError, TargetError
from search.pipelines import steps


@dataclass(frozen=True)
class Prepared:
    """What goes into a model, and how to get back from it to pixels.

    Args:
        batch: arguments of its forward pass, with one sample.
        norm: `mean`, `std` and `to_rgb` that the pipeline normalised with.
        size: (height, width) of the image without padding; None: nothing was padded.
        classes: names, as far as the config and its data know them.
    """

    batch: Mapping[str, Any]
    norm: Mapping[str, Any]
    size: tuple[int, int] | None
    classes: tuple[str, ...]


def read_file(data: Mapping[str, Any], path: Path, config: Path, device: str) -> Prepared:
    """Prepare a file as samples of a data set are.

    Args:
        data: `data.test` of the config.
        path: an image or a video.
        config: named in errors.
        device: where the batch goes.
    Raises:
        JobError: the file cannot be read.
        TargetError: the pipeline cannot be built.
    """
    import torch
    from mmcv.parallel import collate, scatter
    from mmdet.datasets import DATASETS

    from search.datasets.labelled import Labelled

    kind = DATASETS.get(data["type"])
    labelled = kind is not None and issubclass(kind, Labelled)
    item = _labelled_item(data, kind, path) if labelled else _mmdet_item(data["pipeline"], path, config)
    batch = collate([item], samples_per_gpu=1)
    if torch.device(device).type == "cuda":
        batch = scatter(batch, [torch.device(device)])[0]
    else:
        batch = {key: _opened(value) for key, value in batch.items()}
    meta = batch.get("img_metas")
    while isinstance(meta, list | tuple) and meta:
        meta = meta[0]
    noted = meta if isinstance(meta, Mapping) else {}
    normalize = next((step for step in steps(data["pipeline"]) if step.get("type") == "Normalize"), {})
    norm = dict(noted.get("img_norm_cfg") or normalize)
    size = noted.get("img_shape")
    return Prepared(
        batch,
        # pictures of labelled files are RGB from the start
        {**norm, "to_rgb": True} if labelled else norm,
        None if size is None else (int(size[0]), int(size[1])),
        _labelled_classes(data) if labelled else _names(data.get("classes") or getattr(kind, "CLASSES", None)),
    )


def _mmdet_item(pipeline: list[dict[str, Any]], path: Path, config: Path) -> Any:
    from mmdet.datasets.pipelines import Compose

    try:
        transform = Compose(pipeline)
    except Exception as error:  # registries raise whatever the constructors raise
        raise TargetError(f"config {config}: data.test.pipeline cannot be built: {_first_line(error)}") from error
    name = str(path.absolute())
    entry: dict[str, Any] = {"img_info": {"filename": name}, "img_prefix": None, "bbox_fields": [], "mask_fields": []}
    try:
        item = transform(entry)
    except Exception as error:  # decoders raise whatever they like, or give None to the next step
        raise JobError(
            f"image {path} cannot be read by the test pipeline of {config} ({_first_line(error)}); "
            f"give an image, such as a .jpg or .png"
        ) from error
    if item is None:
        raise JobError(f"image {path} was turned away by the test pipeline of {config}; give another one")
    return item


def _labelled_item(data: Mapping[str, Any], kind: type, path: Path) -> Any:
    """The only sample of a data set that holds nothing but this file."""
    from search.datasets.image_folder import ImageFolder
    from search.datasets.labelled import Labelled, Sample
    from search.datasets.sampling import Sampling
    from search.datasets.video_list import VideoList

    class OneImage(ImageFolder):
        def __init__(self) -> None:
            Labelled.__init__(self, path.parent, [Sample(path.name, 0)], ("",), data["pipeline"], None, True)

    class OneVideo(VideoList):
        def __init__(self) -> None:
            self.sampling = Sampling(**data["sampling"])
            Labelled.__init__(self, path.parent, [Sample(path.name, 0)], ("",), data["pipeline"], None, True)

    one = OneVideo() if issubclass(kind, VideoList) else OneImage()
    try:
        return one[0]
    except (SearchError, RuntimeError) as error:
        raise JobError(f"{path} cannot be read by the test pipeline of the config: {_first_line(error)}") from error


def _labelled_classes(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Names from the config, else from the data; none where the data are not at hand."""
    from mmdet.datasets import build_dataset

    if isinstance(data.get("classes"), list | tuple):
        return _names(data["classes"])
    try:
        return _names(build_dataset(data, {"test_mode": True}).CLASSES)
    except Exception:  # registries raise whatever the constructors raise; names are only nice to have
        return ()


def _names(classes: Any) -> tuple[str, ...]:
    return tuple(map(str, classes)) if isinstance(classes, list | tuple) else ()


def _opened(value: Any) -> Any:
    """What mmcv's containers hold, also inside lists."""
    from mmcv.parallel import DataContainer

    if isinstance(value, DataContainer):
        return value.data[0]
    return [_opened(one) for one in value] if isinstance(value, list | tuple) else value


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
