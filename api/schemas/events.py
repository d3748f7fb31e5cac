"""Events as they are streamed: one JSON object each, in the order of their numbers."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

EventName = Literal[
    "snapshot", "state", "trial", "front", "progress", "log", "condition", "measurement", "model", "ask", "attempt",
    "verify", "confirm", "export", "prepared", "end", "shutdown",
]  # fmt: skip


class EventData(BaseModel):
    """The data of one event. Beside these four fields it has those of its name (see the guide of the service)."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    seq: Annotated[int, Field(ge=0)]
    """Number of the event inside its search; the position to resume from."""
    at: str
    """ISO 8601, UTC."""
    search: str
    """Id of the search."""
    name: EventName
