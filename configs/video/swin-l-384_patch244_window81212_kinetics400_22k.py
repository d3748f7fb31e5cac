# at 384 pixels, from an ImageNet-22k Swin-L; clustering before block 10 into 8 x 6 x 6 was published for these weights
_base_ = [
    "../_base_/models/classifier_video-swin-t.py",
    "../_base_/datasets/kinetics400_384.py",
    "../_base_/classification_runtime.py",
    "../_base_/schedules/adamw_video_30e.py",
]
model = dict(
    label_smoothing=0.1,
    backbone=dict(
        embed_dims=192,
        depths=(2, 2, 18, 2),
        num_heads=(6, 12, 24, 48),
        window_size=(8, 12, 12),
        drop_path_rate=0.5,
        init_cfg=dict(type="Pretrained", checkpoint="swin_large_patch4_window12_384_22k.pth"),
    ),
    cls_head=dict(in_channels=1536),
)
optimizer = dict(lr=3e-4, weight_decay=0.05)
runner = dict(max_epochs=60)
