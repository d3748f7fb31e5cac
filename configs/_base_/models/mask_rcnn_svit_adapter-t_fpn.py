# Mask R-CNN with SViT-T on a ViT-Adapter (arXiv 2306.07050); without a plan, all tokens everywhere
_base_ = "./mask_rcnn_vit_adapter-t_fpn.py"
model = dict(
    type="SelectiveMaskRCNN",
    backbone=dict(type="SelectiveViTAdapter"),
    ratio_loss_weight=4.0,
)
