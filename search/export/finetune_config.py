"""The fine-tune config: the target's own config with the plan built in, the weights named, and a fine-tune schedule.

Where a method needs no training, the same file is the config to use the plan as it is, and says so.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.plan import Plan
from search.errors import ExportError
from search.export.literals import BESIDE
from search.tasks import TASKS, Kind, kind_of_model

SCHEDULE_KEY = "finetune"
"""Top-level name by which a target's config states its own fine-tune schedule (fields of `Schedule`)."""

TRAINING_FREE = "training_free"
"""Top-level name by which a target's config says that its plans need no fine-tuning (True)."""

_ADAPTATION = "SparsityAdaptationHook"
_DATA_PATHS = frozenset(
    {"data_root", "ann_file", "img_prefix", "seg_prefix", "proposal_file", "data_prefix", "classes"}
)

_DEFAULTS: Mapping[str, Any] = {
    "checkpoint_config": {"interval": 1},
    "log_config": {"interval": 50, "hooks": [{"type": "TextLoggerHook"}]},
    "custom_hooks": [{"type": "NumClassCheckHook"}],
    "dist_params": {"backend": "nccl"},
    "log_level": "INFO",
    "workflow": [("train", 1)],
    "opencv_num_threads": 0,
    "mp_start_method": "fork",
    "auto_scale_lr": {"enable": False, "base_batch_size": 16},
    "optimizer_config": {"grad_clip": None},
}
"""What stock mmdet tools need in every config; taken where the target's config does not say."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How to fine-tune a fixed plan.

    Args:
        lr: learning rate of AdamW.
        max_epochs: epochs.
        step: epochs after which the rate falls to a tenth; none: it stays.
        warmup_iters: iterations of linear warm-up; 0: none.
        warmup_ratio: rate at the start of the warm-up, as a share.
        weight_decay: for all but norms and position tables.
    Source: SparseViT (arXiv 2303.17605), its published fine-tune configs (8 GPUs x 2 images).
    """

    lr: float = 1e-5
    max_epochs: int = 36
    step: tuple[int, ...] = (27, 33)
    warmup_iters: int = 1000
    warmup_ratio: float = 0.001
    weight_decay: float = 0.05

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Schedule":
        """A schedule from a config's own table.

        Raises:
            ExportError: an unknown field.
        """
        known = set(cls.__dataclass_fields__)
        if unknown := sorted(set(settings) - known):
            raise ExportError(f"config field {SCHEDULE_KEY} has unknown entries {unknown}; known are {sorted(known)}")
        stated: dict[str, Any] = {**settings}
        if "step" in stated:
            stated["step"] = tuple(stated["step"])
        return cls(**stated)

    def to_config(self) -> dict[str, Any]:
        """The optimizer, rate and runner entries of an mmdet config."""
        free = {"absolute_pos_embed": 0.0, "relative_position_bias_table": 0.0, "norm": 0.0}
        return {
            "optimizer": {
                "type": "AdamW",
                "lr": self.lr,
                "betas": (0.9, 0.999),
                "weight_decay": self.weight_decay,
                "paramwise_cfg": {"custom_keys": {name: {"decay_mult": mult} for name, mult in free.items()}},
            },
            "lr_config": self._rate(),
            "runner": {"type": "EpochBasedRunner", "max_epochs": self.max_epochs},
        }

    def _rate(self) -> dict[str, Any]:
        warmup = {"warmup": "linear", "warmup_iters": self.warmup_iters, "warmup_ratio": self.warmup_ratio}
        steps = {"policy": "step", "step": list(self.step)} if self.step else {"policy": "fixed"}
        return steps | (warmup if self.warmup_iters else {})


PUBLISHED = Schedule()
SHORT = Schedule(max_epochs=3, step=(2,), warmup_iters=10)
"""An early revision's schedule, of three epochs."""

_CLASSIFIER = Schedule(lr=5e-6, max_epochs=30, step=(), warmup_iters=0, weight_decay=1e-8)
"""STViT's fine-tuning at 384 pixels (8 GPUs x 64 images): the only one its authors published (arXiv 2211.11167)."""
_VIDEO = Schedule(lr=1e-5, max_epochs=10, step=(6, 9), warmup_iters=500)
"""Ours: nobody published one, because what is searched on videos needs none."""

SCHEDULES: Mapping[Kind, Schedule] = {"detection": PUBLISHED, "classification": _CLASSIFIER, "video": _VIDEO}
"""What configs get that state none."""


def finetune_config(
    base: Mapping[str, Any], plan: Plan, weights: str, schedule: Schedule | None = None
) -> dict[str, Any]:
    """A self-contained config that stock mmdet tools train.

    Args:
        base: the target's config, bases resolved.
        plan: the plan to build into the backbone.
        weights: file name of the checkpoint beside the config.
        schedule: None takes the one the config states, else the one of its kind in `SCHEDULES`.
    Raises:
        ExportError: the config has no `model.backbone`.
    """
    config = _plain(base)
    own = config.pop(SCHEDULE_KEY, None)
    kind = kind_of_config(config)
    if schedule is None:
        schedule = Schedule.of(own) if own else SCHEDULES[kind]
    backbone = config.get("model", {}).get("backbone") if isinstance(config.get("model"), dict) else None
    if not isinstance(backbone, dict):
        raise ExportError("the target's config has no model.backbone; it must describe an mmdet 2.x model")
    # the weights come from load_from alone: an initialisation file would be looked for in vain elsewhere
    for part in (config["model"], backbone):
        part.pop("pretrained", None)
        part.pop("init_cfg", None)
    backbone["plan"] = dict(plan)
    imports = list(config.get("custom_imports", {}).get("imports", []))
    hooks = [hook for hook in config.get("custom_hooks", []) if hook.get("type") != _ADAPTATION]
    resolved = {
        "custom_imports": {
            "imports": ["sparsearch", *(name for name in imports if name != "sparsearch")],
            "allow_failed_imports": False,
        },
        **{name: value for name, value in config.items() if name != "custom_imports"},
    }
    if "custom_hooks" in config:
        resolved["custom_hooks"] = hooks
    resolved["data"] = _absolute(resolved.get("data", {}))
    for name, value in _DEFAULTS.items():
        resolved.setdefault(name, copy.deepcopy(value))
    resolved.setdefault("evaluation", {"metric": list(TASKS[kind].default)})
    resolved.update(schedule.to_config())
    resolved["load_from"] = BESIDE + weights
    resolved["resume_from"] = None
    return resolved


def kind_of_config(config: Mapping[str, Any]) -> Kind:
    """What a config, bases resolved, is about."""
    model = config.get("model")
    return kind_of_model(str(model.get("type")) if isinstance(model, Mapping) else None)


def _absolute(data: Any, name: str = "") -> Any:
    """Data paths that exist from here made absolute, so that the config works from anywhere on this machine."""
    if isinstance(data, dict):
        return {key: _absolute(value, key) for key, value in data.items()}
    if isinstance(data, list | tuple):
        # a list of classes has their names; a string is the file that has them
        return type(data)(_absolute(value, "" if name == "classes" else name) for value in data)
    if name in _DATA_PATHS and isinstance(data, str) and data and Path(data).exists():
        return str(Path(data).absolute()) + ("/" if data.endswith("/") else "")
    return data


def _plain(value: Any) -> Any:
    """A deep copy with mmcv's own dict type replaced by dict."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value)
    return value
