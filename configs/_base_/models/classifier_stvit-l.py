# STViT-L (arXiv 2211.11167), 95.0 M parameters, 15.6 GMACs at 224 pixels
_base_ = "./classifier_stvit-s.py"
model = dict(
    backbone=dict(
        embed_dims=(96, 192, 448, 640),
        depths=(4, 7, 19, 8),
        num_heads=(2, 3, 7, 10),
        layer_scale=(None, None, 1e-6, 1e-6),
        # the authors found 0.4 for the first 260 epochs and 0.6 after them a little better
        drop_path_rate=0.6,
    )
)
