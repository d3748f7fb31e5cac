"""Off loopback: no start without a token; with one, 401 without it and 200 with it, by header or by session."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.api.support import ROOT, live_server

TOKEN = "a-token-of-this-test-0123456789"


def serve(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Start a service that is expected to refuse."""
    return subprocess.run(
        [sys.executable, "-m", "sparsearch", "serve", "--port", "0", *arguments],
        cwd=home.parent,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "SPARSEARCH_HOME": str(home),
            "HOME": str(home),
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_without_a_token_it_does_not_start(tmp_path: Path, host: str) -> None:
    ran = serve(tmp_path / "home", "--host", host)
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
    said = " ".join((ran.stdout + ran.stderr).split())
    assert "no token" in said
    assert "--token-file" in said and "SPARSEARCH_TOKEN" in said, "the remedy"
    assert not (tmp_path / "home" / "sparsearch.db").exists()


@pytest.mark.parametrize(
    "token", ["short", "fifteen-letters", "with a space in the middle", "umlaut-\u00fc-0123456789"]
)
def test_a_token_that_is_none_does_not_count(tmp_path: Path, token: str) -> None:
    ran = serve(tmp_path / "home", "--host", "0.0.0.0", SPARSEARCH_TOKEN=token)
    assert ran.returncode == 2
    assert token not in ran.stdout + ran.stderr


def test_an_empty_token_file_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "token.txt").write_text("\n\n", encoding="utf-8")
    ran = serve(tmp_path / "home", "--host", "0.0.0.0", "--token-file", str(tmp_path / "token.txt"))
    assert (ran.returncode, "no token" in ran.stderr) == (2, True)


def test_with_a_token_it_answers_those_who_have_it(tmp_path: Path) -> None:
    with live_server(tmp_path / "home", "--host", "0.0.0.0", token=TOKEN) as server:
        stranger = httpx.Client(base_url=server.url)
        assert stranger.get("/v1/searches").status_code == 401
        assert stranger.get("/metrics").status_code == 401
        assert stranger.post("/v1/searches", json={"target": "synthetic-swin-t", "max_ms": 1}).status_code == 401
        assert stranger.get("/healthz").status_code == 200
        assert stranger.get("/v1/searches", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        # a browser gets the page that asks for the token, then a cookie
        page = stranger.get("/", headers={"Accept": "text/html"})
        assert (page.status_code, 'name="token"' in page.text) == (401, True)
        refused = stranger.post("/session", data={"token": "wrong-token-0123456789", "next": "/"})
        assert (refused.status_code, "set-cookie" in refused.headers) == (401, False)
        opened = stranger.post("/session", data={"token": TOKEN, "next": "/searches"})
        assert (opened.status_code, opened.headers["location"]) == (303, "/searches")
        assert stranger.get("/v1/searches").status_code == 200
        assert stranger.get("/", headers={"Accept": "text/html"}).status_code == 200
        stranger.close()
        # another name for this machine is not believed, token or not
        named = httpx.get(
            f"{server.url}/v1/searches", headers={"Host": "evil.example", "Authorization": f"Bearer {TOKEN}"}
        )
        assert named.status_code == 400


@pytest.mark.parametrize(
    "goal", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/\r\nX: y"]
)
def test_signing_in_never_leads_elsewhere(tmp_path_factory: pytest.TempPathFactory, goal: str) -> None:
    from tests.api.doubles import idle_app

    with idle_app(tmp_path_factory.mktemp("goal"), token=TOKEN) as client:
        answer = client.post("/session", data={"token": TOKEN, "next": goal})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
