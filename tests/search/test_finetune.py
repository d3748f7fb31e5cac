"""Fine-tuning finalists: who is trained, what is reported, what a kill costs."""

import warnings
from pathlib import Path
from typing import Any

import pytest

from models.plan import Plan
from search.answer import Answer
from search.errors import ExportError, SearchError
from search.export.literals import dump
from search.finetune import Finalist, Options, append_epoch, finalists, read_epochs
from search.finetune import run as finetune
from search.targets import Target
from tests.search.support import SPACE, job, measurement


def _finalist(folder: Path, name: str, epochs: int = 3) -> Finalist:
    bundle = folder / name
    bundle.mkdir()
    (bundle / "finetune.py").write_text(dump({"runner": {"max_epochs": epochs}}))
    return Finalist(Plan.of({"stage0": 0.3}), bundle, 20.0)


def _train(settings: dict[str, Any]) -> None:
    """Stands in for a training: gains two an epoch, "poor" nothing; "doomed" dies at epoch 2 until it is spared."""
    from ray import tune

    run = settings["run"]
    work_dir = Path(run["work_dir"])
    work_dir.mkdir(parents=True, exist_ok=True)
    seen = read_epochs(work_dir)
    for epoch in range(run["epochs"] + 1):
        if "doomed" in run["name"] and epoch == 2 and not (work_dir / "spared").exists():
            raise RuntimeError("out of memory")
        if epoch not in seen:
            gain = 0.0 if "poor" in run["name"] else 2.0
            append_epoch(work_dir, epoch, {"bbox_mAP": 40.0 + gain * epoch})
            (work_dir / f"epoch_{epoch}.pth").write_text("weights")
        if epoch:
            tune.report({"epoch": epoch, "bbox_mAP": read_epochs(work_dir)[epoch]["bbox_mAP"]})


@pytest.fixture
def quiet_ray() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own
        yield


def test_trainings_are_ranked_by_what_they_became_and_a_failed_one_resumes(
    tmp_path: Path, quiet_ray: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = [_finalist(tmp_path, name) for name in ("poor", "doomed", "good")]
    folder = tmp_path / "runs"
    monkeypatch.setattr("search.finetune_tuner.train_one", _train)
    options = Options(workers=1, grace=3)
    first = {one.work_dir.rsplit("/")[-1]: one for one in finetune(chosen, folder, "bbox_mAP", options)}
    assert next(iter(first)) == "good" and first["good"].after == 46.0 and first["good"].state == "finished"
    assert first["poor"].before == first["poor"].after == 40.0
    assert (first["doomed"].state, first["doomed"].epochs) == ("failed", 1)
    assert first["good"].checkpoint == str(folder / "good" / "epoch_3.pth")

    written = (folder / "good" / "epochs.jsonl").read_bytes()
    (folder / "doomed" / "spared").write_text("")
    second = {one.work_dir.rsplit("/")[-1]: one for one in finetune(chosen, folder, "bbox_mAP", options)}
    assert (second["doomed"].state, second["doomed"].epochs, second["doomed"].after) == ("finished", 3, 46.0)
    assert (folder / "good" / "epochs.jsonl").read_bytes() == written


def test_when_nothing_trains_the_reasons_and_the_logs_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.finetune_tuner.tune_all", lambda *_: {"good": "out of memory"})
    with pytest.raises(SearchError, match=rf"good: out of memory.*{tmp_path}"):
        finetune([_finalist(tmp_path, "good")], tmp_path / "runs", "bbox_mAP", Options())


def test_epochs_survive_a_torn_line_and_the_first_report_of_an_epoch_counts(tmp_path: Path) -> None:
    assert read_epochs(tmp_path) == {}
    append_epoch(tmp_path, 0, {"bbox_mAP": 40.0})
    append_epoch(tmp_path, 1, {"bbox_mAP": 41.0})
    append_epoch(tmp_path, 1, {"bbox_mAP": 99.0})
    with (tmp_path / "epochs.jsonl").open("a") as file:
        file.write('{"epoch": 2, "met')
    assert read_epochs(tmp_path) == {0: {"bbox_mAP": 40.0}, 1: {"bbox_mAP": 41.0}}


def test_a_simulated_or_unanswered_search_has_nothing_to_train(tmp_path: Path) -> None:
    ends = {"floor": measurement(SPACE.sparsest, 10.0), "dense": measurement(SPACE.dense, 40.0), "dense_fits": False}
    nothing = Answer(plan=None, **ends)
    synthetic = Target(name="synthetic-swin-t", kind="synthetic")
    real = Target(name="mine", config=tmp_path / "c.py", checkpoint=tmp_path / "w.pth")
    with pytest.raises(ExportError, match="simulated"):
        finalists(job(), synthetic, nothing, {}, "now", 3, tmp_path)
    with pytest.raises(ExportError, match="nothing to fine-tune"):
        finalists(job(), real, nothing, {}, "now", 3, tmp_path)
