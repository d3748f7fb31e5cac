# a small Mask R-CNN for the built-in digits with STViT-R: two dumbbells; newly trained, it hides exactly the padding
_base_ = "./mask_rcnn_nano_fpn.py"
model = dict(
    backbone=dict(
        type="STViTR",
        embed_dims=24,
        depths=(2, 2, 12, 2),
        num_heads=(1, 2, 4, 8),
        window_size=7,
        drop_path_rate=0.0,
        mask="exact",
        plan={},
    ),
)
