"""Config files that are data: assignments of literals, written by `dump`, read by `parse` without running anything."""

import ast
import keyword
import math
import re
from collections.abc import Mapping
from typing import Any

from search.errors import ExportError

BESIDE = "{{ fileDirname }}/"
"""mmcv replaces this by the folder of the config file, so a path that starts with it works from any directory."""

_BESIDE_FILE = re.compile(re.escape(BESIDE) + r"[A-Za-z0-9][A-Za-z0-9._-]*")
_RESERVED = frozenset({"filename", "text", "pretty_text", "env_variables"})  # mmcv.Config refuses them
_HEADER = ("# Written by SparSearch. Nothing but assignments of literals,", "# so that any tool can read it as data.")
_WIDTH = 110
_DEPTH = 40


def dump(config: Mapping[str, object], header: str = "") -> str:
    """The text of a config file, one assignment per top-level name, in order.

    Plain `{...}` and `[...]` are written rather than `dict(...)`, so that every value passes `ast.literal_eval`.

    Args:
        config: nested dict, list, tuple, str, int, float, bool and None; dicts have string keys.
        header: text of a leading comment.
    Raises:
        ExportError: something is no literal, or is a string that mmcv would expand; names where it is.
    """
    # the fixed lines come first: Python looks for a `coding` remark in the first two
    lines = list(_HEADER) + [f"# {_printable(line)}".rstrip() for line in header.splitlines()]
    for name, value in config.items():
        if (
            not (name.isascii() and name.isidentifier())
            or keyword.iskeyword(name)
            or name.startswith("_")
            or name in _RESERVED
        ):
            raise ExportError(f"{name!r} cannot be a top-level name of a config; use a plain identifier")
        lines.append(f"{name} = {_write(value, name, len(name) + 3, 0)}")
    text = "\n".join(lines) + "\n"
    if parse(text) != _plain(config):
        raise ExportError("the written config does not read back equal; a key or a value changes under repr")
    return text


def parse(text: str) -> dict[str, Any]:
    """The values of a config text, by syntax tree alone.

    Raises:
        ExportError: anything but `name = literal`; gives the line.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ExportError(f"the config is no Python: {error}") from None
    values: dict[str, Any] = {}
    for statement in tree.body:
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            raise ExportError(f"line {statement.lineno}: only `name = literal` is allowed; got {_kind(statement)}")
        target = statement.targets[0]
        if not isinstance(target, ast.Name) or target.id in values:
            raise ExportError(f"line {statement.lineno}: assign each plain name once; got {ast.unparse(target)!r}")
        _check(statement.value)
        values[target.id] = ast.literal_eval(statement.value)
    return values


def _write(value: object, where: str, column: int, depth: int) -> str:
    if depth > _DEPTH:
        raise ExportError(f"{where}: nested deeper than {_DEPTH} levels")
    if isinstance(value, Mapping):
        for key in value:
            if type(key) is not str:
                raise ExportError(f"{where}: a key must be a string; got {key!r} ({type(key).__name__})")
        parts = [
            f"{_scalar(key, where)}: {_write(item, f'{where}.{key}', 0, depth + 1)}" for key, item in value.items()
        ]
        return _join("{", parts, "}", column, depth)
    if type(value) in (list, tuple):
        assert isinstance(value, list | tuple)
        parts = [_write(item, f"{where}[{i}]", 0, depth + 1) for i, item in enumerate(value)]
        if type(value) is list:
            return _join("[", parts, "]", column, depth)
        return _join("(", [parts[0] + ","] if len(parts) == 1 else parts, ")", column, depth)
    return _scalar(value, where)


def _join(left: str, parts: list[str], right: str, column: int, depth: int) -> str:
    line = left + ", ".join(parts) + right
    if column + 4 * depth + len(line) <= _WIDTH and "\n" not in line:
        return line
    pad = "    " * (depth + 1)
    body = "".join(f"{pad}{part.rstrip(',') if left == '(' and len(parts) == 1 else part},\n" for part in parts)
    return f"{left}\n{body}{'    ' * depth}{right}"


def _scalar(value: object, where: str) -> str:
    # exact types: a numpy float is a float too, but its repr is a call
    if value is None or type(value) is bool:
        return repr(value)
    if type(value) is int and abs(value) < 2**63:
        return repr(value)
    if type(value) is float and math.isfinite(value):
        return repr(value)
    if type(value) is str:
        if "{{" in value and not _BESIDE_FILE.fullmatch(value):
            raise ExportError(f"{where}={value!r}: mmcv expands '{{{{ }}}}' inside strings; remove the double braces")
        return repr(value)
    raise ExportError(
        f"{where}={value!r} ({type(value).__name__}) is no literal; "
        "use None, bool, int, finite float, str, list, tuple or dict"
    )


def _check(node: ast.expr) -> None:
    match node:
        case ast.Constant(value=value) if value is None or type(value) in (bool, int, float, str):
            return
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
            return
        case ast.List(elts=items) | ast.Tuple(elts=items):
            for item in items:
                _check(item)
        case ast.Dict(keys=keys, values=items):
            for key in keys:
                if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
                    raise ExportError(f"line {node.lineno}: keys must be strings")
            for item in items:
                _check(item)
        case _:
            raise ExportError(f"line {node.lineno}: only literals are allowed; got {_kind(node)}")


def _kind(node: ast.AST) -> str:
    return f"{type(node).__name__} `{ast.unparse(node)[:60]}`"


def _printable(line: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value)
    return value
