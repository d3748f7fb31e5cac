"""S2: no page of another site can make a browser change anything, on any route, with any unsafe method."""

from collections.abc import Iterator

import pytest

from tests.api.doubles import idle_app
from tests.api.security.walking import endpoints
from tests.api.support import AppClient

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
FOREIGN = {
    "another site": {"Origin": "https://evil.example"},
    "a sandboxed frame": {"Origin": "null"},
    "another port": {"Origin": "http://127.0.0.1:9999"},
    "our name in theirs": {"Origin": "http://127.0.0.1:8777.evil.example"},
    "our name as their user": {"Origin": "http://127.0.0.1:8777@evil.example"},
    "an extension": {"Origin": "chrome-extension://127.0.0.1:8777"},
    "a file": {"Origin": "file://"},
    "an empty one": {"Origin": ""},
    "cross-site": {"Sec-Fetch-Site": "cross-site"},
    "same-site": {"Sec-Fetch-Site": "same-site"},
    "an unknown word": {"Sec-Fetch-Site": "anything"},
    "cross-site that claims our origin": {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8777"},
    "same-origin with their origin": {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    with idle_app(tmp_path_factory.mktemp("local")) as client:
        yield client


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN.keys())
def test_unsafe_requests_of_other_sites_are_403_on_every_route(local: AppClient, headers: dict[str, str]) -> None:
    asked = 0
    for endpoint in endpoints(local.app):
        for method in UNSAFE:
            answer = local.request(method, endpoint.path, headers=headers, json={})
            assert answer.status_code == 403, (method, endpoint.template, answer.status_code)
            assert answer.json()["type"] == "/problems/cross-site"
            asked += 1
    assert asked > 4 * 8


def test_two_origins_are_403_when_one_is_foreign(local: AppClient) -> None:
    both = [("Origin", "http://127.0.0.1:8777"), ("Origin", "https://evil.example")]
    assert local.post("/probe", headers=both, json={}).status_code == 403


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}]
)
def test_other_sites_may_not_even_read(local: AppClient, headers: dict[str, str]) -> None:
    assert local.get("/probe", headers=headers).status_code == 403


def test_other_sites_may_link_here(local: AppClient) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert local.get("/probe", headers=link).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8777"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://127.0.0.1:8777"},
        {},
    ],
)
def test_our_own_pages_and_programs_pass(local: AppClient, headers: dict[str, str]) -> None:
    assert local.post("/probe", headers=headers, json={}).status_code == 200


def test_no_answer_ever_invites_other_sites(local: AppClient) -> None:
    for endpoint in endpoints(local.app):
        for method in ("PUT", "OPTIONS"):
            asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
            answer = local.request(method, endpoint.path, headers=asked)
            named = [name for name in answer.headers if name.startswith("access-control-")]
            assert not named, (endpoint.template, named)


def test_a_session_cookie_does_not_make_another_site_ours(tmp_path_factory: pytest.TempPathFactory) -> None:
    token = "a-token-of-this-test-0123456789"
    with idle_app(tmp_path_factory.mktemp("cookie"), token=token) as client:
        assert client.post("/session", json={"token": token}).status_code == 204
        assert client.post("/probe", json={}).status_code == 200
        assert client.post("/probe", json={}, headers={"Origin": "https://evil.example"}).status_code == 403
        assert client.delete("/session", headers={"Origin": "null"}).status_code == 403
