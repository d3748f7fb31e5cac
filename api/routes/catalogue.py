"""What can be searched, with which backbones, on which devices."""

import json
from functools import lru_cache
from typing import Any

from fastapi import APIRouter

from api.devices import host_devices
from api.failures import without_folders
from api.problems import Problem, problems, retry_after
from api.schemas.catalogue import (
    DeviceBody,
    DeviceList,
    KnobSpace,
    ModelBody,
    ModelList,
    SpaceBody,
    TargetBody,
    TargetList,
    TargetSetting,
)
from api.state import ServiceDep
from models.space import Space
from models.zoo import ZOO
from search.defaults import setting_of, simulated_size
from search.errors import TargetError
from search.home import Home
from search.store.rows import SearchRow
from search.store.store import Store
from search.targets import Target, targets

router = APIRouter(prefix="/v1", tags=["catalogue"])

_RECENT = 100
"""Searches looked through for devices."""


@router.get("/targets", responses=problems(503))
def list_targets(service: ServiceDep) -> TargetList:
    """What can be searched. The operator adds targets on the server; nothing is ever uploaded as code."""
    try:
        known = targets(Home(service.settings.home))
    except TargetError as error:
        raise Problem("not-ready", 503, without_folders(str(error)), headers=retry_after(60)) from None
    store = service.dispatcher.store
    return TargetList(items=[_target(target, _newest(store, target.name)) for target in known.values()])


@router.get("/models")
async def list_models() -> ModelList:
    """The backbones that SparSearch builds, with their spaces."""
    return _models()


@router.get("/devices", responses=problems(503))
def list_devices(service: ServiceDep) -> DeviceList:
    """Devices of the newest searches, then those of this server."""
    store = service.dispatcher.store
    seen: dict[str, DeviceBody] = {}
    for row in store.page_searches(state=None, target=None, label=None, size=_RECENT, after=None).rows:
        prepared = store.latest(row.id, "prepared")
        if prepared is not None:
            seen.setdefault(prepared.data["device_key"], _device(row, prepared.data, prepared.at))
    return DeviceList(items=[*seen.values(), *host_devices()])


def _target(target: Target, prepared: dict[str, Any] | None) -> TargetBody:
    setting = setting_of(target)
    problem = None
    try:
        target.check()
    except TargetError as error:
        problem = without_folders(str(error))
    space = None
    if prepared is not None:
        space = Space.from_json(prepared["space"])
    elif target.kind == "synthetic":
        space = simulated_size().geometry.space(target.input_size)
    return TargetBody(
        name=target.name,
        kind=target.kind,
        description=target.description,
        metric=target.metric,
        simulated=target.kind == "synthetic",
        setting=TargetSetting(
            scope=setting.scope,
            batch=setting.batch,
            img_size=list(setting.input_size),
            dtype=setting.dtype,
            runtime=setting.runtime,
            device=setting.device,
        ),
        space=None if space is None else _space(space),
        ready=problem is None,
        problem=problem,
    )


def _newest(store: Store, target: str) -> dict[str, Any] | None:
    """What the newest search of a target found out about its space."""
    for row in store.page_searches(state=None, target=target, label=None, size=5, after=None).rows:
        prepared = store.latest(row.id, "prepared")
        if prepared is not None:
            return dict(prepared.data)
    return None


def _space(space: Space) -> SpaceBody:
    return SpaceBody(
        img_size=None if space.input_size is None else list(space.input_size),
        plans=len(space),
        knobs=[KnobSpace(name=knob.name, values=list(knob.values)) for knob in space.knobs],
        ordered=[list(group) for group in space.ordered],
    )


@lru_cache(maxsize=1)
def _models() -> ModelList:
    items = []
    for name, (family, size) in ZOO.items():
        space = size.geometry.space(size.input_size)
        gmacs = size.geometry.work(space.dense, size.input_size).macs / 1e9
        items.append(ModelBody(name=name, family=family.name, space=_space(space), gmacs=gmacs, source=size.source))
    return ModelList(items=items)


def _device(row: SearchRow, prepared: Any, at: str) -> DeviceBody:
    device = prepared["device"]
    return DeviceBody(
        name=device["name"],
        device=row.job.setting.device,
        key=prepared["device_key"],
        simulated=prepared["simulated"],
        source="measured",
        setting=str(row.job.setting),
        details=json.loads(json.dumps(device.get("details", {}).get("key", {}))),
        last_used_at=at,
    )
