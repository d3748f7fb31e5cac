"""Training and testing of models through mmdet 2.28: `sparsearch train`, `sparsearch test`, fine-tuning.

mmdet is imported late. On CPU, several ranks train over gloo, which mmdet alone refuses.
"""

import contextlib
import functools
import io
import os
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from unittest import mock

from models.errors import ModelError
from search import ranks
from search.errors import TargetError
from search.schedules import count_warmup, leave_out_fp16
from search.tasks import TASKS, kind_of_model

Launcher = Literal["none", "pytorch", "mpi"]


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training left behind.

    Args:
        work_dir: logs and checkpoints.
        checkpoint: the last one.
        seconds: time it took.
    """

    work_dir: Path
    checkpoint: Path
    seconds: float


def read_config(path: str | Path, options: Mapping[str, Any] | None = None) -> Any:
    """An mmcv `Config`, with `options` such as `{"optimizer.lr": 1e-4}` merged in.

    Raises:
        TargetError: the file is missing, or cannot be executed as a config; names it.
    """
    from mmcv import Config

    if not Path(path).is_file():
        raise TargetError(f"config {path} does not exist; give the path of an mmdet config file")
    try:
        config = Config.fromfile(str(path))
        config.merge_from_dict(dict(options or {}))
    except Exception as error:  # a config is code: it can raise anything
        _forget_frames(error)
        raise TargetError(f"config {path} cannot be read: {type(error).__name__}: {error}; correct the file") from error
    if "model" not in config or "data" not in config:
        raise TargetError(f"config {path} has no `model` or no `data`; give an mmdet config")
    return config


def _forget_frames(error: Exception) -> None:
    """Free what a failed read left in its frames: a temporary file without its folder, which would complain loudly."""
    loud, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        traceback.clear_frames(error.__traceback__)
    finally:
        sys.unraisablehook = loud


def train(
    config: str | Path,
    work_dir: str | Path | None = None,
    launcher: Launcher = "none",
    options: Mapping[str, Any] | None = None,
    resume: bool = False,
    seed: int = 0,
    validate: bool = True,
) -> Trained:
    """Train a detector or a classifier as its config says; logs go to the console and to `work_dir`.

    Args:
        config: mmdet config file.
        work_dir: default `work_dirs/<name of the config>`.
        launcher: "none" for one process, "pytorch" under torchrun, "mpi" under `torchpack dist-run`.
        options: overrides, as `--cfg-options`.
        resume: go on from the last checkpoint in `work_dir`, if there is one.
        seed: of every generator.
        validate: evaluate as the config says; on CPU with several ranks that is left out.
    Raises:
        TargetError: the config, its data or its checkpoint cannot be used.
    """
    import torch
    from mmcv.utils import get_logger
    from mmdet.apis import set_random_seed, train_detector
    from mmdet.datasets import build_dataset
    from mmdet.models import build_detector

    started = time.monotonic()
    settings = read_config(config, options)
    folder = Path(work_dir) if work_dir is not None else Path("work_dirs") / Path(config).stem
    folder.mkdir(parents=True, exist_ok=True)
    gpu = torch.cuda.is_available()
    settings.work_dir, settings.seed, settings.auto_resume = str(folder), seed, resume
    settings.device, settings.gpu_ids = ("cuda", [0]) if gpu else ("cpu", [0])
    if not gpu:
        leave_out_fp16(settings)
    set_random_seed(seed)
    with _together(launcher, gpu) as distributed:
        try:
            dataset = build_dataset(settings.data.train)
            detector = build_detector(settings.model)
            detector.init_weights()
        except (FileNotFoundError, ModelError, KeyError, TypeError) as error:
            raise TargetError(f"config {config}: {_reason(error)}") from error
        if len(dataset) == 0:
            raise TargetError(f"config {config}: data.train has no image with annotations; check ann_file and classes")
        _check_classes(config, detector, dataset)
        _check_start(settings)
        _start_from(detector, settings)
        detector.CLASSES = dataset.CLASSES
        count_warmup(settings, len(dataset), torch.distributed.get_world_size() if distributed else 1)
        get_logger("mmdet", str(folder / "train.log"))
        with _quiet_bar():
            train_detector(
                detector,
                [dataset],
                settings,
                distributed=distributed,
                validate=validate and (gpu or not distributed),
                timestamp=time.strftime("%Y%m%d_%H%M%S"),
                meta={"seed": seed},
            )
    return Trained(folder, (folder / "latest.pth").resolve(), time.monotonic() - started)


def test(
    config: str | Path,
    checkpoint: str | Path,
    metrics: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
) -> dict[str, float]:
    """COCO metrics of a detector, or accuracy of a classifier, on `data.test` of its config, under the config's plan.

    Args:
        metrics: "bbox" and "segm", or "top_k_accuracy" and "mean_class_accuracy"; empty: the usual ones of the task.
    Returns:
        names and values in 0..1, such as `bbox_mAP` or `top1`.
    Raises:
        TargetError: the config, its data or the checkpoint cannot be used.
    """
    import torch
    from mmcv.parallel import MMDataParallel
    from mmdet.apis import single_gpu_test
    from mmdet.datasets import build_dataloader, build_dataset
    from mmdet.models import build_detector

    from models.checkpoint import load_detector

    settings = read_config(config, options)
    kind = kind_of_model(settings.model.get("type"))
    task = TASKS[kind]
    if unknown := [name for name in metrics if name not in task.asked]:
        raise TargetError(f"--eval {unknown[0]!r} means nothing for {kind}; choose {' or '.join(task.asked)}")
    try:
        dataset = build_dataset(settings.data.test, {"test_mode": True})
        detector = build_detector(settings.model)
        load_detector(detector, checkpoint)
    except (FileNotFoundError, ModelError, KeyError, TypeError) as error:
        raise TargetError(f"config {config}: {_reason(error)}") from error
    _check_classes(config, detector, dataset)
    # detectors pad the images of a batch, which changes their results; classifiers get images of one size
    batch = 1 if kind == "detection" else settings.data.get("test_dataloader", {}).get("samples_per_gpu", 1)
    loader = build_dataloader(dataset, samples_per_gpu=batch, workers_per_gpu=0, dist=False, shuffle=False)
    device = 0 if torch.cuda.is_available() else -1
    with _quiet_bar():
        results = single_gpu_test(MMDataParallel(detector.eval(), device_ids=[device]), loader)
    found = dataset.evaluate(results, metric=list(metrics or task.default))
    return {name: float(value) for name, value in found.items() if isinstance(value, float)}


@contextlib.contextmanager
def _quiet_bar() -> Iterator[None]:
    """mmcv draws its bar on standard output, which belongs to the answer; on a terminal it may use the other stream."""
    import mmcv

    file = sys.stderr if sys.stderr.isatty() else io.StringIO()
    with mock.patch("mmcv.ProgressBar", functools.partial(mmcv.ProgressBar, file=file)):
        yield


@contextlib.contextmanager
def _together(launcher: Launcher, gpu: bool) -> Iterator[bool]:
    """The process group of the launcher; yields whether there is one."""
    import torch
    import torch.distributed as dist

    if launcher == "none":
        yield False
        return
    launch = ranks.detect(os.environ)
    if launch.ranks == 1:
        yield False
        return
    local = int(os.environ.get("LOCAL_RANK", os.environ.get("OMPI_COMM_WORLD_LOCAL_RANK", "0")))
    os.environ["LOCAL_RANK"] = str(local)
    if gpu:
        torch.cuda.set_device(local)
    dist.init_process_group(
        "nccl" if gpu else "gloo", init_method=launch.rendezvous, rank=launch.rank, world_size=launch.ranks
    )
    try:
        with contextlib.nullcontext() if gpu else mock.patch("mmdet.apis.train.build_ddp", _cpu_ddp):
            yield True
    finally:
        dist.destroy_process_group()


def _cpu_ddp(detector: Any, device: str, device_ids: Sequence[int], **options: Any) -> Any:
    # mmdet's build_ddp asserts an accelerator; the class below it is content with the CPU
    from mmcv.parallel import MMDistributedDataParallel

    class OnCPU(MMDistributedDataParallel):  # type: ignore[misc]  # mmcv is untyped
        """Unpacks its batches, which mmcv does for accelerators only."""

        def train_step(self, *inputs: Any, **kwargs: Any) -> Any:
            unpacked, named = self.scatter(inputs, kwargs, [-1])
            return super().train_step(*unpacked[0], **named[0])

    return OnCPU(detector, **options)


def _check_classes(config: str | Path, model: Any, dataset: Any) -> None:
    """A classifier and its data must count the same classes, or labels mean something else."""
    counted = getattr(model, "num_classes", None)
    if counted is None:
        return
    try:
        dataset.check_classes(counted)
    except TargetError as error:
        raise TargetError(f"config {config}: {error}") from None
    except AttributeError:
        raise TargetError(
            f"config {config}: {type(dataset).__name__} has no labels of whole images; use ImageFolder or VideoList"
        ) from None


def _check_start(settings: Any) -> None:
    for field in ("load_from", "resume_from"):
        path = settings.get(field)
        if path and "://" not in path and not Path(path).is_file():
            raise TargetError(
                f"{field}={path!r} does not exist (looked from {Path.cwd()}); correct the config or pass "
                f"--cfg-options {field}=FILE"
            )


def _start_from(detector: Any, settings: Any) -> None:
    """Load `load_from` as this project loads: mmcv's own loader passes over a backbone that does not fit."""
    from models.checkpoint import load_start

    path = settings.get("load_from")
    if not path or "://" in path:
        return
    try:
        report = load_start(detector, path)
    except ModelError as error:
        raise TargetError(f"load_from: {error}") from error
    settings.load_from = None
    for words, names in (("entries of the file left out", report.ignored), ("entries start fresh", report.fresh)):
        if names:
            print(f"load_from {path}: {len(names)} {words}: {', '.join(names[:4])}{', ...' * (len(names) > 4)}")


def _reason(error: Exception) -> str:
    text = f"{error}".strip() or type(error).__name__
    return f"{text}; check the paths and options it names"
