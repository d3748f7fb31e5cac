# a small Mask R-CNN for the built-in digits with STViT: cells of half the published side, for digits are small
_base_ = "./mask_rcnn_nano_fpn.py"
model = dict(
    backbone=dict(
        type="SuperTokenViT",
        embed_dims=(24, 48, 96, 160),
        depths=(1, 2, 4, 1),
        num_heads=(1, 2, 4, 5),
        layer_scale=(None, None, None, None),
        drop_path_rate=0.0,
        grid=(4, 2, 1, 1),
        norm_eval=False,
        plan={},
    ),
    neck=dict(in_channels=[24, 48, 96, 160]),
)
