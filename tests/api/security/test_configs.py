"""S4: configs that are code go in through every input that takes text; nothing imports, reads or runs them."""

import json
from pathlib import Path

import pytest

from tests.api.security.canaries import configs
from tests.api.security.conftest import Inside

VECTORS = tuple(configs(Path("/nonexistent")))
GOOD = {"target": "synthetic-swin-t", "max_ms": 35.0}


@pytest.fixture
def canaries(tmp_path: Path, inside: Inside) -> Path:
    folder = tmp_path / "canaries"
    folder.mkdir()
    # what the vectors point at exists, in the places where somebody could look for it
    for place in (folder, inside.home):
        (place / "evil.py").write_text(f"open({str(folder / 'imported')!r}, 'w')", encoding="utf-8")
    return folder


@pytest.mark.parametrize("vector", VECTORS)
def test_no_input_runs_it(inside: Inside, vector: str, canaries: Path) -> None:
    text, client, stock = configs(canaries)[vector], inside.client, inside.stock
    requests = 0

    def post(body: object, path: str = "/v1/searches:validate", **headers: str) -> int:
        nonlocal requests
        requests += 1
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return client.post(path, content=content, headers={"Content-Type": "application/json", **headers}).status_code

    # every field of a request, by its own type and by text
    for name in ("target", "max_ms", "min_ms", "stat", "setting", "effort", "sampler", "seed", "name", "labels"):
        post({**GOOD, name: text})
    for name in ("scope", "batch", "img_size", "dtype", "runtime", "device", "threads"):
        assert post({**GOOD, "setting": {name: text}}) == 422
    for name in ("preset", "evaluations", "seconds", "images", "workers"):
        assert post({**GOOD, "effort": {name: text}}) == 422
    for key in (text, "custom_imports", "_base_", "load_from", "config", "checkpoint"):
        assert post({**GOOD, key: text}) == 422
    assert post({**GOOD, "labels": {text: "x"}}) == 422
    for name in (text, text[:200]):
        post({**GOOD, "name": name, "labels": {"team": name}}, "/v1/searches")
    for kind in ("application/json", "application/yaml", "text/x-python", "application/x-yaml"):
        assert post(text.encode(), **{"Content-Type": kind}) in (400, 415, 422)
    for header in (
        "Idempotency-Key",
        "Last-Event-ID",
        "If-None-Match",
        "Accept",
        "Range",
        "X-Request-ID",
        "traceparent",
    ):
        client.get(f"/v1/searches/{stock.done}/events", params={"follow": "false"}, headers={header: text})
    for path in ("/v1/searches", f"/v1/searches/{stock.done}/front", f"/v1/searches/{stock.done}/trials"):
        for query in ("state", "target", "label", "page_token", "budget_ms", "format", "feasible"):
            client.get(path, params={query: text})
    for path in (f"/v1/searches/{text}", f"/v1/searches/{stock.done}/front/{text}/config.py", f"/problems/{text}"):
        assert client.get(path).status_code in (400, 404, 405)
    client.post(
        "/v1/checkpoints",
        params={"name": text[:100]},
        content=text,
        headers={"Content-Type": "application/octet-stream"},
    )
    client.post("/session", data={"token": text, "next": text})
    assert requests >= 30
    left = sorted(path.name for path in canaries.iterdir())
    assert left == ["evil.py"], f"executed: {left}"


def test_searches_with_such_names_run_and_are_exported_without_running_them(inside: Inside, canaries: Path) -> None:
    import time

    names = [text for text in configs(canaries).values() if len(text) <= 200 and text.isprintable()]
    assert len(names) >= 6
    some = {f"vector-{i}": text for i, text in enumerate(names)}
    made = inside.client.post(
        "/v1/searches", json={**GOOD, "name": names[0], "labels": some, "effort": {"evaluations": 4}}
    ).json()
    deadline = time.monotonic() + 90
    while (found := inside.client.get(f"/v1/searches/{made['id']}").json())["state"] not in ("succeeded", "failed"):
        assert time.monotonic() < deadline, found["state"]
        time.sleep(0.1)
    assert (found["state"], found["name"], found["labels"]) == ("succeeded", names[0], some)
    point = found["answer"]["point"]
    for part in ("bundle.zip", "manifest.json", "metafile.yml"):
        assert inside.client.get(f"/v1/searches/{made['id']}/front/{point}/{part}").status_code == 200
    assert inside.client.get(f"/v1/searches/{made['id']}/report.html").status_code == 200
    assert sorted(path.name for path in canaries.iterdir()) == ["evil.py"]
