"""Who is let in: every route but three needs a token off loopback, also routes that nobody thought of here."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Mount

from api.security.authentication import PUBLIC
from api.security.sessions import COOKIE, Sessions
from api.security.tokens import Tokens
from tests.api.doubles import idle_app
from tests.api.support import AppClient
from tests.api.test_wall import is_problem

TOKEN = "a-token-that-is-long-enough"
OTHER = "another-token-long-enough"
LISTED = frozenset({"/healthz", "/readyz", "/version"})


def routes_of(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(method, path) of every route, inside mounts too; a mount is asked for something below it."""
    for found in iter_route_contexts(routes):
        path = re.sub(r"{[^}]*}", "x", prefix + (found.path or ""))
        if isinstance(found.original_route, Mount):
            yield "GET", f"{path}/anything"
            yield from routes_of(list(found.original_route.routes or []), path)
        for method in found.methods or {"GET"}:
            yield method, path


def unguarded(client: AppClient) -> set[str]:
    """Paths that answer an unknown client with anything but 401."""
    found = set()
    for method, path in routes_of(client.app.routes):
        if client.request(method, path).status_code != 401:
            found.add(path)
    return found


@pytest.fixture
def outside(home: Path) -> Iterator[AppClient]:
    with idle_app(home, host="0.0.0.0", token=f"{TOKEN},{OTHER}") as client:
        yield client


def test_three_paths_are_public_and_every_other_route_needs_a_token(outside: AppClient) -> None:
    routes = set(routes_of(outside.app.routes))
    assert len(routes) > 8 and ("GET", "/openapi.json") in routes
    assert unguarded(outside) == PUBLIC == LISTED


def test_a_new_route_is_guarded_wherever_it_is_added(outside: AppClient) -> None:
    inner = APIRouter(prefix="/deep")
    inner.add_api_route("/er", lambda: {}, methods=["DELETE"])
    router = APIRouter(prefix="/new")
    router.include_router(inner)
    outside.app.include_router(router)
    outside.app.mount("/mounted", _everything)
    assert {("DELETE", "/new/deep/er"), ("GET", "/mounted/anything")} <= set(routes_of(outside.app.routes))
    assert unguarded(outside) == LISTED


async def _everything(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"open"})


@pytest.mark.parametrize(
    "path", ["/healthz/", "//healthz", "/healthz/..", "/healthz/../metrics", "/%68ealthz/x", "/HEALTHZ"]
)
def test_nearly_public_is_not_public(outside: AppClient, path: str) -> None:
    assert is_problem(outside.get(path), 401, "unauthenticated")


@pytest.mark.parametrize("token", [TOKEN, OTHER])
def test_each_token_opens(outside: AppClient, token: str) -> None:
    assert outside.get("/metrics", headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN},{OTHER}",
    ],
)
def test_whatever_else_does_not_open_and_is_not_repeated(outside: AppClient, sent: str) -> None:
    answer = outside.get("/metrics", headers={"Authorization": sent})
    assert is_problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="SparSearch"' and TOKEN not in answer.text


def test_a_wrong_token_is_refused_where_none_is_needed(outside: AppClient) -> None:
    assert outside.get("/healthz", headers={"Authorization": "Bearer rubbish"}).status_code == 401


def test_no_token_at_all_leaves_loopback_open(home: Path) -> None:
    with idle_app(home) as client:
        assert client.get("/metrics").status_code == 200
        assert client.get("/metrics", headers={"Authorization": "Bearer whatever"}).status_code == 200


def test_a_token_on_loopback_is_asked_for_too(home: Path) -> None:
    with idle_app(home, token=TOKEN) as client:
        assert client.get("/metrics").status_code == 401


def test_a_browser_signs_in_gets_a_cookie_that_is_no_token_and_signs_out(outside: AppClient) -> None:
    answer = outside.post("/session", json={"token": TOKEN})
    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 204 and TOKEN not in cookie
    assert cookie.startswith(f"{COOKIE}=") and {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert outside.get("/metrics").status_code == 200
    assert outside.post("/probe", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200
    assert is_problem(outside.post("/probe", headers={"Origin": "http://evil.example"}), 403, "cross-site")
    value = outside.cookies[COOKIE]
    assert outside.delete("/session").status_code == 204 and COOKIE not in outside.cookies
    assert outside.get("/metrics", headers={"Cookie": f"{COOKIE}={value}"}).status_code == 401


@pytest.mark.parametrize("value", ["", "x", "a" * 5000, '"', "\xe9", TOKEN])
def test_an_invented_session_opens_nothing(outside: AppClient, value: str) -> None:
    sent = f"{COOKIE}={value}".encode("latin-1")
    assert is_problem(outside.get("/metrics", headers={"Cookie": sent}), 401, "unauthenticated")  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 401), (b'{"token": "wrong"}', 401), (b'{"token": ""}', 401), (b'{"token": 1}', 422), (b"{}", 422),
        (b'{"token": "a", "b": 1}', 422), (b"[]", 422), (b"{", 400), (b'{"token": NaN}', 400), (b"x" * 5000, 413),
    ],
)  # fmt: skip
def test_signing_in_with_anything_else_fails(outside: AppClient, body: bytes, status: int) -> None:
    answer = outside.post("/session", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status and "set-cookie" not in answer.headers


def test_other_content_types_and_other_sites_cannot_sign_in(outside: AppClient) -> None:
    right = b'{"token": "%s"}' % TOKEN.encode()
    assert is_problem(
        outside.post("/session", content=right, headers={"Content-Type": "text/plain"}), 415, "unsupported-media"
    )
    assert is_problem(outside.post("/session", json={"token": TOKEN}, headers={"Origin": "null"}), 403, "cross-site")
    assert is_problem(outside.get("/session"), 405, "method-not-allowed")


def test_an_unknown_browser_is_asked_for_the_token_and_led_on(outside: AppClient) -> None:
    page = outside.get("/searches/x?tab=front", headers={"Accept": "text/html,*/*"})
    assert page.status_code == 401 and page.headers["content-type"].startswith("text/html")
    assert 'value="/searches/x?tab=front"' in page.text and "<script" not in page.text
    assert "'unsafe-inline'" not in page.headers["content-security-policy"]
    wrong = outside.post("/session", data={"token": "wrong", "next": "/searches/x"})
    assert wrong.status_code == 401 and "does not open" in wrong.text
    right = outside.post("/session", data={"token": TOKEN, "next": "/searches/x?tab=front"})
    assert (right.status_code, right.headers["location"]) == (303, "/searches/x?tab=front")
    assert outside.get("/metrics").status_code == 200


@pytest.mark.parametrize("goal", ["//evil.example", "/\\evil.example", "https://evil.example", "", "/a\r\nX: y", "/é"])
def test_signing_in_never_leads_elsewhere(outside: AppClient, goal: str) -> None:
    assert outside.post("/session", data={"token": TOKEN, "next": goal}).headers["location"] == "/"


def test_a_path_cannot_write_into_the_sign_in_page(outside: AppClient) -> None:
    page = outside.get('/x"><b>y', headers={"Accept": "text/html"})
    assert page.status_code == 401 and "<b>y" not in page.text


def test_sessions_end_by_time_and_the_oldest_goes_when_there_are_too_many() -> None:
    clock = [0.0]
    sessions = Sessions(60, lambda: clock[0])
    first = sessions.open()
    clock[0] = 59.9
    assert sessions.valid(first) and not sessions.valid(first + "x")
    clock[0] = 60.0
    assert not sessions.valid(first)
    kept = [sessions.open() for _ in range(1001)]
    assert not sessions.valid(kept[0]) and sessions.valid(kept[1]) and sessions.valid(kept[-1])


def test_a_cookie_of_https_stays_on_https() -> None:
    assert "; Secure" in Sessions(60).cookie("v", secure=True) and "Secure" not in Sessions(60).cookie(
        "v", secure=False
    )


def test_tokens_show_nothing_and_accept_exactly_themselves() -> None:
    tokens = Tokens([TOKEN])
    assert tokens.accept(TOKEN) and not tokens.accept("") and not tokens.accept("\udc80") and bool(tokens)
    assert not Tokens([]) and TOKEN not in str(vars(tokens))
