"""Bodies: of the declared kind, not too large, not silent, strictly JSON; also while they stream."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.problems import Problem
from api.security.bodies import Bodies, Upload, capped, read
from tests.api.doubles import idle_app
from tests.api.test_wall import is_problem

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"{", "Expecting"), (b'{"a":NaN}', "NaN"), (b'{"a":1,"a":2}', "twice"), (b"\xef\xbb\xbf{}", "byte order"),
        ("{}".encode("utf-16"), "UTF-8"), (b'{"a":"\\ud800"}', "surrogate"), (b"[" * 10_000, "nested"),
        (b'{"a":"\\u0000"}', "NUL"),
    ],
)  # fmt: skip
def test_no_route_sees_json_that_is_none(home: Path, body: bytes, word: str) -> None:
    with idle_app(home) as client:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = client.request(method, "/probe", content=body, headers=JSON)
            assert is_problem(answer, 400, "invalid-request") and word in answer.json()["detail"]


def test_a_good_body_arrives_whole_and_no_body_is_none(home: Path) -> None:
    with idle_app(home) as client:
        assert client.post("/probe", json={"a": ["é", 1]}).json() == {"body": {"a": ["é", 1]}}
        assert client.post("/probe").json() == {"body": None}
        kind = {"Content-Type": 'Application/JSON; charset="UTF-8"'}
        assert client.post("/probe", content=b"{}", headers=kind).json() == {"body": {}}


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "application/json2",
     "application/problem+json", "application/json; charset=utf-16"],
)  # fmt: skip
def test_other_content_types_are_refused(home: Path, kind: str) -> None:
    with idle_app(home) as client:
        answer = client.post("/probe", content=b"{}", headers={"Content-Type": kind} if kind else {})
    assert is_problem(answer, 415, "unsupported-media")


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "identity, gzip"])
def test_compressed_bodies_are_refused_unread(home: Path, encoding: str) -> None:
    with idle_app(home) as client:
        answer = client.post("/probe", content=b"\x1f\x8b", headers={**JSON, "Content-Encoding": encoding})
        assert is_problem(answer, 415, "unsupported-media")
        plain = client.post("/probe", content=b"{}", headers={**JSON, "Content-Encoding": "identity"})
        assert plain.status_code == 200


def test_the_cap_is_exact_with_and_without_a_length(home: Path) -> None:
    fitting, larger = (b'{"a":"' + b"x" * (size - 8) + b'"}' for size in (2048, 2049))

    async def parts(body: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(body), 100):
            yield body[start : start + 100]

    with idle_app(home, body_cap=2048) as client:
        assert client.post("/probe", content=fitting, headers=JSON).status_code == 200
        answer = client.post("/probe", content=larger, headers=JSON)
        assert is_problem(answer, 413, "too-large") and answer.headers["connection"] == "close"
    app = Bodies(_unreached, 2048, 30, {})
    with pytest.raises(Problem, match="larger than 2,048 bytes"):
        asyncio.run(app(_scope(), _scripted([(larger[:1500], 0), (larger[1500:], 0)]), _unreached))


@pytest.mark.parametrize("length", ["-1", "1e3", "", "1" * 30, "٣", "5, 5"])
def test_a_length_that_is_none_is_refused(home: Path, length: str) -> None:
    scope = _scope((b"content-length", length.encode()))
    with pytest.raises(Problem) as refused:
        asyncio.run(Bodies(_unreached, 2048, 30, {})(scope, _scripted([]), _unreached))
    assert refused.value.status in (400, 413)


def test_a_body_that_falls_silent_is_cut() -> None:
    with pytest.raises(Problem, match="not complete") as refused:
        asyncio.run(Bodies(_unreached, 2048, 0.05, {})(_scope(), _scripted([(b"{", 0), (b"}", 60)]), _unreached))
    assert refused.value.status == 408 and refused.value.headers["Connection"] == "close"


def test_a_body_that_drips_is_cut_too() -> None:
    drops = [(b" ", 0.04)] * 1000
    with pytest.raises(Problem, match="not complete"):
        asyncio.run(read(_scripted(drops), 2048, 0.1))


def test_an_upload_streams_through_and_is_capped_on_the_way() -> None:
    taken: list[bytes] = []

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        while True:
            message = await receive()
            taken.append(message["body"])
            if not message["more_body"]:
                return

    bodies = Bodies(app, 10, 30, {"/up": Upload(1000, frozenset({"application/octet-stream"}))})
    kind = (b"content-type", b"application/octet-stream")
    asyncio.run(bodies(_scope(kind, path="/up"), _scripted([(b"a" * 600, 0), (b"b" * 400, 0)]), app))
    assert [len(part) for part in taken] == [600, 400]
    with pytest.raises(Problem, match="larger than 1,000 bytes"):
        asyncio.run(bodies(_scope(kind, path="/up"), _scripted([(b"a" * 600, 0), (b"b" * 401, 0)]), app))
    with pytest.raises(Problem, match="not taken here"):
        asyncio.run(bodies(_scope((b"content-type", b"application/json"), path="/up"), _scripted([]), app))


def test_waiting_for_the_end_of_a_long_answer_is_not_silence() -> None:
    async def wait() -> dict[str, Any]:
        take = capped(_scripted([(b"", 0)], then={"type": "http.disconnect"}, after=0.15), 10, 0.05)
        await take()
        return dict(await take())

    assert asyncio.run(wait()) == {"type": "http.disconnect"}


def _scope(*headers: tuple[bytes, bytes], path: str = "/probe") -> dict[str, Any]:
    kind = () if headers else ((b"content-type", b"application/json"),)
    return {"type": "http", "method": "POST", "path": path, "headers": [*headers, *kind]}


def _scripted(parts: list[tuple[bytes, float]], then: Any = None, after: float = 0) -> Any:
    """A `receive` that gives parts of a body, each after so many seconds."""
    waiting = list(parts)

    async def receive() -> Any:
        if not waiting:
            await asyncio.sleep(after)
            return then or {"type": "http.disconnect"}
        body, delay = waiting.pop(0)
        await asyncio.sleep(delay)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    return receive


async def _unreached(*_: Any) -> None:
    raise AssertionError("the body should not have come this far")
