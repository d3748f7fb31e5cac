"""Backbones inside mmdet: plan from the config, plan from a context, adaptation hook."""

import random
import threading
from collections.abc import Mapping

import pytest
import torch
from mmdet.models import build_backbone
from torch import Tensor, nn

from models.adaptation import draw_adaptation_plan, draw_plan
from models.errors import ModelError, PlanError
from models.mmdet_adapter import ADAPTED, PlannedBackbone, SparsityAdaptationHook, use_plan
from models.plan import Plan
from models.zoo import FAMILIES, ZOO

PLAN = {"stage0": 0.5}


def backbone(plan: Mapping[str, float] | None = None, **options: object) -> PlannedBackbone:
    torch.manual_seed(0)
    arguments = {"embed_dims": 8, "num_heads": (2, 2, 4, 4), "drop_path_rate": 0.0, **options}
    model: PlannedBackbone = build_backbone({"type": "SparseViT", "plan": plan, **arguments}).eval()
    return model


class Runner:
    """As much of a runner as the hook looks at."""

    def __init__(self, model: nn.Module) -> None:
        self.model = nn.Module()
        self.model.backbone = model


@pytest.fixture
def image() -> Tensor:
    return torch.randn(1, 3, 112, 112, generator=torch.Generator().manual_seed(1))


def test_config_plan_is_what_runs(image: Tensor) -> None:
    dense, sparse = backbone(), backbone(PLAN)
    with torch.no_grad():
        assert torch.equal(sparse(image)[0], dense(image, PLAN)[0])
        assert not torch.equal(sparse(image)[0], dense(image)[0])


def test_context_plan_wins_over_the_config_and_ends_with_the_block(image: Tensor) -> None:
    model = backbone(PLAN)
    with torch.no_grad():
        configured = model(image)[0]
        with use_plan({}):
            inside = model(image)[0]
        assert torch.equal(model(image)[0], configured)
        assert torch.equal(inside, model(image, {})[0])


def test_context_plan_stays_in_its_thread(image: Tensor) -> None:
    model = backbone()
    seen = []

    def other() -> None:
        with torch.no_grad():
            seen.append(model(image)[0])

    with torch.no_grad(), use_plan(PLAN):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert torch.equal(seen[0], model(image, {})[0])


def test_wrong_plan_in_a_config_fails_when_the_model_is_built() -> None:
    with pytest.raises(PlanError, match="unknown knob 'stage7'"):
        backbone({"stage7": 0.3})


def test_a_config_may_ask_for_other_knobs_and_not_for_ones_that_do_not_exist() -> None:
    narrow = backbone(space={"values": (0.0, 0.5)})
    assert narrow.space((112, 112)).knobs[0].values == (0.0, 0.5)
    assert len(backbone().space((112, 112)).knobs[0].values) > 2
    with pytest.raises(ModelError, match=r"does not suit SparseViT: .*per_token"):
        backbone(space={"per_token": True})


def test_wrong_init_cfg_says_what_is_expected() -> None:
    with pytest.raises(ModelError, match="must be dict"):
        backbone(init_cfg={"type": "Xavier"})


def test_hook_draws_the_published_plans_only_while_training(image: Tensor) -> None:
    model, hook = backbone(), SparsityAdaptationHook(seed=3)
    runner = Runner(model)
    expected = random.Random(3)
    with torch.no_grad():
        dense = model(image)[0]
        for _ in range(4):
            plan = draw_adaptation_plan((2, 2, 6, 2), expected)
            hook.before_train_iter(runner)
            assert torch.equal(model(image)[3], model(image, plan)[3])
            hook.after_train_iter(runner)
            hook.before_val_iter(runner)
            assert torch.equal(model(image)[0], dense)
            hook.after_val_iter(runner)


def test_ranks_draw_equal_plans_whatever_the_global_seed() -> None:
    drawn = []
    for rank in range(2):
        random.seed(rank)
        hook = SparsityAdaptationHook()
        drawn.append([draw_plan(backbone(), hook.rng) for _ in range(5)])
        random.random()
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) > 1


def test_validation_draws_when_asked(image: Tensor) -> None:
    hook = SparsityAdaptationHook(seed=1, in_validation=True)
    model = backbone()
    runner = Runner(model)
    plan = draw_adaptation_plan((2, 2, 6, 2), random.Random(1))
    with torch.no_grad():
        hook.before_val_iter(runner)
        assert torch.equal(model(image)[3], model(image, Plan.of(plan))[3])
        hook.after_val_iter(runner)


def test_fresh_weights_are_the_transformers_usual_ones() -> None:
    model = backbone()
    model.init_weights()
    qkv = model.stages[0].blocks[0].attn.w_msa.qkv
    assert qkv.weight.std().item() == pytest.approx(0.02, abs=0.004)
    assert torch.count_nonzero(qkv.bias) == 0


@pytest.mark.parametrize("name", sorted(ADAPTED))
def test_every_family_is_built_by_its_class_name_and_refuses_unknown_knobs(name: str) -> None:
    family = next(family for family in FAMILIES if family.load().__name__ == name)
    options = next(iter(family.sizes.values())).options
    with torch.device("meta"):
        model = build_backbone({"type": name, "plan": {}, **options})
        assert isinstance(model, (PlannedBackbone, family.load()))
        with pytest.raises(PlanError, match="no_such_knob"):
            build_backbone({"type": name, "plan": {"no_such_knob": 1}, **options})
    drawn = draw_plan(model, random.Random(0))
    model.work(drawn, (224, 224))


NANO = (
    "sparsevit_nano",
    "stvit_r_nano",
    "svit_adapter_nano",
    "vit_adapter_nano",
    "stvit_nano_backbone",
    "hourglass_swin_nano",
)


@pytest.mark.parametrize("name", NANO)
def test_maps_lie_in_memory_as_mmcv_reads_them(name: str) -> None:
    family, size = ZOO[name]
    model = build_backbone({"type": family.type, "plan": {}, **size.options}).eval()
    with torch.no_grad():
        maps = model(torch.randn(2, 3, 96, 128))
    # mmcv's RoIAlign on the CPU takes the storage for the map, whatever the strides say
    assert len(maps) == 4 and all(one.is_contiguous() for one in maps)
    assert [tuple(one.shape[2:]) for one in maps] == [(24, 32), (12, 16), (6, 8), (3, 4)]
