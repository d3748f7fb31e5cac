# Mask R-CNN with ViT-Adapter-Tiny (arXiv 2205.08534), attention among all tokens: the dense parent of SViT-T
_base_ = "./mask_rcnn_fpn.py"
model = dict(
    backbone=dict(
        type="ViTAdapter",
        embed_dim=192,
        num_heads=3,
        drop_path_rate=0.1,
        plan={},
    ),
    neck=dict(in_channels=[192, 192, 192, 192]),
)
