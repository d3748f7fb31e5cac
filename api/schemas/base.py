"""What all schemas share: closed objects, finite numbers, and field docstrings that become OpenAPI descriptions."""

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field


class Asked(BaseModel):
    """A part of a request: nothing unknown, nothing converted, no NaN."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class Told(BaseModel):
    """A part of an answer: every field is always there, what is not known is null."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        json_schema_serialization_defaults_required=True,
    )


Knob: TypeAlias = bool | int | float | str
"""A value of a plan."""

PlanJson: TypeAlias = dict[str, Knob]
"""A plan: knob to value."""

PointId: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
"""The name of a plan: the first 12 hexadecimal digits of the sha256 of its JSON with sorted knobs."""
