"""Registration with mmdet, now or as soon as mmdet is imported."""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import pkgutil
import sys
from collections.abc import Sequence
from types import ModuleType

import models

ADAPTERS = (
    "models.mmdet_adapter",
    # a family that brings a detector of its own has it in a file of this name
    *sorted(
        f"models.{module.name}" for module in pkgutil.iter_modules(models.__path__) if module.name.endswith("_mmdet")
    ),
    "models.mmcv_safetensors",
    "samples.digits_dataset",
    "search.datasets",
)
_AWAITED = "mmdet.models"


def register() -> None:
    """Import the adapters, each of which registers what it defines: backbones and hooks, models, weights, data sets."""
    for adapter in ADAPTERS:
        importlib.import_module(adapter)


def register_when_mmdet_arrives() -> None:
    """Call `register` right after `mmdet.models` is first imported by anybody."""
    if not any(isinstance(finder, _Waiting) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Waiting())


class _Waiting(importlib.abc.MetaPathFinder):
    """Finds nothing itself; wraps the loader of the awaited module once, and then steps aside."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != _AWAITED:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _ThenRegister(spec.loader)
        return spec


class _ThenRegister(importlib.abc.Loader):
    """Loads as the wrapped loader does, then registers."""

    def __init__(self, wrapped: importlib.abc.Loader) -> None:
        self._wrapped = wrapped

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._wrapped.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._wrapped.exec_module(module)
        register()
