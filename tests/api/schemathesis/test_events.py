"""The schema of server-sent events, held against every event of a whole search."""

import json
from collections import Counter
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.api.bad_inputs import stock
from tests.api.support import app_client, settings_for


def test_every_event_of_a_search_is_as_the_document_says(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    found = stock.copy(stock.shared(tmp_path_factory), tmp_path / "copy")
    with app_client(settings_for(tmp_path / "copy")) as client:
        text = client.get(f"/v1/searches/{found.done}/events", params={"follow": "false"}).text
        document = client.get("/openapi.json").json()
    content = document["paths"]["/v1/searches/{id}/events"]["get"]["responses"]["200"]["content"]
    event = content["text/event-stream"]["schema"]
    whole = Draft202012Validator(event)
    inner = Draft202012Validator(event["properties"]["data"]["contentSchema"])
    names = Counter[str]()
    for block in text.split("\r\n\r\n"):
        if "data:" not in block:
            continue
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        data = json.loads(fields["data"])
        whole.validate(fields)
        inner.validate(data)
        assert (fields["id"], fields["event"]) == (str(data["seq"]), data["name"])
        names[data["name"]] += 1
    assert {"state", "trial", "front", "measurement", "model", "verify", "export", "end"} <= set(names)
