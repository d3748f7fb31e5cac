# STViT-B (arXiv 2211.11167), 51.7 M parameters, 9.9 GMACs at 224 pixels
_base_ = "./classifier_stvit-s.py"
model = dict(
    backbone=dict(
        embed_dims=(96, 192, 384, 512),
        depths=(4, 6, 14, 6),
        num_heads=(2, 3, 6, 8),
        layer_scale=(None, None, 1e-6, 1e-6),
        drop_path_rate=0.4,
    )
)
