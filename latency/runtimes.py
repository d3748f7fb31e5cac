"""Runtimes: how a model is run while it is timed. Eager, compiled, or one CUDA graph per plan; the rest is the same.

A runtime that cannot run a plan as asked runs it eagerly and says so in the flags of every block, never in silence.
"""

import copy
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import CodeType, FunctionType
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from latency.errors import DeviceError
from latency.flags import COMPILE_FALLBACK, GRAPH_FALLBACK
from latency.memory import keep_memory
from latency.setting import Setting
from latency.timer import Block, Timer
from latency.timers.cuda import CudaTimer
from latency.timers.host import HostTimer
from models.plan import Plan

Model: TypeAlias = nn.Module | Callable[[Plan], object]
"""A module with `forward(x, plan)`, or a callable that runs one forward of a plan on inputs of its own."""

INPUTS = 4
"""Distinct batches that forwards take turns with: which windows win decides what is gathered."""

READY = 12
"""Compiled or captured plans that are kept; a session's group of plans and its reference fit."""

WARM_UPS = 3
"""Eager forwards before a capture: libraries choose kernels and allocate workspaces in them."""

TOLERANCE = {torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 5e-2}
"""Largest difference between a replayed and an eager output, relative to the largest value."""


def make_timer(
    model: Model, setting: Setting, *, channels: int = 3, seed: int = 0, inputs: Sequence[Tensor] | None = None
) -> Timer:
    """A timer of a model.

    A module is copied, so that the caller's keeps its precision and place. On a CPU, `setting.threads` becomes torch's
    number of threads whenever a block runs, and the process keeps its memory from then on (`latency.memory`).

    Args:
        model: a module with `forward(x, plan)`; or a callable `forward(plan)`, which brings its own inputs, precision
            and device.
        setting: batch, size, precision, runtime and device.
        channels: of the random images that a module gets.
        seed: of those images.
        inputs: batches that a module gets instead, in turn, for plans whose latency depends on the images.
    Raises:
        DeviceError: the device is not here.
    """
    if setting.kind == "sim":
        raise DeviceError(f"{setting.device} is simulated and runs no model; use latency.simulated.SimulatedDevice")
    if setting.kind == "cuda" and not torch.cuda.is_available():
        raise DeviceError(f"{setting.device} is not here: torch sees no GPU; use device cpu")
    if isinstance(model, nn.Module):
        feed = _Feed.of_module(model, setting, channels, seed, inputs)
    else:
        feed = _Feed.of_callable(model)
    runtime = RUNTIMES[setting.runtime](feed)
    timer = _on_gpu(runtime, setting) if setting.kind == "cuda" else _on_cpu(runtime, setting)
    return _Prepared(timer, runtime, setting)


@dataclass(frozen=True)
class _Feed:
    """A model and the inputs it takes turns with.

    Args:
        call: one forward of a plan on an input.
        inputs: (batch, channels, height, width) images; a single None for a callable with inputs of its own.
    """

    call: Callable[[Tensor | None, Plan], Any]
    inputs: tuple[Tensor | None, ...]

    @classmethod
    def of_module(
        cls, model: nn.Module, setting: Setting, channels: int, seed: int, inputs: Sequence[Tensor] | None
    ) -> "_Feed":
        dtype, device = getattr(torch, setting.dtype), torch.device(setting.device)
        ready = copy.deepcopy(model).to(device=device, dtype=dtype).eval()
        if inputs is None:
            rng = torch.Generator().manual_seed(seed)
            # models of clips say how many frames they take
            frames = (model.frames,) if isinstance(getattr(model, "frames", None), int) else ()
            shape = (setting.batch, channels, *frames, *setting.input_size)
            inputs = [torch.randn(shape, generator=rng) for _ in range(INPUTS)]
        return cls(ready, tuple(batch.to(device=device, dtype=dtype) for batch in inputs))

    @classmethod
    def of_callable(cls, forward: Callable[[Plan], object]) -> "_Feed":
        return cls(lambda _, plan: forward(plan), (None,))

    def at(self, index: int) -> Tensor | None:
        """The input of the n-th forward."""
        return self.inputs[index % len(self.inputs)]


class _Runtime(Protocol):
    def prepare(self, plan: Plan) -> None:
        """Make a plan ready, so that no block pays for it."""
        ...

    def forward(self, plan: Plan, index: int) -> object:
        """One forward on the n-th input."""
        ...

    def flags(self, plan: Plan) -> tuple[str, ...]:
        """How the plan is run differently from what was asked."""
        ...


class _Eager:
    """Operator by operator."""

    def __init__(self, feed: _Feed) -> None:
        self._feed = feed

    def prepare(self, plan: Plan) -> None:
        """Nothing to do."""

    def forward(self, plan: Plan, index: int) -> object:
        with torch.inference_mode():
            return self._feed.call(self._feed.at(index), plan)

    def flags(self, plan: Plan) -> tuple[str, ...]:
        return ()


class _Compiled:
    """`torch.compile`, once per plan: shapes are fixed by it, so nothing is left dynamic."""

    def __init__(self, feed: _Feed) -> None:
        self._feed = feed
        self._ready: OrderedDict[Plan, Callable[[Tensor | None], Any]] = OrderedDict()
        self._flags: dict[Plan, tuple[str, ...]] = {}

    def prepare(self, plan: Plan) -> None:
        if plan in self._ready:
            self._ready.move_to_end(plan)
            return
        call = self._feed.call

        def run(x: Tensor | None) -> Any:
            return call(x, plan)

        compiled = torch.compile(_own_code(run), dynamic=False, fullgraph=True)
        try:
            with torch.inference_mode():
                for x in self._feed.inputs:
                    compiled(x)
        # whatever a compiler may raise: the plan is still run, and the reason is on record
        except Exception as error:
            self._flags[plan] = (f"{COMPILE_FALLBACK}: {_reason(error)}",)
            compiled = run
        self._ready[plan] = compiled
        if len(self._ready) > READY:
            self._ready.popitem(last=False)

    def forward(self, plan: Plan, index: int) -> object:
        with torch.inference_mode():
            return self._ready[plan](self._feed.at(index))

    def flags(self, plan: Plan) -> tuple[str, ...]:
        return self._flags.get(plan, ())


class _Graph:
    """One captured CUDA graph per plan. A replay first copies its input into the captured buffer, as a server would."""

    def __init__(self, feed: _Feed) -> None:
        self._feed = feed
        self._ready: OrderedDict[Plan, tuple[Any, Tensor | None] | None] = OrderedDict()
        self._flags: dict[Plan, tuple[str, ...]] = {}
        self._pool: Any = torch.cuda.graph_pool_handle()

    def prepare(self, plan: Plan) -> None:
        if plan in self._ready:
            self._ready.move_to_end(plan)
            return
        stream = torch.cuda.current_stream()
        try:
            with torch.inference_mode():
                self._ready[plan] = self._capture(plan)
        # a model may do anything that cannot be captured (wait for the device, move data): run it eagerly instead
        except Exception as error:
            self._recover(stream)
            self._ready[plan] = None
            self._flags[plan] = (f"{GRAPH_FALLBACK}: {_reason(error)}",)
        if len(self._ready) > READY:
            self._ready.popitem(last=False)

    def forward(self, plan: Plan, index: int) -> object:
        captured, x = self._ready[plan], self._feed.at(index)
        with torch.inference_mode():
            if captured is None:
                return self._feed.call(x, plan)
            graph, buffer = captured
            if buffer is not None and x is not None:
                buffer.copy_(x)
            return graph.replay()

    def flags(self, plan: Plan) -> tuple[str, ...]:
        return self._flags.get(plan, ())

    def _recover(self, stream: Any) -> None:
        """Undo what a failed capture leaves behind."""
        # torch leaves its capturing stream current when ending the capture fails
        torch.cuda.set_stream(stream)
        # the device reports the failure once more
        with suppress(RuntimeError):
            torch.cuda.synchronize()
        if not any(self._ready.values()):
            # a pool that no graph holds cannot be captured into again
            self._pool = torch.cuda.graph_pool_handle()

    def _capture(self, plan: Plan) -> tuple[Any, Tensor | None]:
        call, first = self._feed.call, self._feed.inputs[0]
        buffer = None if first is None else first.clone()
        cuda: Any = torch.cuda
        side = cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                call(buffer, plan)
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            output = call(buffer, plan)
        # a graph that captured values instead of computations would repeat the first input's answer
        for x in self._feed.inputs[-2:]:
            if buffer is not None and x is not None:
                buffer.copy_(x)
            graph.replay()
            torch.cuda.synchronize()
            _require_equal([t.clone() for t in _tensors(output)], _tensors(call(x, plan)))
        return graph, buffer


RUNTIMES: dict[str, Callable[[_Feed], _Runtime]] = {"eager": _Eager, "compile": _Compiled, "graph": _Graph}


class _Prepared:
    """A timer that makes plans ready before their blocks, sets the number of threads, and adds the runtime's flags."""

    def __init__(self, timer: Timer, runtime: _Runtime, setting: Setting) -> None:
        self._timer, self._runtime, self._setting = timer, runtime, setting

    @property
    def name(self) -> str:
        return self._timer.name

    def time_block(self, plan: Plan, forwards: int) -> Block:
        if self._setting.kind == "cuda":
            with torch.cuda.device(self._setting.device):
                self._runtime.prepare(plan)
        else:
            threads = self._setting.threads
            if threads is not None and torch.get_num_threads() != threads:
                torch.set_num_threads(threads)
            self._runtime.prepare(plan)
        block = self._timer.time_block(plan, forwards)
        flags = self._runtime.flags(plan)
        return replace(block, flags=(*block.flags, *flags)) if flags else block

    def now(self) -> float:
        return self._timer.now()

    def rest(self, seconds: float) -> None:
        self._timer.rest(seconds)


def _on_gpu(runtime: _Runtime, setting: Setting) -> Timer:
    return CudaTimer(runtime.forward, setting.device)


def _on_cpu(runtime: _Runtime, setting: Setting) -> Timer:
    threads = setting.threads or torch.get_num_threads()
    keep_memory()
    return HostTimer(runtime.forward, f"cpu, {threads} threads")


def _own_code(function: Callable[[Tensor | None], Any]) -> Callable[[Tensor | None], Any]:
    """A copy with a code object of its own.

    torch.compile counts recompilations per code object and gives up, quietly, after a few; every plan is one.
    """
    assert isinstance(function, FunctionType)
    code: CodeType = function.__code__.replace()
    return FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)


def _tensors(output: Any) -> list[Tensor]:
    """Every tensor of a nested output, in order."""
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, dict):
        output = list(output.values())
    return [tensor for part in output for tensor in _tensors(part)] if isinstance(output, list | tuple) else []


def _require_equal(replayed: list[Tensor], eager: list[Tensor]) -> None:
    if len(replayed) != len(eager):
        raise RuntimeError(f"the replay gave {len(replayed)} tensors, eager {len(eager)}")
    for got, expected in zip(replayed, eager, strict=True):
        largest = float(expected.abs().max()) if expected.numel() else 0.0
        worst = float((got.float() - expected.float()).abs().max()) if expected.numel() else 0.0
        # written so that NaN fails
        if not worst <= TOLERANCE.get(expected.dtype, 0.0) * largest:
            raise RuntimeError(f"the replay differs from eager by {worst:.3g} where the largest value is {largest:.3g}")


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__
