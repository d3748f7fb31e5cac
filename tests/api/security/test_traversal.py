"""S8: while two hundred ways out of a folder are tried in every path parameter, Python opens no file outside."""

import asyncio
import json
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from fastapi import FastAPI

from tests.api.bad_inputs.traversal import LIST
from tests.api.security.conftest import Inside
from tests.api.security.walking import endpoints
from tests.api.support import ROOT

_WATCHED: list[list[str]] = []
_HOOKED = False


@contextmanager
def opened() -> Iterator[list[str]]:
    """Names of all files that Python opens meanwhile, in any thread."""
    global _HOOKED
    if not _HOOKED:  # an audit hook stays for the life of the process
        sys.addaudithook(_note)
        _HOOKED = True
    names: list[str] = []
    _WATCHED.append(names)
    try:
        yield names
    finally:
        _WATCHED.remove(names)


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event != "open" or not _WATCHED:
        return
    name = arguments[0]
    if isinstance(name, bytes):
        name = name.decode(errors="replace")
    if isinstance(name, str):
        for names in _WATCHED:
            names.append(name)


@dataclass
class Answer:
    """What the app said.

    Args:
        status: of the answer.
        body: of it.
    """

    status: int = 0
    body: bytes = b""


async def raw_get(app: FastAPI, target: bytes) -> Answer:
    """A GET whose path goes to the app as a server would hand it on, not tidied up by a client."""
    answer, asked = Answer(), False
    path, _, query = target.partition(b"?")

    async def receive() -> dict[str, object]:
        nonlocal asked
        if asked:
            return {"type": "http.disconnect"}
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
        elif message["type"] == "http.response.body":
            answer.body += message.get("body", b"")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "query_string": query,
        "headers": [(b"host", b"127.0.0.1:8777")],
        "scheme": "http",
        "server": ("127.0.0.1", 8777),
        "client": ("127.0.0.1", 50000),
        "root_path": "",
        "state": {},
    }
    await app(scope, receive, send)  # type: ignore[arg-type]
    return answer


def test_the_hook_hears_of_what_is_opened(tmp_path: Path) -> None:
    import os

    (tmp_path / "file").write_text("x")
    with opened() as names:
        (tmp_path / "file").read_text()
        os.close(os.open(tmp_path / "file", os.O_RDONLY))
    assert names.count(str(tmp_path / "file")) == 2


def test_the_raw_path_reaches_the_app_as_it_is(inside: Inside) -> None:
    answer = asyncio.run(raw_get(inside.client.app, b"/v1/searches/..%2f..%2fetc/../passwd"))
    assert json.loads(answer.body)["instance"] == "/v1/searches/../../etc/../passwd"


@pytest.mark.parametrize("batch", range(4))
def test_nothing_outside_the_home_and_the_code_is_opened(inside: Inside, batch: int, tmp_path: Path) -> None:
    linked = inside.home / "bundles" / "linked"
    if not linked.is_symlink():
        linked.symlink_to("/etc")  # somebody got a link into the home: even that leads nowhere
    targets = list(_targets(inside, LIST[batch::4]))
    with opened() as names:
        asyncio.run(_try(inside.client.app, targets))
    allowed = [str(path.resolve()) for path in (inside.home, ROOT, Path(sys.prefix), Path(sys.base_prefix))]
    outside = [name for name in names if not _is_inside(name, allowed)]
    assert len(targets) >= 20 * len(LIST[batch::4])
    assert outside == []


def _targets(inside: Inside, spellings: tuple[bytes, ...]) -> Iterator[bytes]:
    """Every spelling in every parameter of every path that can be read."""
    known = {"id": inside.stock.done, "point": inside.stock.point, "format": "svg", "number": "0"}
    for endpoint in endpoints(inside.client.app):
        if endpoint.methods and "GET" not in endpoint.methods:
            continue
        for parameter, text in product(endpoint.parameters, spellings):
            target = endpoint.template.replace(":path}", "}").encode()
            for name in endpoint.parameters:
                value = text if name == parameter else known.get(name, "front").encode()
                target = target.replace(b"{%s}" % name.encode(), value)
            yield target


async def _try(app: FastAPI, targets: list[bytes]) -> None:
    for target in targets:
        answer = await raw_get(app, target)
        assert 300 <= answer.status < 500, (target, answer.status)
        assert b"root:" not in answer.body


def _is_inside(name: str, allowed: list[str]) -> bool:
    # names below an open folder are relative and plain: `api.files` opens so
    if "/" not in name and name not in ("..", "."):
        return True
    path = str(Path(name).resolve())
    return any(path == root or path.startswith(root + "/") for root in allowed)
