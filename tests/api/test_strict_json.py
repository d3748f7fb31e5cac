"""JSON that two parsers could read in two ways is refused."""

import json
import time

import pytest

from api.security.strict_json import MAX_DEPTH, JsonError, parse


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -1.5,
        "",
        "a",
        [],
        {},
        {"a": [1, {"b": None}]},
        "\u2028 \U0001f600 \u202e",
        '"[{',
        "\\u0000 as text",
    ],
)
def test_what_json_can_say_is_read(value: object) -> None:
    assert parse(json.dumps(value).encode()) == value
    assert parse(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting property name"),
        (b'{"a": 1} x', "Extra data"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ('{"a": "é"}'.encode("latin-1"), "not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b"[Infinity]", "Infinity is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"[1e999]", "out of range"),
        (b'{"a": 1, "a": 2}', "comes twice"),
        (b'{"x": {"a": 1, "b": 2, "a": 1}}', "'a' comes twice"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
        (b'{"a": "x\\u0000y"}', "NUL"),
        (b'["\x00"]', "Invalid control character"),
        (b"[" + b"9" * 5000 + b"]", "too many digits"),
        (b"[" * 10_000 + b"]" * 10_000, "nested deeper"),
        (b'{"a":' * 10_000, "nested deeper"),
    ],
)
def test_what_is_not_json_is_refused_with_the_reason(body: bytes, word: str) -> None:
    with pytest.raises(JsonError, match=word):
        parse(body)


def test_the_limit_of_nesting_is_exact_and_brackets_in_strings_do_not_count() -> None:
    assert parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    with pytest.raises(JsonError, match="nested"):
        parse(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
    assert parse(json.dumps(["[" * 1000, '\\"{{{']).encode())


@pytest.mark.parametrize("body", [b'"\\"' * 20_000, b'"' + b'\\"' * 30_000, b"[]," * 20_000, b'{"":' + b'"' * 60_000])
def test_hostile_text_of_the_largest_size_costs_little(body: bytes) -> None:
    started = time.process_time()
    with pytest.raises(JsonError):
        parse(body[:65536])
    assert time.process_time() - started < 1.0  # quadratic scanning took minutes
