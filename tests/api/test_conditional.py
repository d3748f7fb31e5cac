"""Entity tags and byte ranges, rubbish included."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.conditional import byte_range, etag_of, matches
from api.problems import Problem

TAG = '"abc"'


@pytest.mark.parametrize(
    ("header", "same"),
    [
        (None, False),
        ("", False),
        ("*", True),
        (TAG, True),
        (f"W/{TAG}", True),
        (f'"x", {TAG} , "y"', True),
        ('"ab"', False),
        ("abc", False),
        ('"abc', False),
        ("\x00\xff" * 50, False),
        (TAG + " " * 5000, False),
    ],
)
def test_if_none_match(header: str | None, same: bool) -> None:
    assert matches(header, TAG) is same


def test_equal_bodies_have_equal_tags() -> None:
    assert etag_of(b"a") == etag_of(b"a") != etag_of(b"b")
    assert matches(etag_of(b"a"), etag_of(b"a"))


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=2-", (2, 10)),
        ("bytes=2-5", (2, 6)),
        ("bytes=2-99", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes=5-2", None),  # no valid range: the header does not count
        ("bytes=a-b", None),
        ("bytes=-", None),
        ("bytes", None),
        ("lines=1-2", None),
        ("bytes=1.5-2", None),
        ("bytes=" + "9" * 400 + "-", None),
    ],
)
def test_one_range(header: str | None, span: tuple[int, int] | None) -> None:
    assert byte_range(header, None, TAG, 10) == span


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=0-1,3-4", "bytes=" + "0-0," * 1000])
def test_what_cannot_be_served_is_a_416_that_tells_the_size(header: str) -> None:
    with pytest.raises(Problem) as caught:
        byte_range(header, None, TAG, 10)
    assert caught.value.status == 416 and caught.value.headers == {"Content-Range": "bytes */10"}


def test_an_empty_file_has_no_range() -> None:
    with pytest.raises(Problem):
        byte_range("bytes=0-", None, TAG, 0)


def test_if_range_of_another_entity_gives_all_of_it() -> None:
    assert byte_range("bytes=0-3", '"other"', TAG, 10) is None
    assert byte_range("bytes=0-3", TAG, TAG, 10) == (0, 4)


@given(st.text(max_size=60), st.integers(0, 2**40))
def test_any_header_gives_a_range_inside_the_file_or_a_416(text: str, size: int) -> None:
    try:
        span = byte_range(f"bytes={text}", None, TAG, size)
    except Problem as problem:
        assert problem.status == 416
    else:
        assert span is None or 0 <= span[0] < span[1] <= size
