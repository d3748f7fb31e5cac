"""Bodies that are no JSON, too much JSON, JSON of another shape, or of another content type."""

import gzip
import json
import zlib

from tests.api.bad_inputs.cases import GOOD, Case, post

_GOOD = json.dumps(GOOD).encode()
_ROUND = b"[" * 10_000 + b"]" * 10_000
BOMB = gzip.compress(b" " * 10_000_000 + _GOOD, 9)
"""10 MB that travel as 10 kB."""


def _type(text: str) -> tuple[bytes, bytes]:
    return b"Content-Type", text.encode("latin-1")


def _with(more: str) -> bytes:
    """A good body and something more."""
    return _GOOD[:-1] + b", " + more.encode() + b"}"


SHAPES: tuple[Case, ...] = (
    *(
        post(f"body {body[:24]!r}", body, 422)
        for body in (b"null", b"[]", b"{}", b"42", b'"text"', b"true", b"[" + _GOOD + b"]", b"[[[[]]]]", b'{"": 1}')
    ),
    post("an unknown field", _with('"budget": 1'), 422, pointer="/budget"),
    post("an unknown inner field", _with('"effort": {"gpu": 1}'), 422, pointer="/effort/gpu"),
    post("__proto__", _with('"__proto__": {"x": 1}'), 422),
    post("a config that would be code", _with('"custom_imports": {"imports": ["os"]}'), 422),
    post("a checkpoint by its address", _with('"load_from": "http://127.0.0.1:1/x.pth"'), 422),
    post("a place to write to", _with('"output": "/tmp/x"'), 422),
)

MALFORMED: tuple[Case, ...] = tuple(
    post(f"malformed {body[:24]!r}", body, 400)
    for body in (
        b"{",
        b"}",
        b'{"target"',
        b'{"target": }',
        b'{"target": "synthetic-swin-t",}',
        b"{'target': 'synthetic-swin-t'}",
        b"{target: 1}",
        b"/* note */ {}",
        b"{} {}",
        _GOOD + b"x",
        b"undefined",
        b"True",
        b"target: synthetic-swin-t",
        b"<xml/>",
        b"%PDF-1.4",
        b'{"target": "\\x41"}',
        b'{"target": "\\u12"}',
        b'{"target": "unfinished',
        b"\0",
        b"\xff\xfe",
        b'{"target": "\xe9"}',
        b'{"target": "\xc0\xaf"}',
        b'{"target": "\xed\xa0\x80"}',
        b"\xef\xbb\xbf" + _GOOD,
        _GOOD.decode().encode("utf-16"),
        _GOOD.decode().encode("utf-16-le"),
        _GOOD.decode().encode("utf-16-be"),
        _GOOD.decode().encode("utf-32"),
        _ROUND,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"[" * 33 + b"]" * 33,
        b"[" * 60_000,
        _with('"max_ms": 36'),
        _with('"effort": {"images": 1, "images": 2}'),
        b'{"max_ms": 35, "target": "synthetic-swin-t", "\\u0074arget": "x"}',
        b'{"target": "synthetic-swin-t", "max_ms": 35, "seed": ' + b"9" * 6000 + b"}",
        gzip.compress(_GOOD, mtime=0),
    )
)

LARGE: tuple[Case, ...] = (
    post("one byte more than 64 KiB", _GOOD + b" " * (64 * 1024 + 1 - len(_GOOD)), 413, "too-large"),
    post("one byte more than 1 MiB", _GOOD + b" " * (2**20 + 1 - len(_GOOD)), 413, "too-large"),
    post("a name of 1 MiB", json.dumps({**GOOD, "name": "x" * 2**20}).encode(), 413, "too-large"),
    post("a length of 1 TB and nothing behind it", b"", 413, "too-large", (b"Content-Length", b"1000000000000")),
    post("a length of 10^19", b"", 413, "too-large", (b"Content-Length", b"10000000000000000000")),
    post(
        "a form for the sign-in that is too large",
        b"token=" + b"x" * 70_000,
        413,
        "too-large",
        target=b"/session",
        kind=_type("application/x-www-form-urlencoded"),
    ),
)

KINDS: tuple[Case, ...] = (
    post("no Content-Type", _GOOD, 415, "unsupported-media", kind=None),
    *(
        post(f"Content-Type {kind!r}", _GOOD, 415, "unsupported-media", kind=_type(kind))
        for kind in (
            "text/plain",
            "text/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/xml",
            "application/yaml",
            "application/octet-stream",
            "application/x-python-serialize",
            "application/json-patch+json",
            "application/jsonp",
            "application/json, text/plain",
            "json",
            "*/*",
            "",
            "application/json; charset=utf-16",
            "application/json; charset=latin-1",
            "application/json; charset=utf-7",
            'application/json;charset="utf-16"',
        )
    ),
)

ENCODINGS: tuple[Case, ...] = tuple(
    post(f"Content-Encoding {encoding}", body, 415, "unsupported-media", (b"Content-Encoding", encoding.encode()))
    for encoding, body in (
        ("gzip", gzip.compress(_GOOD, mtime=0)),
        ("GZIP", gzip.compress(_GOOD, mtime=0)),
        ("gzip", BOMB),
        ("x-gzip", BOMB),
        ("deflate", zlib.compress(_GOOD)),
        ("br", _GOOD),
        ("zstd", _GOOD),
        ("gzip, gzip", gzip.compress(BOMB, mtime=0)),
        ("identity, gzip", BOMB),
        ("compress", _GOOD),
        ("utf-16", _GOOD),
    )
)

EMPTY: tuple[Case, ...] = (
    post("an empty body", b"", 422),
    post("an empty body without a type", b"", 422, kind=None),
    post("spaces", b"   ", 400),
    post("an empty body to validate", b"", 422, target=b"/v1/searches:validate"),
    post("null to validate", b"null", 422, target=b"/v1/searches:validate"),
    post("malformed to validate", b"{", 400, target=b"/v1/searches:validate"),
    post("malformed by the short path", b"{", 400, target=b"/search"),
    post("an empty body by the short path", b"", 422, target=b"/search"),
    post("text to the short path", _GOOD, 415, "unsupported-media", target=b"/search", kind=_type("text/plain")),
)

ALL = (*SHAPES, *MALFORMED, *LARGE, *KINDS, *ENCODINGS, *EMPTY)
