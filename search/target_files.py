"""The files of a target, looked at without importing, running or unpickling anything in them."""

import ast
import json
import re
from pathlib import Path

from search.errors import TargetError

_BASE = re.compile(r"^_base_\s*=\s*(\[[^\]]*\]|\([^)]*\)|['\"][^'\"]*['\"])", re.MULTILINE)
_QUOTED = re.compile(r"['\"]([^'\"]+)['\"]")


def check_config(path: Path) -> None:
    """Whether a `.py` config parses.

    Raises:
        TargetError: it does not; names the file and the line.
    """
    if path.suffix != ".py":
        return
    try:
        compile(path.read_bytes(), str(path), "exec")
    except (SyntaxError, ValueError) as error:
        raise TargetError(f"config {path} is no Python file: {error}; correct it") from None


def check_checkpoint(path: Path) -> None:
    """Whether a `.safetensors` file is whole.

    Raises:
        TargetError: its header is broken, or its size is not what the header says.
    """
    if path.suffix != ".safetensors":
        return
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(min(length, size)) if 0 < length <= size - 8 else b""
    try:
        tensors = json.loads(header)
        end = max((entry["data_offsets"][1] for name, entry in tensors.items() if name != "__metadata__"), default=0)
    except (ValueError, AttributeError, TypeError, KeyError, IndexError):
        raise TargetError(f"checkpoint {path} is no safetensors file (or is cut short); copy it again") from None
    if 8 + length + end != size:
        raise TargetError(f"checkpoint {path} has {size} bytes, its header says {8 + length + end}; copy it again")


def model_type(path: Path) -> str | None:
    """The `type` that a config, or the nearest file it is based on, gives its `model`; None: nobody says.

    Read from the text: a config is a program, and a target is added without running it.
    """
    for file in config_chain(path):
        try:
            statements = ast.parse(file.read_bytes()).body
        except (SyntaxError, ValueError):
            continue
        for statement in statements:
            if isinstance(statement, ast.Assign) and [ast.unparse(one) for one in statement.targets] == ["model"]:
                found = _entry(statement.value, "type")
                if found is not None:
                    return found
    return None


def _entry(value: ast.expr, name: str) -> str | None:
    """A string of `dict(name="...")` or `{"name": "..."}`."""
    pairs: list[tuple[object, ast.expr]] = []
    if isinstance(value, ast.Call):
        pairs = [(keyword.arg, keyword.value) for keyword in value.keywords]
    elif isinstance(value, ast.Dict):
        pairs = [(getattr(key, "value", None), one) for key, one in zip(value.keys, value.values, strict=True)]
    for key, one in pairs:
        if key == name and isinstance(one, ast.Constant) and isinstance(one.value, str):
            return one.value
    return None


def config_chain(path: Path, seen: frozenset[Path] = frozenset()) -> list[Path]:
    """A config and the files it is based on, found by reading (never by running) them."""
    if path in seen or not path.is_file():
        return []
    found = _BASE.search(path.read_text(encoding="utf-8", errors="replace"))
    bases = _QUOTED.findall(found[1]) if found else []
    chain = [path]
    for base in bases:
        chain += config_chain((path.parent / base).resolve(), seen | {path})
    return chain
