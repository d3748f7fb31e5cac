"""From a config, weights and a file to a `Subject`: the model is built, and the file read, as the config says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.errors import JobError, TargetError
from sparsearch.visualize.files import read_file
from sparsearch.visualize.subject import Subject


def read_subject(config: Path, checkpoint: Path, image: Path, device: str) -> Subject:
    """The model with its weights, and the image as its backbone receives it.

    What the backbone receives is caught on its way in, so that its pictures belong to exactly what it saw, whatever
    the pipeline and the model did before.

    Raises:
        JobError: the file cannot be read, or the backbone is none of this project's.
        TargetError: config or checkpoint cannot be used.
    """
    from models.zoo import FAMILIES
    from search.evaluators.detection import load
    from search.training import read_config

    if not image.is_file():
        raise JobError(f"image {image} does not exist; give the path of an image (or, for models of clips, a video)")
    settings = read_config(config)
    data = settings.data.get("test") or settings.data.get("val") or {}
    if not data.get("pipeline"):
        raise TargetError(f"config {config} has no data.test.pipeline, which says how a file is prepared")
    model = load(settings, checkpoint, device)
    backbone = getattr(model, "backbone", None)
    if not hasattr(backbone, "space"):
        raise JobError(
            f"config {config}: backbone {type(backbone).__name__} draws no pictures of what it keeps; "
            f"those that do: {', '.join(family.name for family in FAMILIES if hasattr(family.load(), 'pictures'))}"
        )
    prepared = read_file(data, image, config, device)
    received = _received(model, prepared.batch)
    middle = received.shape[0] // 2
    height, width = int(received.shape[-2]), int(received.shape[-1])
    if prepared.size is not None:
        height, width = min(height, prepared.size[0]), min(width, prepared.size[1])
    classes = prepared.classes or tuple(getattr(model, "CLASSES", None) or ())
    several = int(received.shape[0]) > 1
    x = received[middle : middle + 1]
    return Subject(model, prepared.batch, x, several, prepared.norm, (height, width), classes)


class _Received(Exception):  # noqa: N818 (no error: it ends a pass that has told all it should)
    """Carries what the backbone was about to process."""

    def __init__(self, x: Any) -> None:
        self.x = x


def _received(model: Any, batch: Mapping[str, Any]) -> Any:
    """What the backbone of a model gets to see, without running it."""
    import torch

    def stop(_: Any, arguments: tuple[Any, ...]) -> None:
        raise _Received(arguments[0])

    hook = model.backbone.register_forward_pre_hook(stop)
    try:
        with torch.inference_mode():
            model(return_loss=False, **batch)
    except _Received as caught:
        return caught.x
    finally:
        hook.remove()
    raise TargetError(f"{type(model).__name__} ran without its backbone; its pictures cannot be shown")
