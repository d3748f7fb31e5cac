# Cascade Mask R-CNN with STViT-R on Swin-S (arXiv 2303.08685); with no plan, as published
_base_ = "./cascade_mask_rcnn_fpn.py"
model = dict(
    backbone=dict(
        type="STViTR",
        embed_dims=96,
        depths=(2, 2, 18, 2),
        num_heads=(3, 6, 12, 24),
        window_size=7,
        mlp_ratio=4,
        drop_path_rate=0.2,
        mask="original",
        plan={},
    ),
)
