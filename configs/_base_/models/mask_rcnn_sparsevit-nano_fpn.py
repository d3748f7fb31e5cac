# a small Mask R-CNN for the built-in digits: the six published knobs, 2.6 M parameters
_base_ = "./mask_rcnn_nano_fpn.py"
model = dict(
    backbone=dict(
        type="SparseViT",
        embed_dims=24,
        depths=(2, 2, 6, 2),
        num_heads=(1, 2, 4, 8),
        window_size=7,
        drop_path_rate=0.0,
        plan={},
    ),
    # the shipped weights were trained with four samples per cell of a region
    roi_head=dict(
        bbox_roi_extractor=dict(roi_layer=dict(sampling_ratio=2)),
        mask_roi_extractor=dict(roi_layer=dict(sampling_ratio=2)),
    ),
)
