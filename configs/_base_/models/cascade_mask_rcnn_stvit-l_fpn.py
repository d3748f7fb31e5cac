# Cascade Mask R-CNN with STViT-L (arXiv 2211.11167); cells and output norms as inferred, see the class
_base_ = "./cascade_mask_rcnn_fpn.py"
model = dict(
    backbone=dict(
        type="SuperTokenViT",
        embed_dims=(96, 192, 448, 640),
        depths=(4, 7, 19, 8),
        num_heads=(2, 3, 7, 10),
        layer_scale=(None, None, 1e-06, 1e-06),
        drop_path_rate=0.5,
        grid="detection",
        out_norm=True,
        plan={},
    ),
    neck=dict(in_channels=[96, 192, 448, 640]),
)
