# two of three blocks in windows of 14 tokens, both branches scaled per channel: faster, but no parent of an SViT
_base_ = "./mask_rcnn_vit_adapter-t_fpn_3x_coco.py"
model = dict(
    backbone=dict(
        layer_scale=True,
        window_size=(14, 14, None, 14, 14, None, 14, 14, None, 14, 14, None),
    ),
)
