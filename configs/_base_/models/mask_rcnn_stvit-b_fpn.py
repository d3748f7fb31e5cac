# Mask R-CNN with STViT-B (arXiv 2211.11167); cells and output norms as inferred, see the class
_base_ = "./mask_rcnn_fpn.py"
model = dict(
    backbone=dict(
        type="SuperTokenViT",
        embed_dims=(96, 192, 384, 512),
        depths=(4, 6, 14, 6),
        num_heads=(2, 3, 6, 8),
        layer_scale=(None, None, 1e-06, 1e-06),
        drop_path_rate=0.4,
        grid="detection",
        out_norm=True,
        plan={},
    ),
    neck=dict(in_channels=[96, 192, 384, 512]),
)
