"""Mask R-CNN that steers how many tokens its SViT keeps: mmdet's detector, with one loss more.

Importing this module registers `SelectiveMaskRCNN` with mmdet.
"""

from collections.abc import Mapping
from typing import Any

from mmdet.models.builder import DETECTORS
from mmdet.models.detectors import MaskRCNN
from torch import Tensor

from models.errors import ModelError


@DETECTORS.register_module()
class SelectiveMaskRCNN(MaskRCNN):  # type: ignore[misc]  # mmdet is untyped
    """Mask R-CNN around a backbone that has losses of its own; it tests like any other.

    The plan of the backbone says how selectors decide in training (`dict(mode='gumbel')` as published) and, by its
    `keep` knobs, what they are steered to.

    Args:
        ratio_loss_weight: of the backbone's losses, beside those of the heads.
        options: those of mmdet's `MaskRCNN`.
    Raises:
        ModelError: a backbone without losses.
    Source: SViT (arXiv 2306.07050), section 3.
    """

    def __init__(self, *, ratio_loss_weight: float = 4.0, **options: Any) -> None:
        super().__init__(**options)
        if not hasattr(self.backbone, "forward_with_losses"):
            raise ModelError(
                f"SelectiveMaskRCNN needs a backbone that selects tokens, such as SelectiveViTAdapter; got "
                f"{type(self.backbone).__name__}, for which mmdet's MaskRCNN is enough"
            )
        self.ratio_loss_weight = ratio_loss_weight

    def forward_train(
        self,
        img: Tensor,
        img_metas: list[dict[str, Any]],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None = None,
        gt_masks: Any = None,
        proposals: Any = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Losses of a batch: the heads', and `loss_ratio`. Arguments are mmdet's; `proposals` is not used."""
        maps, own = self.backbone.forward_with_losses(img, self.backbone.chosen_plan())
        features = self.neck(maps)
        region_options = self.train_cfg.get("rpn_proposal", self.test_cfg.rpn)
        region_losses, regions = self.rpn_head.forward_train(
            features,
            img_metas,
            gt_bboxes,
            gt_labels=None,
            gt_bboxes_ignore=gt_bboxes_ignore,
            proposal_cfg=region_options,
            **options,
        )
        head_losses: Mapping[str, Any] = self.roi_head.forward_train(
            features, img_metas, regions, gt_bboxes, gt_labels, gt_bboxes_ignore, gt_masks, **options
        )
        steering = {name: self.ratio_loss_weight * loss for name, loss in own.items()}
        return {**region_losses, **head_losses, **steering}
