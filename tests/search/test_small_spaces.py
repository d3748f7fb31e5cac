"""A space of a few plans, fewer than the latency model has coefficients, is searched like any other."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from models.plan import Plan
from models.space import Space
from models.work import Work
from search import flow
from search.answer import Answer
from search.records import Event
from search.rigs import synthetic
from search.targets import BUILTIN
from tests.search.support import GEOMETRY, SPACE, job


@dataclass(frozen=True)
class Few:
    """A backbone of which only some values of some knobs may be chosen."""

    knobs: int
    values: int

    def space(self, size: tuple[int, int]) -> Space:
        every = {knob.name: knob for knob in SPACE.knobs}
        chosen = [every[name] for name in ("stage3", "stage1", "stage0")[: self.knobs]]
        return Space(tuple(replace(knob, values=knob.values[: self.values], counts=None) for knob in chosen))

    def work(self, plan: Plan, size: tuple[int, int]) -> Work:
        return GEOMETRY.work(plan, size)


@pytest.mark.parametrize(("knobs", "values"), [(1, 2), (1, 3), (2, 2), (2, 4), (3, 3)])
def test_it_ends_with_a_verified_plan(knobs: int, values: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    few = Few(knobs, values)
    monkeypatch.setattr(synthetic, "simulated_size", lambda: SimpleNamespace(geometry=few))
    space = few.space((672, 672))
    assert len(space) == values**knobs
    share = few.work(space.sparsest, (672, 672)).macs / few.work(space.dense, (672, 672)).macs
    asked = job(synthetic.DENSE_MS * (1 + share) / 2, bundle=False, id="s", evaluations=8)
    events: list[Event] = []
    end = flow.run(flow.Request(asked, BUILTIN["synthetic-swin-t"], (), (), (), tmp_path, tmp_path), events.append)
    assert end.data["state"] == "succeeded", end.data["message"]
    answer = Answer.from_dict(end.data["answer"])
    assert answer.plan is not None and space.contains(answer.plan)
    assert answer.decision is not None and answer.decision["upper_ms"] <= asked.budget.max_ms
