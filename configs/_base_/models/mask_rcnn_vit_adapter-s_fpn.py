# Mask R-CNN with ViT-Adapter-Small (arXiv 2205.08534), attention among all tokens: the dense parent of SViT-S
_base_ = "./mask_rcnn_fpn.py"
model = dict(
    backbone=dict(
        type="ViTAdapter",
        embed_dim=384,
        num_heads=6,
        drop_path_rate=0.2,
        plan={},
    ),
    neck=dict(in_channels=[384, 384, 384, 384]),
)
