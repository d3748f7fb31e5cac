"""What every refusal has in common: a problem document after its schema, nothing of the inside, nothing written."""

import re
import sqlite3
import stat
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from api.problems import TYPES
from tests.api.bad_inputs.wire import Answer

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
    "properties": {
        "type": {"enum": [f"/problems/{slug}" for slug in TYPES]},
        "title": {"type": "string", "minLength": 5, "maxLength": 80},
        "status": {"type": "integer", "minimum": 400, "maximum": 499},
        "detail": {"type": "string", "minLength": 5, "maxLength": 1000},
        "instance": {"type": "string", "maxLength": 256},
        "request_id": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
        "errors": {
            "type": "array",
            "minItems": 1,
            "maxItems": 20,
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "additionalProperties": False,
                "properties": {
                    "pointer": {"type": "string", "maxLength": 400},
                    "detail": {"type": "string", "minLength": 2, "maxLength": 500},
                },
            },
        },
        "state": {"type": "string"},
        "allowed": {"type": "array", "items": {"type": "string"}},
        "floor_ms": {"type": "number"},
    },
    "additionalProperties": False,
}
_VALID = Draft202012Validator(SCHEMA)
_INSIDE = re.compile(
    rb"Traceback|File \\?\"|line \d+, in |site-packages|\.py\b|sqlite|SQLAlchemy|sqlalchemy|psycopg|pydantic"
    rb"|starlette|uvicorn|<class |object at 0x|Error\(",
)
"""What a stack trace, a repr or the error of a library looks like."""


def check_problem(answer: Answer, status: int | None = None, slug: str | None = None, *, head: bool = False) -> None:
    """Whether an answer is a proper refusal; with `status` and `slug`, that very one."""
    shown = f"{answer.status} {answer.body[:300]!r}"
    assert 400 <= answer.status < 500, shown
    assert status is None or answer.status == status, f"{status} was promised, not {shown}"
    assert answer.kind == "application/problem+json", f"{answer.headers.get('content-type')}: {shown}"
    assert answer.headers.get("x-content-type-options") == "nosniff"
    assert "x-request-id" in answer.headers
    if head:
        assert answer.body == b""
        return
    body = answer.json()
    faults = [f"{'/'.join(map(str, fault.path))}: {fault.message[:200]}" for fault in _VALID.iter_errors(body)]
    assert not faults, f"{faults} in {shown}"
    assert body["status"] == answer.status
    assert body["request_id"] == answer.headers["x-request-id"]
    assert slug is None or body["type"] == f"/problems/{slug}", f"{slug} was promised, not {shown}"
    assert len(answer.body) < 16_384, "an answer must not grow with the request"


def check_silence(answer: Answer, sent: bytes, home: Path) -> None:
    """Whether an answer gives away nothing of the inside but what the request itself said."""
    found = [text for text in _INSIDE.findall(answer.body) if text not in sent]
    assert not found, f"{found} in {answer.body[:500]!r}"
    for text in (str(home), str(Path(__file__).resolve().parents[3])):
        assert text.encode() not in answer.body, f"the answer names {text}"


class Witness:
    """Notices whatever is written to a home: its files, and commits to its database.

    Args:
        home: of a service that is idle.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._database = sqlite3.connect(f"file:{home / 'sparsearch.db'}?mode=ro", uri=True)
        self._before = self._look()

    def check(self) -> None:
        """Fail if something was written since the last look."""
        before, self._before = self._before, self._look()
        if before == self._before:
            return
        names = before.keys() | self._before.keys()
        changed = {name: (before.get(name), self._before.get(name)) for name in names}
        written = {name: pair for name, pair in changed.items() if pair[0] != pair[1]}
        assert not written, f"written meanwhile: {written}"

    def forget(self) -> None:
        """Take what is there now for the beginning."""
        self._before = self._look()

    def close(self) -> None:
        """Stop looking."""
        self._database.close()

    def _look(self) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for path in self._home.rglob("*"):
            found = path.lstat()
            # a folder's time changes with a scratch file that came and went; reading touches -wal and -shm, too
            if stat.S_ISDIR(found.st_mode) or path.name.endswith(("-wal", "-shm")):
                continue
            seen[str(path.relative_to(self._home))] = (found.st_mode, found.st_size, found.st_mtime_ns)
        # changes with every commit of another connection
        (seen["commits"],) = self._database.execute("PRAGMA data_version").fetchone()
        for (table,) in self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            (seen[f"rows of {table}"],) = self._database.execute(f"SELECT count(*) FROM {table}").fetchone()
        return seen
