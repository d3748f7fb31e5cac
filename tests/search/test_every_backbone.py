"""Every family of the zoo can be searched, on a simulated device: its space, its work, a latency model, an answer."""

from pathlib import Path

import pytest

from models.zoo import FAMILIES, ZOO
from search import flow
from search.answer import Answer
from search.records import Event
from search.rigs import synthetic
from search.targets import BUILTIN
from tests.search.support import SETTING, SIZE, job

NAMES = [name for name in (next(iter(family.sizes)) for family in FAMILIES) if ZOO[name][1].geometry.space(SIZE).knobs]


@pytest.mark.parametrize("name", NAMES)
def test_a_search_over_its_space_ends_with_a_verified_plan(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    size = ZOO[name][1]
    monkeypatch.setattr(synthetic, "simulated_size", lambda: size)
    space = size.geometry.space(size.input_size)
    share = size.geometry.work(space.sparsest, size.input_size).macs / size.geometry.work({}, size.input_size).macs
    setting = type(SETTING)(device="sim:0", input_size=size.input_size)
    # about midway between floor and dense on every simulated device
    asked = job(synthetic.DENSE_MS * (1 + share) / 2, setting=setting, bundle=False, id="s", evaluations=8)
    events: list[Event] = []
    target = BUILTIN["synthetic-swin-t"]
    end = flow.run(flow.Request(asked, target, (), (), (), tmp_path, tmp_path), events.append)
    assert end.data["state"] == "succeeded", end.data["message"]
    answer = Answer.from_dict(end.data["answer"])
    assert answer.plan is not None and answer.decision is not None
    assert answer.decision["upper_ms"] <= asked.budget.max_ms
    assert space.plan(answer.plan) == answer.plan
    model = next(event for event in events if event.kind == "latency_model")
    assert model.data["source"] == "fitted"
