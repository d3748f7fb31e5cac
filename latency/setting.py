"""The setting: everything besides the plan that decides how long a forward takes. Unlike settings never compare."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeAlias, get_args

from latency.errors import SettingError

Scope: TypeAlias = Literal["backbone", "model"]
DType: TypeAlias = Literal["float32", "float16", "bfloat16"]
Runtime: TypeAlias = Literal["eager", "compile", "graph"]
Clock: TypeAlias = Literal["device", "host"]


@dataclass(frozen=True)
class Setting:
    """What is timed.

    Args:
        scope: the backbone alone, or the whole model from images to raw head outputs.
        batch: images per forward.
        input_size: (height, width) in pixels.
        dtype: precision of weights and activations.
        runtime: eager, torch.compile, or a replayed CUDA graph.
        device: "cpu", "cuda:0" or "sim:<seed>".
        threads: intra-op threads on a CPU; None: torch's own choice.
        clock: whose time counts. "device": GPU time while its queue is fed, the throughput view. "host": wall time of
            one synchronised forward, what a caller waits who sends one batch at a time. One and the same on a CPU.
    Raises:
        SettingError: a field is out of range.
    """

    scope: Scope = "backbone"
    batch: int = 1
    input_size: tuple[int, int] = (224, 224)
    dtype: DType = "float32"
    runtime: Runtime = "eager"
    device: str = "cpu"
    threads: int | None = None
    clock: Clock = "device"

    def __post_init__(self) -> None:
        choices = {"scope": Scope, "dtype": DType, "runtime": Runtime, "clock": Clock}
        for name, legal in choices.items():
            if getattr(self, name) not in get_args(legal):
                raise SettingError(
                    f"{name}={getattr(self, name)!r} is unknown; choose one of {', '.join(get_args(legal))}"
                )
        if not _positive(self.batch):
            raise SettingError(f"batch={self.batch!r} must be a whole number of images, at least 1")
        if not (
            isinstance(self.input_size, tuple) and len(self.input_size) == 2 and all(map(_positive, self.input_size))
        ):
            raise SettingError(
                f"input_size={self.input_size!r} must be (height, width) in whole pixels, at least 1 each"
            )
        if self.threads is not None and not _positive(self.threads):
            raise SettingError(f"threads={self.threads!r} must be a whole number, at least 1, or None")
        kind, colon, index = self.device.partition(":") if isinstance(self.device, str) else ("", "", "")
        if kind not in ("cpu", "cuda", "sim") or (colon and not index.isdecimal()) or (kind == "sim" and not index):
            raise SettingError(f"device={self.device!r} is unknown; choose cpu, cuda:0 or sim:0 (simulated)")
        if self.runtime == "graph" and kind == "cpu":
            raise SettingError("runtime='graph' replays a CUDA graph and needs device cuda:<index>; use eager on a CPU")

    @property
    def kind(self) -> str:
        """ "cpu", "cuda" or "sim"."""
        return self.device.partition(":")[0]

    def to_dict(self) -> dict[str, Any]:
        """JSON values, in field order."""
        return {**asdict(self), "input_size": list(self.input_size)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Setting":
        """Read what `to_dict` wrote; absent fields keep their defaults.

        Raises:
            SettingError: a field is unknown or out of range.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise SettingError(f"a setting has no field {unknown[0]!r}; it has {', '.join(sorted(known))}")
        size = values.get("input_size", cls.input_size)
        return cls(**{**values, "input_size": tuple(size) if isinstance(size, list | tuple) else size})

    def __str__(self) -> str:
        height, width = self.input_size
        threads = "" if self.threads is None else f", {self.threads} threads"
        clock = "" if self.clock == "device" else ", host clock"
        shape = f"{self.scope}, batch {self.batch}, {height}x{width}"
        return f"{shape}, {self.dtype}, {self.runtime}, {self.device}{threads}{clock}"


def _positive(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
