"""Targets: what a search is about, under a name. Some are built in; the user's own live in a TOML file like theirs.

[targets.my-detector]
config = "/models/mask_rcnn.py"
checkpoint = "/models/epoch_12.pth"
input_size = [672, 672]
batch = 4
"""

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from search.errors import TargetError
from search.evaluators.synthetic import option_problem
from search.home import Home
from search.target_files import check_checkpoint, check_config, config_chain, model_type
from search.tasks import KINDS, TASKS, Kind, kind_of_model

Scope: TypeAlias = Literal["backbone", "model"]
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_BUILTIN = Path(__file__).resolve().parent.parent / "configs" / "targets.toml"


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A model, its weights and its data.

    Args:
        name: what users type; [a-z0-9_-].
        kind: "detection", "classification" or "video" (mmdet configs; `kind_of_config` tells which), or "synthetic"
            (closed-form accuracy, for simulated searches only).
        config: mmdet config file; None for synthetic targets.
        checkpoint: weights (.safetensors or .pth); None for synthetic targets.
        input_size: (height, width) in pixels that latency is measured at by default.
        batch: images per forward that latency is measured at by default.
        scope: what is timed by default.
        device: default device; None: the user's choice.
        metric: what is maximised by default; empty: the first metric of the kind.
        description: one line.
        options: of synthetic targets: `delay_s` (pause per evaluation), `log` (file that gets a line per evaluation),
            `fault` and `fault_share` (see `SyntheticEvaluator`).
    Raises:
        TargetError: a field is malformed.
    """

    name: str
    kind: Kind = "detection"
    config: Path | None = None
    checkpoint: Path | None = None
    input_size: tuple[int, int] = (672, 672)
    batch: int = 1
    scope: Scope = "backbone"
    device: str | None = None
    metric: str = ""
    description: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise TargetError(f"target name {self.name!r} must be lower-case letters, digits, - and _ (at most 64)")
        if self.kind not in KINDS:
            raise TargetError(f"target {self.name}: kind={self.kind!r} is unknown; choose one of {', '.join(KINDS)}")
        if not self.metric:
            object.__setattr__(self, "metric", TASKS[self.kind].metrics[0])
        if self.metric not in TASKS[self.kind].metrics:
            raise TargetError(
                f"target {self.name}: metric={self.metric!r} is unknown for {self.kind} targets; choose one of "
                f"{', '.join(TASKS[self.kind].metrics)}"
            )
        if len(self.input_size) != 2 or not all(_count(side) for side in self.input_size):
            raise TargetError(f"target {self.name}: input_size={self.input_size!r} must be [height, width] in pixels")
        if not _count(self.batch):
            raise TargetError(f"target {self.name}: batch={self.batch!r} must be a whole number of at least 1")
        if self.scope not in ("backbone", "model"):
            raise TargetError(f"target {self.name}: scope={self.scope!r} is unknown; choose backbone or model")
        if not isinstance(self.options, Mapping) or (self.options and self.kind != "synthetic"):
            raise TargetError(f"target {self.name}: options={self.options!r} are for synthetic targets; remove them")
        if problem := option_problem(self.options):
            raise TargetError(f"target {self.name}: {problem}")

    def check(self) -> None:
        """Cheap checks of the files, without importing or running anything in them.

        Raises:
            TargetError: a file is missing, empty, or is not what its name says; names the file and the remedy.
        """
        if self.kind == "synthetic":
            return
        for name, path in (("config", self.config), ("checkpoint", self.checkpoint)):
            if path is None:
                raise TargetError(f"target {self.name}: {name} is not set; give the path of the {name}")
            if not path.is_file():
                raise TargetError(f"target {self.name}: {name} {path} does not exist; correct the path")
            if path.stat().st_size == 0:
                raise TargetError(f"target {self.name}: {name} {path} is empty; copy it again")
        assert self.config is not None and self.checkpoint is not None
        check_config(self.config)
        check_checkpoint(self.checkpoint)

    def digest(self) -> str:
        """sha256 over the config (with the files that it is based on) and the weights: the key of the archive."""
        digest = hashlib.sha256(self.kind.encode())
        if self.kind == "synthetic":
            digest.update(self.name.encode())
            return digest.hexdigest()
        assert self.config is not None and self.checkpoint is not None
        for path in (*config_chain(self.config), self.checkpoint):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """A JSON object; `from_dict` gives an equal target."""
        return {
            "name": self.name,
            "kind": self.kind,
            "config": None if self.config is None else str(self.config),
            "checkpoint": None if self.checkpoint is None else str(self.checkpoint),
            "input_size": list(self.input_size),
            "batch": self.batch,
            "scope": self.scope,
            "device": self.device,
            "metric": self.metric,
            "description": self.description,
            "options": dict(self.options),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Target":
        """Read what `to_dict` wrote, or a table of the TOML file.

        Raises:
            TargetError: an unknown field, or one of the wrong type.
        """
        known = set(cls.__dataclass_fields__)
        if unknown := sorted(set(data) - known):
            raise TargetError(f"target {data.get('name')}: unknown fields {unknown}; known are {sorted(known)}")
        values = dict(data)
        for name in ("config", "checkpoint"):
            if values.get(name) is not None:
                if not isinstance(values[name], str | Path):
                    raise TargetError(f"target {data.get('name')}: {name}={values[name]!r} must be a path")
                values[name] = Path(values[name]).expanduser()
        if "input_size" in values:
            size = values["input_size"]
            if not isinstance(size, list | tuple):
                raise TargetError(f"target {data.get('name')}: input_size={size!r} must be [height, width] in pixels")
            values["input_size"] = tuple(size)
        return cls(**values)


def kind_of_config(path: Path) -> Kind:
    """What a config is about, by the type of its model; read, not run."""
    return kind_of_model(model_type(path) if path.is_file() else None)


def targets(home: Home | None = None) -> dict[str, Target]:
    """Every target by name: the built-in ones, then the user's.

    Raises:
        TargetError: the user's file cannot be read.
    """
    path = (home or Home.default()).targets
    return {**BUILTIN, **{name: _target(name, table) for name, table in _read(path).items()}}


def find(name: str, home: Home | None = None) -> Target:
    """The target of a name.

    Raises:
        TargetError: there is none; lists those there are.
    """
    known = targets(home)
    if name not in known:
        raise TargetError(f"unknown target {name!r}; known are {', '.join(known)}. Add one with: sparsearch target add")
    return known[name]


def add(target: Target, home: Home | None = None, replace: bool = False) -> Path:
    """Check a target and write it to the user's file (atomically). Returns the file.

    Raises:
        TargetError: its files fail `Target.check`, or the name is taken.
    """
    target.check()
    path = (home or Home.default()).targets
    own = _read(path)
    if target.name in BUILTIN:
        raise TargetError(f"target {target.name} is built in; choose another name")
    if target.name in own and not replace:
        raise TargetError(f"target {target.name} exists in {path}; choose another name or replace it")
    plain = {name: value for name, value in target.to_dict().items() if name != "name" and value not in (None, {})}
    for file in ("config", "checkpoint"):
        if file in plain:
            plain[file] = str(Path(plain[file]).resolve())
    own[target.name] = plain
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    # JSON strings, numbers and arrays of them are valid TOML
    lines = [
        f"[targets.{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for name, table in own.items()
    ]
    scratch.write_text("\n".join(lines), encoding="utf-8")
    os.replace(scratch, path)
    return path


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("targets", {})
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise TargetError(f"cannot read {path}: {error}; correct the file or remove it") from None
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise TargetError(f"{path} must hold tables such as [targets.my-model]; correct the file")
    return tables


def _builtin() -> dict[str, Target]:
    found = {}
    for name, table in _read(_BUILTIN).items():
        # the paths of the file start where it lies
        paths: dict[str, Any] = {
            file: (_BUILTIN.parent / table[file]).resolve() for file in ("config", "checkpoint") if file in table
        }
        found[name] = _target(name, {**table, **paths})
    return found


def _target(name: str, table: Mapping[str, Any]) -> Target:
    """A table of a file; the kind of a real model may be left to its config to say."""
    kind: dict[str, Any] = {}
    if "kind" not in table and isinstance(table.get("config"), str | Path):
        kind = {"kind": kind_of_config(Path(table["config"]).expanduser())}
    return Target.from_dict({**kind, **table, "name": name})


BUILTIN: Mapping[str, Target] = MappingProxyType(_builtin())
"""The targets that come with the tool."""
