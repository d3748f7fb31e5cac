"""A page token that was changed in any way, or that belongs to another list, is refused: 400 bad-page-token."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from api.page_tokens import PageTokens
from tests.api.bad_inputs.conftest import Attacked
from tests.api.bad_inputs.judging import check_problem, check_silence
from tests.api.bad_inputs.wire import Answer, Wire, exchange, request

LIST = "/v1/searches?page_size=1"


def ask(attacked: Attacked, path: str, token: str | bytes) -> Answer:
    """One page of a list that has a query already."""
    sent = request("GET", f"{path}&page_token={quote(token, safe='')}".encode())
    answer = exchange(attacked.server.port, sent)
    check_silence(answer, sent, attacked.home)
    return answer


def token_of(attacked: Attacked, path: str) -> str:
    """The token that a list gives for its second page."""
    page = exchange(attacked.server.port, request("GET", path.encode())).json()
    assert page["next_page_token"], page
    return str(page["next_page_token"])


def flips(token: str) -> Iterator[bytes]:
    """The token with each single bit flipped."""
    raw = token.encode()
    for place in range(8 * len(raw)):
        changed = bytearray(raw)
        changed[place // 8] ^= 1 << place % 8
        yield bytes(changed)


def test_the_token_as_it_was_given_is_taken(attacked: Attacked) -> None:
    assert ask(attacked, LIST, token_of(attacked, LIST)).status == 200


def test_every_single_bit_flip_is_refused(attacked: Attacked) -> None:
    token = token_of(attacked, LIST)
    tried = 0
    with Wire(attacked.server.port) as wire:
        for changed in flips(token):
            answer = wire.ask(request("GET", f"{LIST}&page_token={quote(changed, safe='')}".encode()))
            check_problem(answer, 400, "bad-page-token")
            tried += 1
    assert tried == 8 * len(token) >= 400
    attacked.witness.check()


@pytest.mark.parametrize(
    "path",
    [
        LIST + "&state=paused",
        LIST + "&target=synthetic-swin-t",
        LIST + "&label=team:vision",
        "/v1/searches/{done}/trials?page_size=1",
        "/v1/searches/{failed}/trials?page_size=1",
    ],
)
def test_a_token_of_another_list_or_filter_is_refused(attacked: Attacked, path: str) -> None:
    stock = attacked.stock
    there = path.format(done=stock.done, failed=stock.failed)
    check_problem(ask(attacked, there, token_of(attacked, LIST)), 400, "bad-page-token")


def test_a_token_of_the_trials_of_another_search_is_refused(attacked: Attacked) -> None:
    stock = attacked.stock
    token = token_of(attacked, f"/v1/searches/{stock.done}/trials?page_size=1")
    assert ask(attacked, f"/v1/searches/{stock.done}/trials?page_size=1", token).status == 200
    for path in (
        f"/v1/searches/{stock.failed}/trials?page_size=1",
        f"/v1/searches/{stock.done}/trials?state=done",
        LIST,
    ):
        check_problem(ask(attacked, path, token), 400, "bad-page-token")


def test_a_token_signed_with_another_key_is_refused(attacked: Attacked) -> None:
    filters = {"list": "searches", "state": None, "target": None, "label": None}
    forged = PageTokens(b"k" * 32).make(filters, ("2026", "x"))
    assert forged is not None
    check_problem(ask(attacked, LIST, forged), 400, "bad-page-token")
    # the same position under the key of this home is taken, so it was the key that made the difference
    true = PageTokens((attacked.home / "page-token.key").read_bytes()).make(filters, ("2026", "x"))
    assert true is not None
    assert ask(attacked, LIST, true).status == 200


@pytest.mark.parametrize(
    "change",
    [
        lambda token: "",
        lambda token: token[:-1],
        lambda token: token[1:],
        lambda token: token + "A",
        lambda token: token + "=",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token + token,
        lambda token: token.swapcase(),
        lambda token: token[:22],
        lambda token: "A" * len(token),
        lambda token: "[]",
        lambda token: "null",
        lambda token: "0",
        lambda token: "\0",
        lambda token: "\u0661" * 40,
        lambda token: "A" * 4000,
        lambda token: "../../etc/passwd",
        lambda token: "' OR '1'='1",
    ],
)
def test_rubbish_is_refused(attacked: Attacked, change: object) -> None:
    token = token_of(attacked, LIST)
    check_problem(ask(attacked, LIST, change(token)), 400, "bad-page-token")  # type: ignore[operator]


def test_a_token_of_a_megabyte_is_refused(attacked: Attacked) -> None:
    answer = exchange(attacked.server.port, request("GET", f"{LIST}&page_token={'A' * 2**20}".encode()))
    # the server stops reading after 64 KiB of headers; its word about it may be lost in the cut
    if answer.status:
        check_problem(answer, 400)
    assert exchange(attacked.server.port, request("GET", b"/healthz")).status == 200
    attacked.witness.check()


def test_the_key_is_for_its_owner_alone(attacked: Attacked) -> None:
    key: Path = attacked.home / "page-token.key"
    assert key.stat().st_mode & 0o777 == 0o600
