# a small Video Swin for the built-in clips of moving digits: most blocks in the stage that may be clustered; 1.3 M
# parameters
model = dict(
    type="VideoClassifier",
    num_classes=8,
    backbone=dict(
        type="VideoSwin",
        frames=8,
        embed_dims=24,
        depths=(1, 1, 6, 1),
        num_heads=(1, 2, 4, 8),
        window_size=(4, 4, 4),
        drop_path_rate=0.0,
        # maps smaller than a window are common here; released weights need the other rule
        clipped_bias="exact",
        plan={},
    ),
    cls_head=dict(in_channels=192, dropout_ratio=0.1),
    max_testing_views=16,
)
