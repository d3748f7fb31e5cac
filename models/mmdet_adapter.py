"""Where mmdet 2.28 meets the backbones: registration, the plan of a config, adaptation to random plans.

Importing this module registers `SparseViT` as an mmdet backbone and `SparsityAdaptationHook` as an mmcv hook.
"""

import contextlib
import random
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar, Token
from typing import Any

from mmcv.runner import HOOKS, Hook
from mmdet.models.builder import BACKBONES
from torch import Tensor, nn

from models.adaptation import draw_adaptation_plan
from models.checkpoint import load_backbone
from models.errors import ModelError
from models.plan import Plan, Value
from models.sparsevit import SparseViT

_override: ContextVar[Plan | None] = ContextVar("plan", default=None)


@contextlib.contextmanager
def use_plan(plan: Mapping[str, Value]) -> Iterator[None]:
    """Run every adapted backbone inside the `with` block under `plan` instead of its config's plan.

    mmdet's detectors call their backbone with images alone; this is how a plan reaches it. It holds for the current
    thread (or task) only, so two threads can run two plans on one model.
    """
    token = _override.set(Plan.of(plan))
    try:
        yield
    finally:
        _override.reset(token)


@BACKBONES.register_module(name="SparseViT")
class SparseViTBackbone(SparseViT):
    """SparseViT for mmdet configs: `backbone=dict(type='SparseViT', plan={'stage0': 0.3}, ...)`.

    Args:
        plan: the plan of every forward pass outside `use_plan`; validated at once, None means dense.
        init_cfg: None, or `dict(type='Pretrained', checkpoint=FILE)` with a file of any layout `load_backbone` knows.
        options: constructor arguments of `SparseViT`.
    """

    def __init__(
        self, plan: Mapping[str, Value] | None = None, init_cfg: Mapping[str, Any] | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self.plan = Plan.of({} if plan is None else plan)
        # any input size shows whether the knobs exist
        self.work(self.plan, (224, 224))
        if init_cfg is not None and (init_cfg.get("type") != "Pretrained" or "checkpoint" not in init_cfg):
            raise ModelError(f"init_cfg={dict(init_cfg)} must be dict(type='Pretrained', checkpoint=FILE) or None")
        self.init_cfg = init_cfg

    def init_weights(self) -> None:
        """Truncated-normal weights (std 0.02) and zero biases, then the checkpoint of `init_cfg`, if any."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        if self.init_cfg is not None:
            load_backbone(self, self.init_cfg["checkpoint"])

    def forward(self, x: Tensor, plan: Mapping[str, Value] | None = None, trace: Any = None) -> tuple[Tensor, ...]:
        """Feature maps under, in this order, the argument `plan`, the plan of `use_plan`, the plan of the config."""
        chosen = plan if plan is not None else _override.get()
        return super().forward(x, self.plan if chosen is None else chosen, trace)


@HOOKS.register_module()
class SparsityAdaptationHook(Hook):  # type: ignore[misc]  # mmcv is untyped
    """Sparsity-aware adaptation: every training iteration runs under a freshly drawn plan.

    All ranks draw the same plan, because each owns a generator that only this hook consumes.

    Args:
        depths: blocks per stage of the backbone.
        seed: of the generator; the same on every rank.
        in_validation: also draw for validation passes (the published behaviour); else they run the config's plan.
    Source: SparseViT (arXiv 2303.17605), section 3.2.
    """

    def __init__(self, depths: Sequence[int], seed: int = 0, in_validation: bool = False) -> None:
        self.depths = tuple(depths)
        self.in_validation = in_validation
        self.rng = random.Random(seed)
        self._token: Token[Plan | None] | None = None

    def before_train_iter(self, runner: Any) -> None:
        """Draw the plan of this iteration."""
        self._token = _override.set(draw_adaptation_plan(self.depths, self.rng))

    def after_train_iter(self, runner: Any) -> None:
        """Back to the config's plan."""
        if self._token is not None:
            _override.reset(self._token)
            self._token = None

    def before_val_iter(self, runner: Any) -> None:
        """As in training, where asked for."""
        if self.in_validation:
            self.before_train_iter(runner)

    def after_val_iter(self, runner: Any) -> None:
        """As in training."""
        self.after_train_iter(runner)
