"""Where mmdet 2.28 meets the backbones: registration, the plan of a config, adaptation to random plans.

Importing this module registers every class of the zoo as an mmdet backbone, and `SparsityAdaptationHook` with mmcv.
"""

import contextlib
import random
from collections.abc import Iterator, Mapping
from contextvars import ContextVar, Token
from typing import Any, cast

from mmcv.parallel import is_module_wrapper
from mmcv.runner import HOOKS, Hook
from mmdet.models.builder import BACKBONES
from torch import Tensor, nn

from models.adaptation import draw_plan
from models.checkpoint import load_backbone
from models.errors import ModelError
from models.plan import Plan, Value
from models.space import Space
from models.zoo import FAMILIES, Backbone

_override: ContextVar[Plan | None] = ContextVar("plan", default=None)

PROBE = (224, 224)
"""Pixels at which a config's plan is checked: any size shows whether its knobs exist."""


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


class PlannedBackbone(nn.Module):
    """What a backbone gains for mmdet configs: `backbone=dict(type='SparseViT', plan={'stage0': 0.3}, ...)`.

    Stands before a class of the zoo in the bases of the class that mmdet builds.

    Args:
        plan: the plan of every forward pass outside `use_plan`; validated at once, None means dense.
        space: options of the backbone's `space` method, for a search over other knobs than the usual ones.
        init_cfg: None, or `dict(type='Pretrained', checkpoint=FILE)` with a file of any layout `load_backbone` knows.
        options: constructor arguments of the backbone.
    Raises:
        PlanError: the backbone has no such plan.
        ModelError: the backbone has no such space, or `init_cfg` is something else.
    """

    def __init__(
        self,
        plan: Mapping[str, Value] | None = None,
        space: Mapping[str, Any] | None = None,
        init_cfg: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.plan = Plan.of({} if plan is None else plan)
        cast(Backbone, self).work(self.plan, PROBE)
        self._space = dict(space or {})
        try:
            self.space(PROBE)
        except TypeError as error:
            raise ModelError(f"space={self._space} does not suit {type(self).__name__}: {error}") from None
        if init_cfg is not None and (init_cfg.get("type") != "Pretrained" or "checkpoint" not in init_cfg):
            raise ModelError(f"init_cfg={dict(init_cfg)} must be dict(type='Pretrained', checkpoint=FILE) or None")
        self.init_cfg = init_cfg

    def init_weights(self) -> None:
        """The checkpoint of `init_cfg`, if any; a backbone is built with fresh weights."""
        if self.init_cfg is not None:
            load_backbone(self, self.init_cfg["checkpoint"])

    def space(self, input_size: tuple[int, int], **options: Any) -> Space:
        """The legal plans at (height, width) pixels, with the config's options."""
        found: Space = super().space(input_size, **{**self._space, **options})  # type: ignore[misc]
        return found

    def chosen_plan(self, plan: Mapping[str, Value] | None = None) -> Plan:
        """In this order: the argument, the plan of `use_plan`, the plan of the config."""
        chosen = plan if plan is not None else _override.get()
        return self.plan if chosen is None else Plan.of(chosen)

    def forward(self, x: Tensor, plan: Mapping[str, Value] | None = None, trace: Any = None, *more: Any) -> Any:
        """What the backbone puts out under `chosen_plan(plan)`; what it takes beyond a trace is passed on."""
        return super().forward(x, self.chosen_plan(plan), trace, *more)


def adapt(backbone: type[nn.Module]) -> type[nn.Module]:
    """The class that mmdet builds for a class of the zoo: the same name, with `plan` and `init_cfg`."""
    return type(backbone.__name__, (PlannedBackbone, backbone), {"__module__": __name__, "__doc__": backbone.__doc__})


ADAPTED: dict[str, type[nn.Module]] = {family.type: adapt(family.load()) for family in FAMILIES}
"""By the name in a config's `type`."""

for _name, _class in ADAPTED.items():
    BACKBONES.register_module(name=_name, module=_class)
    globals()[_name] = _class  # where pickle looks for it


@HOOKS.register_module()
class SparsityAdaptationHook(Hook):  # type: ignore[misc]  # mmcv is untyped
    """Sparsity-aware adaptation: every training iteration runs under a freshly drawn plan.

    All ranks draw the same plan, because each owns a generator that only this hook consumes.

    Args:
        seed: of the generator; the same on every rank.
        in_validation: also draw for validation passes (the published behaviour); else they run the config's plan.
    Source: SparseViT (arXiv 2303.17605), section 3.2; what is drawn is the backbone's own affair, see `draw_plan`.
    """

    def __init__(self, seed: int = 0, in_validation: bool = False) -> None:
        self.in_validation = in_validation
        self.rng = random.Random(seed)
        self._token: Token[Plan | None] | None = None

    def before_train_iter(self, runner: Any) -> None:
        """Draw the plan of this iteration."""
        model = runner.model.module if is_module_wrapper(runner.model) else runner.model
        self._token = _override.set(draw_plan(model.backbone, self.rng))

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
