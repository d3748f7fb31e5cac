"""The tasks a target can be about: how its accuracy is called and asked for. Standard library only."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

Kind: TypeAlias = Literal["detection", "classification", "video", "synthetic"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Task:
    """One kind of target.

    Args:
        metrics: what a search may maximise, in 0..100; the first is the default.
        asked: what `sparsearch test --eval` and a config's `evaluation` may ask for.
        default: what they ask for when nothing is said.
    """

    metrics: tuple[str, ...]
    asked: tuple[str, ...] = ()
    default: tuple[str, ...] = ()


_ACCURACY = Task(("top1", "top5"), ("top_k_accuracy", "mean_class_accuracy"), ("top_k_accuracy",))
_BOXES = Task(("bbox_mAP", "segm_mAP"), ("bbox", "segm"), ("bbox", "segm"))

TASKS: Mapping[Kind, Task] = MappingProxyType(
    {
        "detection": _BOXES,
        "classification": _ACCURACY,
        "video": _ACCURACY,
        "synthetic": Task(("bbox_mAP", "segm_mAP")),
    }
)

METRICS: tuple[str, ...] = tuple(dict.fromkeys(metric for task in TASKS.values() for metric in task.metrics))
"""Every metric that some search may maximise; evaluations may hold more, such as `bbox_mAP_50`."""

_MODELS: Mapping[str, Kind] = MappingProxyType({"ImageClassifier": "classification", "VideoClassifier": "video"})


def kind_of_model(name: str | None) -> Kind:
    """The kind of an mmdet config by its `model.type`; whatever is no classifier detects."""
    return _MODELS.get(name or "", "detection")
