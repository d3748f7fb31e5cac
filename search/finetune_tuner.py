"""Where fine-tuning meets Ray Tune and mmcv: one trial per finalist, one report per epoch."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from search.finetune import Finalist, Options, append_epoch, epochs_of, read_epochs
from search.pools.ray_cluster import Cluster
from search.tasks import METRICS

_STATE = "tune"
_AFTER_EVALUATION = 80
"""mmcv priority: after the evaluating hook (70), before the logging ones (90), which clear what it found."""


def tune_all(chosen: Sequence[Finalist], folder: Path, metric: str, options: Options) -> dict[str, str]:
    """Run or resume one training per finalist; returns the reasons of those that failed, by name.

    Args:
        chosen, folder, metric, options: see `search.finetune.run`.
    """
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # Tune's own reports give way to ours
    gpus = _gpus()
    workers = options.workers or max(gpus, 1)
    threads = max(1, (os.cpu_count() or 1) // workers)  # Ray gives a trial as many as it has cores
    cluster = Cluster(cpus=threads * workers, gpus=gpus)
    cluster.start()
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler

    longest = max(epochs_of(one.bundle, options) for one in chosen)
    work = tune.with_resources(train_one, {"cpu": threads, "gpu": 1 if gpus else 0})
    trials = [
        {
            "name": one.name,
            "config": str(one.bundle / "finetune.py"),
            "work_dir": str(folder / one.name),
            "epochs": epochs_of(one.bundle, options),
            "metric": metric,
            "overrides": dict(options.overrides or {}),
        }
        for one in chosen
    ]
    state = folder / _STATE
    try:
        if tune.Tuner.can_restore(str(state)):
            tuner = tune.Tuner.restore(str(state), work, resume_unfinished=True, restart_errored=True)
        else:
            scheduler = ASHAScheduler(
                time_attr="epoch", max_t=longest, grace_period=min(options.grace, longest), reduction_factor=2
            )
            tuner = tune.Tuner(
                work,
                param_space={"run": tune.grid_search(trials)},
                tune_config=tune.TuneConfig(
                    metric=metric, mode="max", scheduler=scheduler, max_concurrent_trials=workers
                ),
                run_config=tune.RunConfig(
                    name=_STATE,
                    storage_path=str(folder),
                    verbose=0,
                    failure_config=tune.FailureConfig(max_failures=1),
                    callbacks=[_teller(metric)],
                ),
            )
        results = tuner.fit()
        return {
            str(one.config["run"]["name"]): str(one.error).strip().splitlines()[-1]
            for one in (results[place] for place in range(len(results)))
            if one.error is not None and one.config is not None
        }
    finally:
        cluster.stop()


def _teller(metric: str) -> Any:
    from ray import tune

    class Teller(tune.Callback):
        """One line per finished epoch."""

        def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: Any, **info: Any) -> None:
            name = trial.config["run"]["name"]
            print(f"{name}: epoch {result['epoch']}, {metric} {result[metric]:.2f}", file=sys.stderr, flush=True)

    return Teller()


def train_one(settings: dict[str, Any]) -> None:
    """One trial, in a process of its own: train as the bundle says, report every epoch.

    The bundle's config registers the backbone by its `custom_imports`.
    """
    from ray import tune

    from search.training import read_config, train

    run = settings["run"]
    work_dir = Path(run["work_dir"])
    work_dir.mkdir(parents=True, exist_ok=True)
    for epoch, metrics in sorted(read_epochs(work_dir).items()):
        if epoch > 0:  # a resumed trial tells Tune where it stands
            tune.report({"epoch": epoch, run["metric"]: metrics[run["metric"]]})
    if max(read_epochs(work_dir), default=0) >= run["epochs"]:
        return
    _register(lambda epoch, metrics: _told(tune, run["metric"], work_dir, epoch, metrics))
    hooks = [dict(hook) for hook in read_config(run["config"]).get("custom_hooks", [])]
    overrides = {
        **run["overrides"],
        "runner.max_epochs": run["epochs"],
        "evaluation.interval": 1,
        "evaluation.start": 0,
        "checkpoint_config.interval": 1,
        "custom_hooks": [*hooks, {"type": "EpochReport", "priority": _AFTER_EVALUATION}],
    }
    train(run["config"], work_dir, "none", overrides, resume=True)


def _told(tune: Any, metric: str, work_dir: Path, epoch: int, metrics: dict[str, float]) -> None:
    if epoch in read_epochs(work_dir):
        return
    append_epoch(work_dir, epoch, metrics)
    if epoch > 0:
        tune.report({"epoch": epoch, metric: metrics[metric]})


def _register(tell: Any) -> None:
    from mmcv.runner import HOOKS, Hook

    class EpochReport(Hook):  # type: ignore[misc]  # mmcv is untyped
        """Passes on what the evaluating hook has just found."""

        def before_train_epoch(self, runner: Any) -> None:
            self._report(runner, runner.epoch)

        def after_train_epoch(self, runner: Any) -> None:
            self._report(runner, runner.epoch + 1)

        def _report(self, runner: Any, epoch: int) -> None:
            found = runner.log_buffer.output
            metrics = {name: round(100 * float(value), 4) for name, value in found.items() if name in METRICS}
            if metrics:
                tell(epoch, metrics)

    HOOKS.register_module(force=True)(EpochReport)  # Tune may give a process to a second trial


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()
