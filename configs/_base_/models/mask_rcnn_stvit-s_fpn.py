# Mask R-CNN with STViT-S (arXiv 2211.11167); cells and output norms as inferred, see the class
_base_ = "./mask_rcnn_fpn.py"
model = dict(
    backbone=dict(
        type="SuperTokenViT",
        embed_dims=(64, 128, 320, 512),
        depths=(3, 5, 9, 3),
        num_heads=(1, 2, 5, 8),
        layer_scale=(None, None, None, None),
        drop_path_rate=0.15,
        grid="detection",
        out_norm=True,
        plan={},
    ),
    neck=dict(in_channels=[64, 128, 320, 512]),
)
