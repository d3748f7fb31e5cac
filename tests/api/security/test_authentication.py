"""S1: off loopback nothing answers without a token, whatever routes, mounts and WebSockets the app has."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import WebSocket
from fastapi.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute

from api.security.authentication import PUBLIC
from tests.api.doubles import idle_app
from tests.api.security.walking import Endpoint, endpoints
from tests.api.support import AppClient

TOKEN = "a-token-of-this-test-0123456789"
OPEN = frozenset({"/healthz", "/readyz", "/version"})
"""Written down again here, so that opening another path takes two people."""

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture(scope="module")
def walled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    with idle_app(tmp_path_factory.mktemp("walled"), host="0.0.0.0", token=TOKEN) as client:
        yield client


def test_only_the_three_listed_paths_are_public() -> None:
    assert PUBLIC == OPEN


def test_the_walk_sees_every_kind_of_route(walled: AppClient) -> None:
    templates = {endpoint.template for endpoint in endpoints(walled.app)}
    documented = set(walled.app.openapi()["paths"])
    assert documented <= templates
    assert {"/openapi.json", "/healthz", "/probe"} <= templates
    assert len(templates) > 8


def test_every_route_and_method_without_a_token_is_401(walled: AppClient) -> None:
    asked = 0
    for endpoint in endpoints(walled.app):
        if endpoint.template in OPEN:
            continue
        for method in METHODS:
            answer = walled.request(method, endpoint.path)
            assert answer.status_code == 401, (method, endpoint.template, answer.status_code)
            assert answer.headers["www-authenticate"].startswith("Bearer")
            asked += 1
    assert asked >= 7 * (len(endpoints(walled.app)) - len(OPEN))


def test_the_three_listed_paths_answer_without_a_token(walled: AppClient) -> None:
    assert {path: walled.get(path).status_code for path in OPEN} == dict.fromkeys(OPEN, 200)


@pytest.mark.parametrize("path", ["/", "/nothing", "/v1", "/v1/searches/x/unheard-of", "/docs", "/redoc", "/admin"])
def test_a_path_that_nothing_takes_is_401_too(walled: AppClient, path: str) -> None:
    assert walled.get(path).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/healthz/",
        "/healthz/x",
        "/HEALTHZ",
        "/healthz;x",
        "/healthz%00",
        "/healthz%20",
        "/healthz%2f..%2fmetrics",
        "/healthz/%2e%2e/metrics",
        "//healthz",
        "/x/%2e%2e/healthz%3f",
        "/version/../metrics",
        "/healthz%23",
        "/healthz%3F/metrics",
    ],
)
def test_a_path_that_looks_like_a_public_one_is_not_public(walled: AppClient, path: str) -> None:
    answer = walled.get(path)
    assert answer.status_code == 401, (path, answer.status_code)


@pytest.mark.parametrize(
    "header",
    [
        "Bearer wrong-token-of-16-and-more",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN.upper()}",
        f"Basic {TOKEN}",
        f"Token {TOKEN}",
        TOKEN,
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN},{TOKEN}",
        f"Bearer {TOKEN} {TOKEN}",
        f'Bearer "{TOKEN}"',
    ],
)
def test_a_wrong_token_is_401(walled: AppClient, header: str) -> None:
    answer = walled.get("/metrics", headers={"Authorization": header})
    assert answer.status_code == 401
    assert TOKEN not in answer.text


def test_two_authorization_headers_are_401_even_if_one_is_right(walled: AppClient) -> None:
    both = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer another-token-of-nobody")]
    assert walled.get("/metrics", headers=both).status_code == 401


@pytest.mark.parametrize("where", ["?token=", "?access_token=", "?authorization=Bearer%20"])
def test_a_token_in_the_query_opens_nothing(walled: AppClient, where: str) -> None:
    assert walled.get(f"/metrics{where}{TOKEN}").status_code == 401


def test_the_right_token_opens(walled: AppClient) -> None:
    assert walled.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_a_session_cookie_opens_until_it_is_closed(walled: AppClient) -> None:
    refused = walled.post("/session", json={"token": "wrong-token-of-16-and-more"})
    assert (refused.status_code, "set-cookie" in refused.headers) == (401, False)
    opened = walled.post("/session", json={"token": TOKEN})
    cookie = opened.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    try:
        assert walled.get("/metrics").status_code == 200
        value = walled.cookies["sparsearch_session"]
        assert walled.delete("/session").status_code == 204
        walled.cookies.clear()
        assert walled.get("/metrics", headers={"Cookie": f"sparsearch_session={value}"}).status_code == 401
    finally:
        walled.cookies.clear()


@pytest.mark.parametrize("value", ["", "x", "null", "0" * 43, TOKEN, '"', "a=b", "%00"])
def test_an_invented_session_cookie_is_401(walled: AppClient, value: str) -> None:
    assert walled.get("/metrics", headers={"Cookie": f"sparsearch_session={value}"}).status_code == 401


def test_a_header_that_names_a_user_is_not_believed(walled: AppClient) -> None:
    names = ("X-Forwarded-User", "X-Remote-User", "X-Authenticated-User", "kubeflow-userid", "X-Forwarded-For")
    assert walled.get("/metrics", headers=dict.fromkeys(names, "127.0.0.1")).status_code == 401


def test_routes_mounts_and_web_sockets_that_somebody_adds_are_behind_the_wall_unasked(tmp_path: Path) -> None:
    async def answer(_request: object) -> PlainTextResponse:
        return PlainTextResponse("reached")

    async def chat(socket: WebSocket) -> None:
        await socket.accept()

    with idle_app(tmp_path, host="0.0.0.0", token=TOKEN) as client:
        before = endpoints(client.app)
        client.app.router.routes += [
            Route("/forgotten", answer),
            Mount("/mounted", routes=[Route("/inner", answer), WebSocketRoute("/inner-chat", chat)]),
            Mount("/whole-app", app=PlainTextResponse("reached")),
            WebSocketRoute("/chat", chat),
        ]
        added = [endpoint for endpoint in endpoints(client.app) if endpoint not in before]
        assert {endpoint.template for endpoint in added} == {
            "/forgotten",
            "/mounted/{path}",
            "/mounted/inner",
            "/mounted/inner-chat",
            "/whole-app/{path}",
            "/chat",
        }
        for endpoint in added:
            assert client.get(endpoint.path).status_code == 401, endpoint.template
            assert _web_socket(client, endpoint) == "websocket.close"
        right = {"Authorization": f"Bearer {TOKEN}"}
        assert client.get("/whole-app/x", headers=right).text == "reached"


def _web_socket(client: AppClient, endpoint: Endpoint) -> str:
    """What the app says first when a client wants a WebSocket of a path."""
    import asyncio

    said: list[str] = []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, str]) -> None:
        said.append(message["type"])

    scope = {
        "type": "websocket",
        "path": endpoint.path,
        "raw_path": endpoint.path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:8777"), (b"authorization", f"Bearer {TOKEN}".encode())],
        "scheme": "ws",
        "server": ("127.0.0.1", 8777),
        "client": ("127.0.0.1", 50000),
        "subprotocols": [],
        "state": {},
    }
    asyncio.run(client.app(scope, receive, send))  # type: ignore[arg-type]
    return said[0]
