"""Plans as people give them on the command line (standard library only)."""

import json
from pathlib import Path
from typing import Literal, TypeAlias

from models.errors import PlanError
from models.plan import Plan, Value
from search.errors import JobError

Asked: TypeAlias = Plan | Literal["dense", "floor", "config"]
"""A plan, or the word for one that only the model can name."""

WORDS = ("dense", "floor", "config")


def parse_plan(text: str) -> Asked:
    """A plan as JSON, as KEY=VALUE pairs, as the path of a plan.json (or of the bundle around it), or as a word.

    Raises:
        JobError: it is none of them.
        PlanError: a plan that is malformed.
    """
    asked = text.strip()
    for word in WORDS:
        if asked == word:
            return word  # type: ignore[return-value]  # one of the literals
    if asked.startswith("{"):
        return Plan.from_json(asked)
    path = Path(asked)
    file = path / "plan.json" if path.is_dir() else path
    if asked and file.is_file():
        return _read(file)
    if "=" in asked:
        return _pairs(asked)
    missing = "no such file" if file.suffix == ".json" else "not understood"
    raise JobError(
        f'--plan {text!r}: {missing}; give JSON such as \'{{"stage0": 0.3}}\', pairs such as "stage0=0.3 stage1=0.5", '
        f"the path of a plan.json, or one of {', '.join(WORDS)}"
    )


def _read(file: Path) -> Plan:
    try:
        return Plan.from_json(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, PlanError) as error:
        raise JobError(f"--plan {file}: no plan in this file: {error}") from None


def _pairs(text: str) -> Plan:
    pairs = []
    for word in text.replace(",", " ").split():
        key, sign, value = word.partition("=")
        if not key or not sign or not value:
            raise JobError(f'--plan {text!r}: {word!r} must be KEY=VALUE, such as "stage0=0.3 stage1=0.5"')
        pairs.append((key, _scalar(value)))
    return Plan(tuple(pairs))


def _scalar(text: str) -> Value:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return text  # a word, or a cell such as 16x8
    if isinstance(value, bool | int | float):
        return value
    return text
