"""Whoever stands before the wall: other hosts, other sites, the unknown; and what every answer carries."""

from pathlib import Path

import httpx
import pytest

from api.security.hosts import host_name
from api.security.origins import same_origin
from tests.api.doubles import idle_app

TOKEN = "a-token-that-is-long-enough"
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


def is_problem(answer: httpx.Response, status: int, slug: str) -> bool:
    """Whether an answer is the problem that is expected, complete and true to itself."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert {"type", "title", "status", "detail", "instance", "request_id"} <= set(body)
    assert body["request_id"] == answer.headers["x-request-id"] and "Traceback" not in answer.text
    return (answer.status_code, body["status"], body["type"]) == (status, status, f"/problems/{slug}")


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("LocalHost:8777", "localhost"), ("127.0.0.1", "127.0.0.1"), ("[::1]:80", "::1"), ("[::1]", "::1"),
        ("evil.example", "evil.example"), ("localhost:80:80", ""), ("localhost:x", ""), ("[::1", ""), ("[::1]x", ""),
        ("user@localhost", "user@localhost"), ("", ""),
    ],
)  # fmt: skip
def test_the_name_in_a_host_header(header: str, name: str) -> None:
    assert host_name(header) == name


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:8777", "[::1]:8777", "gpu-box:9", "bound.example"]
)
def test_known_hosts_are_served(home: Path, host: str) -> None:
    with idle_app(home, host="bound.example", allowed_hosts="gpu-box", token=TOKEN) as client:
        assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8777", "10.0.0.9", "", "a b"]
)
def test_a_name_that_was_rebound_to_this_machine_gets_nothing(home: Path, host: str) -> None:
    with idle_app(home) as client:
        answer = client.get("/healthz", headers={"Host": host})
    assert is_problem(answer, 400, "invalid-request") and "SPARSEARCH_ALLOWED_HOSTS" in answer.json()["detail"]


def test_two_hosts_are_no_host(home: Path) -> None:
    with idle_app(home) as client:
        answer = client.get("/healthz", headers=[("Host", "localhost"), ("Host", "evil.example")])
    assert is_problem(answer, 400, "invalid-request")


def test_an_unspecified_address_is_no_name(home: Path) -> None:
    with idle_app(home, host="0.0.0.0", token=TOKEN) as client:
        assert client.get("/healthz", headers={"Host": "0.0.0.0"}).status_code == 400


@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:9999"}, {"Origin": ""},
        {"Origin": "file://"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"}, {"Sec-Fetch-Site": "rubbish"},
    ],
)  # fmt: skip
def test_another_site_can_send_nothing(home: Path, method: str, headers: dict[str, str]) -> None:
    with idle_app(home) as client:
        assert is_problem(client.request(method, "/probe", headers=headers), 403, "cross-site")


@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize(
    "headers",
    [
        {}, {"Origin": "http://127.0.0.1:8777"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8777"},
    ],
)  # fmt: skip
def test_our_pages_and_programs_can(home: Path, method: str, headers: dict[str, str]) -> None:
    with idle_app(home) as client:
        assert client.request(method, "/probe", headers=headers).status_code == 200


def test_another_site_can_link_here_but_not_fetch(home: Path) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    with idle_app(home) as client:
        assert client.get("/healthz", headers={**foreign, "Sec-Fetch-Mode": "navigate"}).status_code == 200
        assert is_problem(client.get("/healthz", headers={**foreign, "Sec-Fetch-Mode": "no-cors"}), 403, "cross-site")
        assert is_problem(client.get("/healthz", headers=foreign), 403, "cross-site")


def test_a_bearer_token_is_proof_and_an_unknown_one_is_not(home: Path) -> None:
    foreign = {"Origin": "http://evil.example"}
    with idle_app(home, token=TOKEN) as client:
        known = {**foreign, "Authorization": f"Bearer {TOKEN}"}
        assert client.post("/probe", headers=known).status_code == 200
    with idle_app(home) as client:  # without tokens, no header proves anything
        assert is_problem(client.post("/probe", headers=known), 403, "cross-site")


def test_an_origin_is_ours_with_its_port_only() -> None:
    assert same_origin("http://Box:8777", "box:8777") and same_origin("https://box", "box")
    others = ("http://box", "http://box:8777.evil", "null", "", "ftp://box:8777", "http://[", "http://u@box:8777")
    assert not any(same_origin(origin, "box:8777") for origin in others)
    assert not same_origin("http://", "")


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "TRACK", "PROPFIND"])
def test_methods_that_nothing_needs_are_refused(home: Path, method: str) -> None:
    with idle_app(home) as client:
        request = client.build_request("GET", "/healthz")
        request.method = method
        answer = client.send(request)
    assert is_problem(answer, 405, "method-not-allowed") and "GET" in answer.headers["allow"]


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_method_cannot_hide_in_a_header(home: Path, name: str) -> None:
    with idle_app(home) as client:
        assert is_problem(client.post("/probe", headers={name: "DELETE"}), 400, "invalid-request")


def test_long_urls_and_many_or_large_headers_are_refused(home: Path) -> None:
    with idle_app(home) as client:
        assert is_problem(client.get("/healthz?" + "a" * 9000), 414, "too-large")
        assert is_problem(client.get("/" + "a" * 9000), 414, "too-large")
        many = [(f"x-{number}", "1") for number in range(80)]
        assert is_problem(client.get("/healthz", headers=many), 431, "too-large")
        assert is_problem(client.get("/healthz", headers={"x": "y" * 9000}), 431, "too-large")
        assert is_problem(client.get("/healthz", headers={f"x{n}": "y" * 5000 for n in range(4)}), 431, "too-large")
        assert client.get("/healthz?" + "a" * 4000, headers={"x": "y" * 4000}).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", "/raise/unforeseen", "/metrics"])
def test_every_answer_is_dressed(home: Path, path: str) -> None:
    with idle_app(home, token=TOKEN) as client:
        headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin" and headers["cache-control"] == "no-store"
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert not [name for name in headers if name.startswith("access-control")]
