"""S3: a name that an attacker's DNS points at this machine gets 400, on every route and with every method."""

from collections.abc import Iterator

import pytest

from tests.api.doubles import idle_app
from tests.api.security.walking import endpoints
from tests.api.support import AppClient

REBOUND = (
    "evil.example",
    "evil.example:8777",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "127.0.0.1.nip.io",
    "evil.example#127.0.0.1",
    "127.0.0.1@evil.example",
    "evil.example@127.0.0.1",
    "127.0.0.1:8777@evil.example",
    "localhost.",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "0.0.0.0",
    "0",
    "10.0.0.1",
    "169.254.169.254",
    "[::1].evil.example",
    "[::1",
    "::1]",
    "[::ffff:127.0.0.1]",
    "[fe80::1%25eth0]",
    "127.0.0.1:evil",
    "127.0.0.1:-1",
    "127.0.0.1, evil.example",
    "127.0.0.1 evil.example",
    "evil.example\\127.0.0.1",
    "localhost/../evil.example",
    "",
    ":",
    ":8777",
    "*",
    "null",
    "l\u00f6calhost".encode().decode("latin-1"),
)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    with idle_app(tmp_path_factory.mktemp("hosts")) as client:
        yield client


@pytest.mark.parametrize("host", REBOUND)
def test_another_host_is_400_everywhere(local: AppClient, host: str) -> None:
    for endpoint in endpoints(local.app):
        answer = local.get(endpoint.path, headers=[("Host", host.encode("latin-1"))])
        assert answer.status_code == 400, (endpoint.template, answer.status_code)
        assert answer.json()["type"] == "/problems/invalid-request"
    for method in ("HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"):
        assert local.request(method, "/probe", headers=[("Host", host.encode("latin-1"))]).status_code == 400


def test_a_token_does_not_excuse_another_host(tmp_path_factory: pytest.TempPathFactory) -> None:
    token = "a-token-of-this-test-0123456789"
    with idle_app(tmp_path_factory.mktemp("token"), token=token) as client:
        headers = {"Host": "evil.example", "Authorization": f"Bearer {token}"}
        assert client.get("/probe", headers=headers).status_code == 400


@pytest.mark.parametrize("name", ["X-Forwarded-Host", "X-Host", "Forwarded", "X-Original-Host"])
def test_headers_of_proxies_do_not_stand_in_for_the_host(local: AppClient, name: str) -> None:
    value = "host=127.0.0.1" if name == "Forwarded" else "127.0.0.1:8777"
    assert local.get("/probe", headers={"Host": "evil.example", name: value}).status_code == 400


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8777", "127.0.0.1", "localhost", "LOCALHOST:8777", "[::1]:8777", "localhost:1"]
)
def test_names_of_this_machine_are_answered(local: AppClient, host: str) -> None:
    assert local.get("/probe", headers={"Host": host}).status_code == 200


def test_a_name_that_the_operator_lists_is_answered(tmp_path_factory: pytest.TempPathFactory) -> None:
    with idle_app(tmp_path_factory.mktemp("listed"), allowed_hosts="lab.example, gpu.example") as client:
        assert client.get("/probe", headers={"Host": "LAB.example:8777"}).status_code == 200
        assert client.get("/probe", headers={"Host": "sub.lab.example"}).status_code == 400
