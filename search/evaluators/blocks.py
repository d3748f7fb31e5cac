"""What evaluators of real models share: a loaded model, splits, and blocks of images in the common order."""

import contextlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import ModelError
from models.plan import Plan
from search.errors import EvaluationError, NotFiniteError, TargetError
from search.evaluators.images import Images
from search.evaluators.splits import Split, open_split
from search.records import Evaluation
from search.training import read_config

BLOCK = 16
"""Images per block of the common order: the steps that racing would take."""

Tick = Callable[[int, int], None]
Found = tuple[Mapping[str, float], Mapping[str, Any]]
"""Metrics in 0..100, and what each image contributed."""


@dataclass(frozen=True)
class ModelFactory:
    """Builds an evaluator of a model where it is called; cheap to send to a worker.

    Args:
        config, checkpoint: of the model.
        device: "cpu" or "cuda:0".
        images: images per split; None: all.
        threads: CPU threads of an evaluator; None: torch's default.
    """

    config: Path
    checkpoint: Path
    device: str = "cpu"
    images: int | None = None
    threads: int | None = None


class BlockEvaluator:
    """A loaded model and the images it has seen so far. One plan at a time. An `Evaluator`, less what a task decides.

    Args:
        factory: what to load.
    Raises:
        TargetError: config or checkpoint cannot be used.
    """

    def __init__(self, factory: ModelFactory) -> None:
        import torch

        if factory.threads is not None:
            torch.set_num_threads(factory.threads)
        self._factory = factory
        self._config = read_config(factory.config)
        self.model = load(self._config, factory.checkpoint, factory.device)
        self._splits: dict[str, Split] = {}
        self._images: dict[str, Images] = {}

    def read(self, split: Split) -> Images:
        """The decoded images of a split.

        Raises:
            TargetError: an image is missing or damaged; names it.
        """
        raise NotImplementedError

    def score(self, plan: Plan, split: Split, images: Images, numbers: Sequence[int]) -> Found:
        """The metrics of a plan on some images.

        Args:
            plan: a legal plan.
            split: what the images belong to.
            images: all of the split's.
            numbers: which of them, by their places in the common order.
        """
        raise NotImplementedError

    def digest(self, split: str) -> str:
        """See `Evaluator.digest`."""
        return self.split(split).digest

    def adopt(self, split: str, images: Images) -> None:
        """Use images that somebody else decoded."""
        self._images.setdefault(split, images)

    def evaluate(self, plan: Plan, split: str = "search", blocks: Sequence[int] | None = None) -> Evaluation:
        """See `Evaluator.evaluate`."""
        started = time.monotonic()
        chosen = self.split(split)
        count = len(chosen.positions)
        wanted = range(math.ceil(count / BLOCK)) if blocks is None else blocks
        numbers = [i for block in wanted for i in range(block * BLOCK, min((block + 1) * BLOCK, count))]
        if not numbers:
            raise EvaluationError(f"blocks {list(wanted)} hold no image; split {split!r} has {count} images")
        metrics, table = self.score(plan, chosen, self.images(split), numbers)
        if not all(math.isfinite(value) for value in metrics.values()):
            raise NotFiniteError(f"plan {plan}: metrics are not finite: {metrics}")
        return Evaluation(plan, len(numbers), split, metrics, table, time.monotonic() - started, chosen.digest)

    def images(self, split: str) -> Images:
        """The decoded images of a split; read once."""
        if split not in self._images:
            self._images[split] = self.read(self.split(split))
        return self._images[split]

    def split(self, name: str) -> Split:
        """The split of a name; opened once."""
        if name not in self._splits:
            self._splits[name] = open_split(self._config, name, self._factory.images)
        return self._splits[name]

    def close(self) -> None:
        """Free the images; the model goes with the evaluator."""
        self._images.clear()
        self._splits.clear()


def load(config: Any, checkpoint: Path, device: str) -> Any:
    """The model of a config with its weights, strictly loaded, ready to run.

    Raises:
        TargetError: the model cannot be built or the weights do not fit; says why.
    """
    from mmdet.models import build_detector

    from models.checkpoint import load_detector

    try:
        with contextlib.suppress(KeyError):
            config.model.backbone.pop("init_cfg")
        model = build_detector(config.model)
        load_detector(model, checkpoint)
    except ModelError as error:
        raise TargetError(str(error)) from error
    except Exception as error:  # mmdet raises whatever its constructors raise
        raise TargetError(f"config {config.filename}: the model cannot be built: {error}") from error
    return model.to(device).eval()
