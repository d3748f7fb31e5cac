# Cascade Mask R-CNN with STViT-R on Swin-B (arXiv 2303.08685); with no plan, as published
_base_ = "./cascade_mask_rcnn_fpn.py"
model = dict(
    backbone=dict(
        type="STViTR",
        embed_dims=128,
        depths=(2, 2, 18, 2),
        num_heads=(4, 8, 16, 32),
        window_size=7,
        mlp_ratio=4,
        drop_path_rate=0.3,
        mask="original",
        plan={},
    ),
    neck=dict(in_channels=[128, 256, 512, 1024]),
)
