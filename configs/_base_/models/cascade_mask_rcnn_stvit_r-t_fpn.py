# Cascade Mask R-CNN with STViT-R on Swin-T (arXiv 2303.08685), one dumbbell; no checkpoint of it was released
_base_ = "./cascade_mask_rcnn_fpn.py"
model = dict(
    backbone=dict(
        type="STViTR",
        embed_dims=96,
        depths=(2, 2, 6, 2),
        num_heads=(3, 6, 12, 24),
        window_size=7,
        mlp_ratio=4,
        drop_path_rate=0.2,
        mask="original",
        plan={},
    ),
)
