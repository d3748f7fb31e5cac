"""Where mmdet 2.28 meets classification: `ImageClassifier` and `VideoClassifier`, trained and tested by its tools.

Importing this module registers both as mmdet detectors, which is what its builders, runners and hooks expect of a
model. Losses, logs and checkpoints are mmdet's; only what goes in (`gt_label`) and comes out (scores) differs.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from mmcv.runner import auto_fp16
from mmdet.models.builder import DETECTORS, build_backbone
from mmdet.models.detectors.base import BaseDetector
from numpy.typing import NDArray
from torch import Tensor, nn

from models.classification_losses import BatchMix, soft_cross_entropy
from models.errors import InputError, ModelError
from models.fitting import FitsCheckpoints, Fitted
from models.video_swin_head import VideoHead, average_views

_BACKBONE = "backbone."


class Classifier(BaseDetector):  # type: ignore[misc]  # mmdet is untyped
    """What both kinds share.

    Args:
        backbone: config of a registered backbone.
        num_classes: how many classes there are.
        label_smoothing: of the loss.
        mix: arguments of `BatchMix`; None: no batch is mixed.
        stay_in_eval: train with BatchNorm's statistics and drop-path frozen, as STViT's fine-tuning at 384 does.
        train_cfg, test_cfg, pretrained: must be None; other detectors have them.
    Raises:
        ModelError: an argument that means nothing here.
    """

    def __init__(
        self,
        backbone: Mapping[str, Any],
        num_classes: int,
        label_smoothing: float = 0.0,
        mix: Mapping[str, Any] | None = None,
        stay_in_eval: bool = False,
        train_cfg: Any = None,
        test_cfg: Any = None,
        pretrained: Any = None,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        if any(one is not None for one in (train_cfg, test_cfg, pretrained)):
            raise ModelError("a classifier has no train_cfg, test_cfg or pretrained; use its own arguments")
        self.backbone = build_backbone(backbone)
        self.num_classes = num_classes
        self.label_smoothing = label_smoothing
        self.mix = None if mix is None else BatchMix(num_classes, **mix)
        self.stay_in_eval = stay_in_eval

    @property
    def with_neck(self) -> bool:
        """Classifiers have none."""
        return False

    def logits(self, img: Tensor) -> Tensor:
        """(batch, num_classes) of a batch as the backbone takes it."""
        raise NotImplementedError

    def scores(self, img: Tensor) -> Tensor:
        """(batch, num_classes) of a batch of test samples, larger is likelier."""
        raise NotImplementedError

    @auto_fp16(apply_to=("img",))  # type: ignore[untyped-decorator]
    def forward(
        self,
        img: Tensor,
        img_metas: Sequence[Mapping[str, Any]] | None = None,
        return_loss: bool = True,
        gt_label: Tensor | None = None,
        **ignored: Any,
    ) -> Any:
        """Losses of a training batch, or scores of a test batch.

        Args:
            img: see `logits` and `scores`.
            img_metas: of the samples; only their number counts.
            return_loss: which of the two.
            gt_label: class numbers, (batch,).
            ignored: what mmdet's loops say to detectors, such as `rescale`.
        """
        if return_loss:
            return self.forward_train(img, img_metas, gt_label)
        return self.simple_test(img, img_metas)

    def forward_train(self, img: Tensor, img_metas: Any, gt_label: Tensor | None = None, **ignored: Any) -> Any:
        """Loss and, of batches that are not mixed, the share of hits.

        Raises:
            InputError: labels are missing or outside the classes.
        """
        if gt_label is None:
            raise InputError("training needs gt_label; use a data set of labelled images or videos")
        if int(gt_label.max()) >= self.num_classes:
            raise InputError(
                f"label {int(gt_label.max())} is outside the model's {self.num_classes} classes; correct num_classes"
            )
        img, labels = self._unfold(img, gt_label)
        targets = labels
        if self.mix is not None:
            img, targets = self.mix(img, labels)
        logits = self.logits(img)
        losses = {"loss": soft_cross_entropy(logits, targets, self.label_smoothing)}
        if targets.dim() == 1:
            # not called `top1`, which is what validation says of whole data sets
            losses["batch_top1"] = (logits.detach().argmax(1) == targets).float().mean()
        return losses

    def simple_test(self, img: Tensor, img_metas: Any, **ignored: Any) -> list[NDArray[np.float32]]:
        """Scores of every sample, a list of (num_classes,) arrays."""
        return list(self.scores(img).float().cpu().numpy())

    def aug_test(self, imgs: Any, img_metas: Any, **ignored: Any) -> Any:
        """Views of a sample are one tensor here, so mmdet's way of testing several is never taken."""
        raise ModelError("views of a sample come as one tensor; use the data set's crops instead of MultiScaleFlipAug")

    def extract_feat(self, imgs: Tensor) -> Any:
        """What the backbone puts out."""
        return self.backbone(imgs)

    def forward_dummy(self, img: Tensor) -> Tensor:
        """The whole model for timing: a batch as the backbone takes it, to logits."""
        return self.logits(img)

    def train(self, mode: bool = True) -> "Classifier":
        """As for any module; under `stay_in_eval` nothing but the flag of this one changes."""
        super().train(mode)
        if self.stay_in_eval:
            for part in self.children():
                part.eval()
        return self

    def fit_checkpoint(self, state: Mapping[str, Tensor]) -> Fitted:
        """Files of bare backbones, as classifiers are released, and files with an average of the weights beside them.

        Raises:
            CheckpointError: the file cannot belong to this model.
        """
        averages = tuple(name for name in state if name.startswith("ema_"))
        kept = {name: tensor for name, tensor in state.items() if name not in averages}
        inner = {name.removeprefix(_BACKBONE): one for name, one in kept.items() if name.startswith(_BACKBONE)}
        rest = {name: one for name, one in kept.items() if inner and not name.startswith(_BACKBONE)}
        whole = inner or kept
        fitted = self.backbone.fit_checkpoint(whole) if isinstance(self.backbone, FitsCheckpoints) else Fitted(whole)
        return Fitted(
            rest | {_BACKBONE + name: one for name, one in fitted.state.items()},
            averages + tuple(_BACKBONE + name for name in fitted.ignored),
            frozenset(_BACKBONE + name for name in fitted.optional),
        )

    def _unfold(self, img: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Copies of a sample, (batch, copies, ...), become samples."""
        copies = img.dim() - self._axes
        if copies == 1:
            return img.flatten(0, 1), labels.repeat_interleave(img.shape[1])
        return img, labels

    _axes = 4


@DETECTORS.register_module()
class ImageClassifier(Classifier):
    """A backbone that ends in logits.

    `dict(type='ImageClassifier', backbone=dict(type='SuperTokenClassifier', num_classes=10, ...), num_classes=10)`
    """

    def logits(self, img: Tensor) -> Tensor:
        """(batch, num_classes) of (batch, 3, height, width) images."""
        return cast(Tensor, self.backbone(img))

    def scores(self, img: Tensor) -> Tensor:
        """The logits."""
        return self.logits(img)


@DETECTORS.register_module()
class VideoClassifier(Classifier):
    """A video backbone and a head; a test sample's score is the mean of the probabilities of its views.

    Args:
        cls_head: arguments of `VideoHead`: `in_channels`, and what else it takes.
        max_testing_views: views in one forward pass.
        options: arguments of `Classifier`.
    """

    _axes = 5

    def __init__(
        self, backbone: Mapping[str, Any], cls_head: Mapping[str, Any], max_testing_views: int = 4, **options: Any
    ) -> None:
        super().__init__(backbone, **options)
        self.cls_head: nn.Module = VideoHead(num_classes=self.num_classes, **cls_head)
        self.max_testing_views = max_testing_views

    def logits(self, img: Tensor) -> Tensor:
        """(batch, num_classes) of (batch, 3, frames, height, width) clips."""
        features = self.backbone(img)
        return cast(Tensor, self.cls_head(features[-1] if isinstance(features, tuple) else features))

    def scores(self, img: Tensor) -> Tensor:
        """Mean probabilities of (batch, views, 3, frames, height, width) clips."""
        chunks = torch.split(img.flatten(0, 1), self.max_testing_views)
        return average_views(torch.cat([self.logits(part) for part in chunks]), img.shape[1])
