"""A whole search over a tiny classifier on a simulated device: verified, exported, checked, trained, tested."""

from pathlib import Path

import pytest

from latency.setting import Setting
from models.plan import Plan
from search import flow
from search.answer import Answer
from search.evaluators.classification import ClassificationFactory
from search.export.literals import parse
from search.export.verify import Wanted, verify
from search.flow import Request
from search.records import Event, Job
from search.rig import set_up
from search.rigs.model import ModelRig
from search.targets import Target, add, find, kind_of_config
from search.training import test as run_test
from search.training import train
from tests.search.classifying import write_target
from tests.search.support import job

SETTING = Setting(device="sim:0", input_size=(64, 64), batch=4)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    return write_target(tmp_path_factory.mktemp("tiny"))


def asked(**changes: object) -> Job:
    return job(15.0, **{"target": "tiny", "setting": SETTING, "metric": "top1", "evaluations": 6, **changes})


@pytest.fixture(scope="module")
def events(target: Target, tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    folder = tmp_path_factory.mktemp("search")
    told: list[Event] = []
    asked_for = Request(asked(), target, done=(), archive=(), models=(), folder=folder, bundles=folder)
    end = flow.run(asked_for, told.append)
    return [*(event for event in told if event.kind != "end"), end]


def test_the_rig_evaluates_by_the_kind_of_the_target(target: Target) -> None:
    rig = set_up(asked(images=5), target)
    assert isinstance(rig, ModelRig)
    assert isinstance(rig._factory, ClassificationFactory)
    (found,) = rig.pool().evaluate([Plan.of({"grid0": 4})], "confirm")
    assert set(found.metrics) == {"top1", "top5"} and found.images == 5
    rig.close()


def test_the_search_ends_with_a_verified_plan_and_its_accuracy(events: list[Event]) -> None:
    (end,) = [event for event in events if event.kind == "end"]
    assert end.data["state"] == "succeeded", end.data
    answer = Answer.from_dict(end.data["answer"])
    assert answer.plan is not None and answer.decision is not None
    assert set(answer.metrics or {}) == {"top1", "top5"}
    assert answer.confirmed is not None and 0 <= answer.confirmed["top1"] <= 100


def test_the_bundle_passes_every_check_and_trains_and_tests(events: list[Event], tmp_path: Path) -> None:
    (exported,) = [event.data for event in events if event.kind == "export"]
    bundle = Path(exported["path"])
    items = {item.name: item for item in verify(bundle, Wanted())}
    assert {"manifest", "digests", "plan", "config", "mmcv", "model", "latency", "accuracy"} == set(items)
    assert all(item.passed for item in items.values()), items
    config = parse((bundle / "finetune.py").read_text())
    assert config["evaluation"]["metric"] == "top_k_accuracy"
    assert config["model"]["backbone"]["plan"] == exported["plan"]
    assert "--eval top_k_accuracy" in (bundle / "README.md").read_text()
    assert "Top 1 Accuracy" in (bundle / "metafile.yml").read_text()
    done = train(bundle / "finetune.py", tmp_path, options={"runner.max_epochs": 1}, validate=False)
    assert set(run_test(bundle / "finetune.py", done.checkpoint)) == {"top1", "top5"}


def test_the_kind_of_a_target_is_read_from_its_config(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARSEARCH_HOME", str(tmp_path))
    assert target.config is not None
    assert kind_of_config(target.config) == "classification"
    derived = tmp_path / "derived.py"
    derived.write_text(f"_base_ = {str(target.config)!r}\nmodel = dict(label_smoothing=0.1)\n")
    assert kind_of_config(derived) == "classification"
    (tmp_path / "video.py").write_text("model = {'type': 'VideoClassifier'}\n")
    assert kind_of_config(tmp_path / "video.py") == "video"
    (tmp_path / "targets.toml").write_text(
        f'[targets.mine]\nconfig = "{derived}"\ncheckpoint = "{target.checkpoint}"\ninput_size = [64, 64]\n'
    )
    found = find("mine")
    assert (found.kind, found.metric) == ("classification", "top1")
    add(Target.from_dict({**found.to_dict(), "name": "again"}))
    assert find("again").kind == "classification"
