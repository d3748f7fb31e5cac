"""What there is to search with: targets, backbones, devices, checkpoints, as the service tells of them."""

from typing import Any, Literal

from api.schemas.base import Knob, Told
from search.tasks import Kind


class KnobSpace(Told):
    """One knob of a plan."""

    name: str
    values: list[Knob]
    """Legal values, from dense to sparsest."""


class SpaceBody(Told):
    """The legal plans at one input size."""

    img_size: list[int] | None
    """[height, width] in pixels."""
    plans: int
    """How many there are."""
    knobs: list[KnobSpace]
    ordered: list[list[str]]
    """Groups of knobs whose values may not become denser from one to the next."""


class TargetSetting(Told):
    """What is timed when a request does not say otherwise."""

    scope: str
    batch: int
    img_size: list[int]
    """[height, width] in pixels."""
    dtype: str
    runtime: str
    device: str


class TargetBody(Told):
    """A model, its weights and its data, under the name that requests use."""

    name: str
    kind: Kind
    description: str
    metric: str
    """What is maximised."""
    simulated: bool
    """Whether latencies of it can only be simulated."""
    setting: TargetSetting
    space: SpaceBody | None
    """Null until a search of it has run."""
    ready: bool
    """Whether its files are in order."""
    problem: str | None
    """What is not in order."""


class TargetList(Told):
    """Every target."""

    items: list[TargetBody]
    next_page_token: str | None = None


class ModelBody(Told):
    """A backbone of the zoo."""

    name: str
    family: str
    space: SpaceBody
    gmacs: float
    """Multiply-accumulates of the dense plan for one image of that size, in 10^9."""
    source: str
    """Where its numbers come from."""


class ModelList(Told):
    """Every backbone."""

    items: list[ModelBody]
    next_page_token: str | None = None


class DeviceBody(Told):
    """A machine that latencies were measured on, or that this server offers."""

    name: str
    device: str | None
    """What a request says to get it ("cpu", "cuda:0", "sim:0"); null: it was seen, and may not be here now."""
    key: str | None
    """Its fingerprint in one setting: latencies of unlike keys never mix. Null until something was measured on it."""
    simulated: bool
    source: Literal["measured", "host"]
    setting: str | None
    """What was timed on it, in words."""
    details: dict[str, Any]
    """What the key was made of."""
    last_used_at: str | None


class DeviceList(Told):
    """Devices of the newest searches, and those of this server."""

    items: list[DeviceBody]
    next_page_token: str | None = None


class CheckpointBody(Told):
    """An uploaded file of weights, safetensors always."""

    id: str
    sha256: str
    name: str
    bytes: int
    tensors: int
    created_at: str


class CheckpointList(Told):
    """Every checkpoint, newest first."""

    items: list[CheckpointBody]
    next_page_token: str | None = None
