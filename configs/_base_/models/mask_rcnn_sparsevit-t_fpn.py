# Mask R-CNN with SparseViT-T (arXiv 2303.17605): the detector of mmdet's Swin-T Mask R-CNN, 47.8 M parameters
_base_ = "./mask_rcnn_fpn.py"
model = dict(
    backbone=dict(
        type="SparseViT",
        embed_dims=96,
        depths=(2, 2, 6, 2),
        num_heads=(3, 6, 12, 24),
        window_size=7,
        mlp_ratio=4,
        drop_path_rate=0.2,
        plan={},
    ),
)
