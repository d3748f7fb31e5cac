# a small Mask R-CNN for the built-in digits with a ViT-Adapter: the dense parent of the small SViT
_base_ = "./mask_rcnn_nano_fpn.py"
model = dict(
    backbone=dict(
        type="ViTAdapter",
        embed_dim=96,
        num_heads=3,
        conv_inplane=16,
        deform_num_heads=3,
        drop_path_rate=0.0,
        plan={},
    ),
    neck=dict(in_channels=[96, 96, 96, 96]),
)
