"""Inputs that look hostile and are fine: taken as the text they are, and harmless wherever they come out."""

import csv
import dataclasses
import io
import json

import pytest

from tests.api.bad_inputs.cases import GOOD, JSON_TYPE
from tests.api.bad_inputs.conftest import Attacked
from tests.api.bad_inputs.wire import Answer, exchange, request

TEXTS = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "{{7*7}}",
    "'+__import__('os').system('touch CANARY')+'",
    "../../etc/passwd",
    "=cmd|' /C calc'!A0",
    "'; DROP TABLE searches; --",
    "\U0001f600 \u4f60\u597d caf\u00e9",
    "x" * 200,
)


def ask(attacked: Attacked, method: str, path: str, *headers: tuple[bytes, bytes], body: object = None) -> Answer:
    """A request with an optional JSON body."""
    content = b"" if body is None else json.dumps(body).encode()
    sent = request(method, path.encode(), (*headers, *((JSON_TYPE,) if body is not None else ())), content)
    return exchange(attacked.server.port, sent, method)


@pytest.fixture(scope="module")
def taken(attacked: Attacked) -> list[str]:
    """Ids of searches with such names, of which none gets to run for long; they are deleted in the end."""
    ids = []
    for text in TEXTS:
        answer = ask(attacked, "POST", "/v1/searches", body={**GOOD, "name": text, "labels": {"team": text}})
        assert answer.status == 202, answer.body
        ids.append(answer.json()["id"])
    for search_id in ids:
        assert ask(attacked, "POST", f"/v1/searches/{search_id}/cancel").status in (200, 202)
    return ids


def test_a_text_comes_back_as_it_went_in(attacked: Attacked, taken: list[str]) -> None:
    for search_id, text in zip(taken, TEXTS, strict=True):
        shown = ask(attacked, "GET", f"/v1/searches/{search_id}").json()
        assert (shown["name"], shown["labels"]) == (text, {"team": text})


def test_pages_show_it_as_text(attacked: Attacked, taken: list[str]) -> None:
    pages = [ask(attacked, "GET", "/", (b"Accept", b"text/html"))]
    pages += [ask(attacked, "GET", f"/searches/{search_id}", (b"Accept", b"text/html")) for search_id in taken]
    for page in pages:
        assert page.status == 200
        assert b"<img src=x" not in page.body
        assert b"<script>alert" not in page.body
        policy = page.headers["content-security-policy"]
        assert "unsafe-inline" not in policy and "unsafe-eval" not in policy


def test_a_spreadsheet_would_see_no_formula(attacked: Attacked) -> None:
    answer = ask(attacked, "GET", f"/v1/searches/{attacked.stock.done}/front?format=csv")
    rows = list(csv.reader(io.StringIO(answer.body.decode())))
    assert len(rows) >= 2
    for cell in (cell for row in rows for cell in row):
        try:
            float(cell)
        except ValueError:
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")), cell


@pytest.mark.parametrize(
    ("path", "header", "status"),
    [
        ("/v1/searches/{done}", (b"If-None-Match", b"rubbish"), 200),
        ("/v1/searches/{done}", (b"If-None-Match", b'"'), 200),
        ("/v1/searches/{done}", (b"If-None-Match", b'W/"' * 500), 200),
        ("/v1/searches/{done}", (b"If-None-Match", b"\xff\xfe"), 200),
        ("/v1/searches/{done}/front/{point}/bundle.zip", (b"Range", b"rubbish"), 200),
        ("/v1/searches/{done}/front/{point}/bundle.zip", (b"Range", b"bytes=5-1"), 200),
        ("/v1/searches/{done}/front/{point}/bundle.zip", (b"Range", b"lines=1-2"), 200),
        ("/v1/searches/{done}/front/{point}/bundle.zip", (b"Range", b"bytes=0-0"), 206),
        ("/v1/searches/{done}/front", (b"Accept", b"rubbish;;q=x,,"), 200),
        ("/v1/searches/{done}/front", (b"Accept", b"text/csv;q=9"), 200),
        ("/v1/searches", (b"X-Request-ID", b"a b\x01"), 200),
        ("/v1/searches", (b"X-Request-ID", b"<script>" + b"x" * 500), 200),
        ("/v1/searches", (b"traceparent", b"00-zz"), 200),
        ("/v1/searches", (b"X-Forwarded-For", b"' OR 1=1 --"), 200),
        ("/v1/searches", (b"X-Forwarded-Host", b"evil.example"), 200),
        ("/v1/searches", (b"Upgrade", b"websocket"), 200),
        ("/v1/searches?unknown=1&__proto__=2", (b"X", b"y"), 200),
        ("/v1/searches?target=' OR 1=1 --".replace(" ", "%20"), (b"X", b"y"), 200),
        ("/v1/searches?label=team:%25'%20OR%201=1", (b"X", b"y"), 200),
    ],
)
def test_rubbish_that_does_not_matter_is_passed_over(
    attacked: Attacked, path: str, header: tuple[bytes, bytes], status: int
) -> None:
    for name, value in dataclasses.asdict(attacked.stock).items():
        path = path.replace(f"{{{name}}}", value)
    answer = ask(attacked, "GET", path, header)
    assert answer.status == status, answer.body[:200]
    assert b"<script>" not in b"".join(value.encode() for value in answer.headers.values())
    if "OR" in path:
        assert answer.json()["items"] == [], "no database took it for a condition"


def test_the_service_is_as_it_was_in_the_end(attacked: Attacked, taken: list[str]) -> None:
    for search_id in taken:
        for _ in range(300):
            answer = ask(attacked, "DELETE", f"/v1/searches/{search_id}")
            if answer.status != 409:  # it is still being cancelled
                break
        assert answer.status == 204
        assert ask(attacked, "GET", f"/v1/searches/{search_id}").status == 404
    names = [one["id"] for one in ask(attacked, "GET", "/v1/searches").json()["items"]]
    stock = attacked.stock
    assert set(names) == {stock.done, stock.infeasible, stock.failed, stock.cancelled, stock.paused}
    attacked.witness.forget()
