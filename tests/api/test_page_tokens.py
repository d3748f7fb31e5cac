"""Page tokens: good for one list with its filters, worthless once a bit of them is changed."""

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.page_tokens import PageTokens, key_of
from api.problems import Problem

TOKENS = PageTokens(b"k" * 32)
FILTERS = {"list": "searches", "state": None, "target": "t"}
AFTER = ("2026-11-21T08:00:00+00:00", "20261121-080000-abcd")


def test_a_token_gives_back_the_position() -> None:
    token = TOKENS.make(FILTERS, AFTER)
    assert token is not None and TOKENS.read(FILTERS, token) == AFTER
    assert TOKENS.make(FILTERS, None) is None and TOKENS.read(FILTERS, None) is None


@given(st.integers(0, 10**6))
def test_every_flipped_bit_is_noticed(place: int) -> None:
    token = TOKENS.make(FILTERS, AFTER)
    assert token is not None
    raw = bytearray(token.encode())
    raw[place // 8 % len(raw)] ^= 1 << place % 8
    with pytest.raises(Problem) as caught:
        TOKENS.read(FILTERS, raw.decode("latin-1"))
    assert (caught.value.type, caught.value.status) == ("bad-page-token", 400)


@given(st.text(max_size=80))
def test_rubbish_is_refused(text: str) -> None:
    with pytest.raises(Problem):
        TOKENS.read(FILTERS, text)


@pytest.mark.parametrize(
    "filters", [{**FILTERS, "state": "failed"}, {**FILTERS, "list": "trials"}, {**FILTERS, "target": None}, {}]
)
def test_another_list_or_filter_is_refused(filters: dict[str, object]) -> None:
    token = TOKENS.make(FILTERS, AFTER)
    with pytest.raises(Problem):
        TOKENS.read(filters, token)


def test_a_token_of_another_home_and_one_of_a_megabyte_are_refused() -> None:
    for token in (PageTokens(b"x" * 32).make(FILTERS, AFTER), "A" * 2**20):
        with pytest.raises(Problem):
            TOKENS.read(FILTERS, token)


def test_the_key_of_a_home_stays_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    key = key_of(home)
    assert len(key) == 32 and key_of(home) == key
    assert stat.S_IMODE((home / "page-token.key").stat().st_mode) == 0o600
    assert [path.name for path in home.iterdir()] == ["page-token.key"]
    (home / "page-token.key").write_bytes(b"torn")
    assert len(key_of(home)) == 32
