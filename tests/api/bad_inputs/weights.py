"""Files that call themselves safetensors: broken headers, lying offsets, pickles under another name."""

import gzip
import io
import json
import pickle
import struct
import zipfile
from typing import Any

from tests.api.bad_inputs.cases import Case, Header, post

PATH = b"/v1/checkpoints"
KIND: Header = (b"Content-Type", b"application/octet-stream")
ONE: dict[str, Any] = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
_EMPTY = {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}
_TERABYTE = b"1099511627776"


def file(header: Any, data: bytes = b"\0\0\0\0", *, length: int | None = None) -> bytes:
    """A file with a header (JSON, or text as it is) and data; `length` lies about the header's length."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def _upload(name: str, body: bytes, status: int = 422, type: str = "invalid-request", *headers: Header) -> Case:
    return post(name, body, status, type, *headers, target=PATH, kind=KIND)


def _tensor(**changes: Any) -> dict[str, Any]:
    return {"a": {**ONE, **changes}}


def _zip(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, content)
    return packed.getvalue()


LEADS: tuple[Case, ...] = tuple(
    _upload(name, body)
    for name, body in (
        ("no bytes", b""),
        ("one byte", b"\0"),
        ("seven bytes", b"\1\0\0\0\0\0\0"),
        ("eight zero bytes", bytes(8)),
        ("a header of length 1", file(b"{")),
        ("a header of 2^63 bytes", file(ONE, length=2**63)),
        ("a header of 2^64 - 1 bytes", file(ONE, length=2**64 - 1)),
        ("a header of 2^31 bytes", file(ONE, length=2**31)),
        ("a header one byte over the cap", file(ONE, length=8 * 2**20 + 1)),
        ("a header longer than the file", file({"a": ONE}, length=10_000)),
        ("a header that swallows the data", file({"a": ONE}, length=len(json.dumps({"a": ONE})) + 4)),
        ("a header one byte short", file({"a": ONE}, length=len(json.dumps({"a": ONE})) - 1)),
        ("zeroes in place of a header", struct.pack("<Q", 64) + bytes(64)),
        ("a header and nothing else", file({"a": ONE}, b"")),
    )
)

JSON: tuple[Case, ...] = tuple(
    _upload(f"header {name}", file(text))
    for name, text in (
        ("null", b"null"),
        ("a list", b"[]"),
        ("a number", b"42"),
        ("empty", b"{}"),
        ("with nothing but metadata", b'{"__metadata__": {"format": "pt"}}'),
        ("cut off", b'{"a": {"dtype": "F32"'),
        ("with a comment", b'{"a": 1} // x'),
        ("with NaN", b'{"a": {"dtype": "F32", "shape": [NaN], "data_offsets": [0, 4]}}'),
        ("in UTF-16", json.dumps({"a": ONE}).encode("utf-16")),
        ("in Latin-1", b'{"\xe9": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'),
        ("after a byte order mark", b"\xef\xbb\xbf" + json.dumps({"a": ONE}).encode()),
        ("of 10,000 levels", b"[" * 10_000 + b"]" * 10_000),
        ("with a tensor twice", b'{"a": %s, "a": %s}' % ((json.dumps(ONE).encode(),) * 2)),
        ("with a tensor twice under an escape", b'{"a": %s, "\\u0061": %s}' % ((json.dumps(ONE).encode(),) * 2)),
        ("with dtype twice", b'{"a": {"dtype": "F32", "dtype": "I64", "shape": [1], "data_offsets": [0, 4]}}'),
        ("with a NUL in a name", b'{"a\\u0000b": %s}' % json.dumps(ONE).encode()),
        ("with half a surrogate pair", b'{"\\ud800": %s}' % json.dumps(ONE).encode()),
        (
            "with a number of 5,000 digits",
            json.dumps({"a": {**ONE, "shape": "many"}}).encode().replace(b'"many"', b"1" * 5000),
        ),
    )
)

TENSORS: tuple[Case, ...] = tuple(
    _upload(name, file(header, data))
    for name, header, data in (
        ("metadata that is a list", {"__metadata__": [], "a": ONE}, bytes(4)),
        ("metadata with numbers", {"__metadata__": {"x": 1}, "a": ONE}, bytes(4)),
        ("a tensor without a name", {"": ONE}, bytes(4)),
        ("a name of 10,000 characters", {"n" * 10_000: ONE}, bytes(4)),
        ("a tensor that is a list", {"a": []}, bytes(4)),
        ("a tensor without dtype", {"a": {"shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
        ("a tensor with more fields", _tensor(code="import os"), bytes(4)),
        ("an unknown dtype", _tensor(dtype="PICKLE"), bytes(4)),
        ("a dtype in lower case", _tensor(dtype="f32"), bytes(4)),
        ("a dtype that is a list", _tensor(dtype=["F32"]), bytes(4)),
        ("dtype object", _tensor(dtype="O"), bytes(4)),
        ("a negative side", _tensor(shape=[-1]), bytes(4)),
        ("a side of 2^63", _tensor(shape=[2**63]), bytes(4)),
        ("a side that is a fraction", _tensor(shape=[1.0]), bytes(4)),
        ("a side that is true", _tensor(shape=[True]), bytes(4)),
        ("a shape that overflows to 1", _tensor(shape=[2**32, 2**32, 2**62]), bytes(4)),
        ("a shape of 33 sides", _tensor(shape=[1] * 33), bytes(4)),
        ("a shape that is a number", _tensor(shape=1), bytes(4)),
        ("offsets out of order", _tensor(data_offsets=[4, 0]), bytes(4)),
        ("negative offsets", _tensor(data_offsets=[-4, 0]), bytes(4)),
        ("offsets behind the end", _tensor(data_offsets=[4, 8]), bytes(4)),
        ("offsets at 2^62", _tensor(data_offsets=[2**62, 2**62 + 4]), bytes(4)),
        ("offsets that are fractions", _tensor(data_offsets=[0.0, 4.0]), bytes(4)),
        ("one offset", _tensor(data_offsets=[0]), bytes(4)),
        ("three offsets", _tensor(data_offsets=[0, 4, 8]), bytes(8)),
        ("offsets that do not fit the shape", _tensor(data_offsets=[0, 8]), bytes(8)),
        ("tensors over each other", {"a": ONE, "b": ONE}, bytes(4)),
        ("tensors that share half", {"a": ONE, "b": {**ONE, "data_offsets": [2, 6]}}, bytes(6)),
        ("a gap between tensors", {"a": ONE, "b": {**ONE, "data_offsets": [8, 12]}}, bytes(12)),
        ("a gap at the beginning", _tensor(data_offsets=[4, 8]), bytes(8)),
        ("data behind the last tensor", {"a": ONE}, bytes(5)),
        ("a pickle behind the last tensor", {"a": ONE}, bytes(4) + pickle.dumps({})),
        ("a byte too few", {"a": ONE}, bytes(3)),
        ("a million tensors", {f"{i:x}": 0 for i in range(600_000)}, b""),
        ("100,001 empty tensors", dict.fromkeys((f"{i:x}" for i in range(100_001)), _EMPTY), b""),
    )
)

FOREIGN: tuple[Case, ...] = tuple(
    _upload(f"{name} renamed", body, 415, "unsupported-media")
    for name, body in (
        *((f"pickle protocol {protocol}", pickle.dumps({"w": [1.0]}, protocol)) for protocol in (2, 3, 4, 5)),
        ("a zip", _zip("archive/data.pkl", pickle.dumps({}))),
        ("an old torch file", pickle.dumps(0x1950A86A20F9469CFC6C) + pickle.dumps(1001)),
        ("a 7z archive", b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(24)),
        ("a gzip file", gzip.compress(b"weights", mtime=1_700_000_000)),
        ("an HDF5 file", b"\x89HDF\r\n\x1a\n" + bytes(16)),
        ("a GGUF file", b"GGUF\x03\x00\x00\x00" + bytes(16)),
        ("a program", b"\x7fELF\x02\x01\x01\x00" + bytes(16)),
    )
)

OUTER: tuple[Case, ...] = (
    _upload("a sparse file of 1 TB by its Content-Length", b"", 413, "too-large", (b"Content-Length", _TERABYTE)),
    _upload("weights in gzip", file({"a": ONE}), 415, "unsupported-media", (b"Content-Encoding", b"gzip")),
    *(
        post(
            f"weights as {kind!r}",
            file({"a": ONE}),
            415,
            "unsupported-media",
            target=PATH,
            kind=(b"Content-Type", kind.encode()),
        )
        for kind in (
            "application/json",
            "multipart/form-data; boundary=x",
            "application/x-pickle",
            "application/zip",
            "",
        )
    ),
    *(
        post(f"a name {name!r}", file({"a": ONE}), 422, target=b"/v1/checkpoints?name=" + name, kind=KIND)
        for name in (b"", b"../../x", b"a%2fb", b"a%5cb", b"a%00", b"a%0ab", b"x" * 101, b"%1b[2J", b"%7f")
    ),
)

ALL = (*LEADS, *JSON, *TENSORS, *FOREIGN, *OUTER)
