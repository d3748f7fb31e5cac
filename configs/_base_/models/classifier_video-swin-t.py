# Video Swin-T (arXiv 2106.13230) on clips of 32 frames, 28.2 M parameters
model = dict(
    type="VideoClassifier",
    num_classes=400,
    backbone=dict(
        type="VideoSwin",
        frames=32,
        embed_dims=96,
        depths=(2, 2, 6, 2),
        num_heads=(3, 6, 12, 24),
        window_size=(8, 7, 7),
        drop_path_rate=0.1,
        plan={},
    ),
    cls_head=dict(in_channels=768, dropout_ratio=0.5),
    max_testing_views=4,
)
