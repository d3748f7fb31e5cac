"""The sparsity of every knob, for each plan of the front and both ends."""

import re
from collections.abc import Mapping
from typing import Any

from models.plan import Value
from models.space import Knob, Space
from search.plots.source import Source, point_id, words

_STAGE = re.compile(r"stage(\d+)")


def stages(source: Source) -> dict[str, Any]:
    """`knobs` (values, kept counts, stage) and `plans` (per knob: value, share of its range, what it keeps)."""
    space = source.space
    if space is None:
        return {"knobs": [], "plans": [], "summary": "The knobs are not known before the target has been opened."}
    named: dict[str, tuple[str, Mapping[str, Value]]] = {}
    for point in source.front:
        named.setdefault(point_id(point.plan), ("front", point.plan))
    if source.ends is not None:
        for role, record in zip(("floor", "dense"), source.ends, strict=True):
            named[point_id(record.plan)] = (role, record.plan)
    if source.chosen is not None:
        named[point_id(source.chosen)] = ("chosen", source.chosen)
    plans = [{"id": key, "role": role, **_settings(space, plan)} for key, (role, plan) in named.items()]
    return {"knobs": [_knob(knob) for knob in space.knobs], "plans": plans, "summary": _summary(source, len(plans))}


def _knob(knob: Knob) -> dict[str, Any]:
    stage = _STAGE.match(knob.name)
    return {
        "name": knob.name,
        "stage": None if stage is None else int(stage.group(1)),
        "values": list(knob.values),
        "counts": None if knob.counts is None else list(knob.counts),
    }


def _settings(space: Space, plan: Mapping[str, Value]) -> dict[str, Any]:
    positions = space.indices(plan)
    paired = list(zip(space.knobs, positions, strict=True))
    return {
        "plan": dict(plan),
        "values": [knob.values[position] for knob, position in paired],
        "share": [position / max(len(knob.values) - 1, 1) for knob, position in paired],
        "kept": [None if knob.counts is None else knob.counts[position] for knob, position in paired],
    }


def _summary(source: Source, plans: int) -> str:
    if source.chosen is not None:
        return f"The chosen plan prunes: {words(source.chosen)}."
    return f"{plans} plans are known so far; none is chosen yet."
