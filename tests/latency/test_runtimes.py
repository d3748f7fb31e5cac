import warnings
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from latency.errors import DeviceError, MeasurementError
from latency.fingerprint import fingerprint
from latency.flags import COMPILE_FALLBACK
from latency.measure import measure_plans
from latency.runtimes import INPUTS, _require_equal, make_timer
from latency.setting import Setting
from latency.stopping import Stopping
from models.plan import Plan
from models.sparsevit import SparseViT

SIZE = (56, 56)
SETTING = Setting(input_size=SIZE, threads=1)
SPARSE = Plan.of({"stage0": 0.5})


def small() -> SparseViT:
    return SparseViT(embed_dims=8, depths=(2,), num_heads=(1,), out_indices=(0,))


class Spy(nn.Module):
    """Remembers what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor, plan: Plan) -> Tensor:
        self.seen.append(x)
        return x.mean() + self.layer.weight.sum()


def test_inputs_take_turns_and_are_neither_equal_nor_blank() -> None:
    seen: list[Tensor] = []

    class Shared(Spy):
        def forward(self, x: Tensor, plan: Plan) -> Tensor:
            seen.append(x)
            return x

    make_timer(Shared(), SETTING).time_block(SPARSE, 2 * INPUTS)
    assert INPUTS >= 4
    assert all(a is b for a, b in zip(seen[:INPUTS], seen[INPUTS:], strict=True))
    assert len({float(x.sum()) for x in seen}) == INPUTS
    assert seen[0].shape == (1, 3, *SIZE)
    assert all(0.9 < float(x.std()) < 1.1 for x in seen)


def test_given_batches_take_turns_instead_of_random_ones() -> None:
    seen: list[Tensor] = []

    class Shared(Spy):
        def forward(self, x: Tensor, plan: Plan) -> Tensor:
            seen.append(x)
            return x

    given = [torch.full((1, 3, *SIZE), float(value)) for value in range(3)]
    make_timer(Shared(), SETTING, inputs=given).time_block(SPARSE, 6)
    assert [float(x.mean()) for x in seen] == [0, 1, 2, 0, 1, 2]


def test_a_model_of_clips_gets_clips() -> None:
    seen: list[Tensor] = []

    class Clips(Spy):
        frames = 5

        def forward(self, x: Tensor, plan: Plan) -> Tensor:
            seen.append(x)
            return x

    make_timer(Clips(), SETTING).time_block(SPARSE, 1)
    assert seen[0].shape == (1, 3, 5, *SIZE)


def test_forwards_run_in_inference_mode_in_the_setting_s_precision_and_threads() -> None:
    facts: list[tuple[bool, torch.dtype, bool, int]] = []

    class Facts(Spy):
        def forward(self, x: Tensor, plan: Plan) -> Tensor:
            facts.append((torch.is_inference_mode_enabled(), x.dtype, self.training, torch.get_num_threads()))
            return x.mean() + self.layer.weight.sum()

    model = Facts().train()
    before = torch.get_num_threads()
    make_timer(model, Setting(input_size=SIZE, dtype="bfloat16", threads=2)).time_block(SPARSE, 1)
    torch.set_num_threads(before)
    assert facts == [(True, torch.bfloat16, False, 2)]
    assert model.layer.weight.dtype == torch.float32
    assert model.training


def test_a_callable_gets_only_the_plan() -> None:
    plans: list[Plan] = []
    block = make_timer(plans.append, SETTING).time_block(SPARSE, 3)
    assert plans == [SPARSE] * 3
    assert len(block.event_ms) == 3


def test_a_forward_that_fails_says_with_which_plan() -> None:
    timer = make_timer(small(), SETTING)
    with pytest.raises(MeasurementError, match=r"the forward of plan \{stage9=0.5\} failed: PlanError"):
        timer.time_block(Plan.of({"stage9": 0.5}), 1)


def test_eager_timing_end_to_end() -> None:
    model = small()
    space = model.space(SIZE)
    timer = make_timer(model, SETTING)
    plans = [space.dense, space.sparsest]
    stopping = Stopping(precision=0.5, least=5, most=5)
    measured = measure_plans(timer, plans, SETTING, fingerprint(SETTING), space.dense, Random(0), stopping)
    assert [one.plan for one in measured] == plans
    assert all(one.median_ms > 0 and one.samples >= 15 for one in measured)
    assert measured[0].device.key == fingerprint(SETTING).key


class Traced:
    """A compiler that keeps the graphs it is given and runs them as they are: code generation takes minutes."""

    def __init__(self) -> None:
        self.graphs: list[torch.fx.GraphModule] = []

    def __call__(self, graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
        self.graphs.append(graph)
        return graph.forward


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Iterator[Traced]:
    compiler = Traced()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=compiler))
    with warnings.catch_warnings():
        # the compiler's own imports
        warnings.simplefilter("ignore")
        yield compiler


def test_sparsevit_compiles_as_one_graph(traced: Traced) -> None:
    timer = make_timer(small(), Setting(input_size=SIZE, runtime="compile", threads=1))
    block = timer.time_block(SPARSE, INPUTS)
    timer.time_block(SPARSE, INPUTS)
    assert len(traced.graphs) == 1
    assert not [flag for flag in block.flags if flag.startswith(COMPILE_FALLBACK)]


def test_more_plans_compile_than_a_compiler_would_recompile(traced: Traced) -> None:
    class Scaled(nn.Module):
        def forward(self, x: Tensor, plan: Plan) -> Tensor:
            return x * (1 - float(plan["ratio"]))

    timer = make_timer(Scaled(), Setting(input_size=SIZE, runtime="compile", threads=1))
    for ratio in range(10):
        block = timer.time_block(Plan.of({"ratio": ratio / 10}), 1)
        assert not [flag for flag in block.flags if flag.startswith(COMPILE_FALLBACK)]
    assert len(traced.graphs) == 10


def test_a_model_that_cannot_be_compiled_runs_eagerly_and_says_so() -> None:
    class Branching(nn.Module):
        def forward(self, x: Tensor, plan: Plan) -> Tensor:
            # a branch on a value cannot be traced
            return x if float(x.sum()) > 0 else -x

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        timer = make_timer(Branching(), Setting(input_size=SIZE, runtime="compile", threads=1))
        block = timer.time_block(SPARSE, 2)
    assert len(block.event_ms) == 2
    assert any(flag.startswith(COMPILE_FALLBACK) for flag in block.flags)


def test_devices_that_cannot_run_a_model_are_refused() -> None:
    with pytest.raises(DeviceError, match="sim:0 is simulated and runs no model"):
        make_timer(small(), Setting(device="sim:0"))
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="torch sees no GPU"):
            make_timer(small(), Setting(device="cuda:0"))


@pytest.mark.parametrize(
    ("replayed", "equal"),
    [([1.0, 2.0], True), ([1.0, 2.0005], True), ([1.0, 2.1], False), ([1.0, float("nan")], False)],
)
def test_a_replay_must_give_what_eager_gives(replayed: list[float], equal: bool) -> None:
    expected = [torch.tensor([1.0, 2.0])]
    if equal:
        _require_equal([torch.tensor(replayed)], expected)
    else:
        with pytest.raises(RuntimeError, match="the replay differs from eager by"):
            _require_equal([torch.tensor(replayed)], expected)
    with pytest.raises(RuntimeError, match="the replay gave 0 tensors"):
        _require_equal([], expected)
