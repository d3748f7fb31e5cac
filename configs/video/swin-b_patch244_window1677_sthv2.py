# from the Swin-B of Kinetics-400 with the same window of 16 frames
_base_ = [
    "../_base_/models/classifier_video-swin-t.py",
    "../_base_/datasets/sthv2_224.py",
    "../_base_/classification_runtime.py",
    "../_base_/schedules/adamw_video_30e.py",
]
model = dict(
    num_classes=174,
    label_smoothing=0.1,
    backbone=dict(
        embed_dims=128,
        depths=(2, 2, 18, 2),
        num_heads=(4, 8, 16, 32),
        window_size=(16, 7, 7),
        drop_path_rate=0.4,
        init_cfg=dict(type="Pretrained", checkpoint="swin_base_patch244_window1677_kinetics400_22k.pth"),
    ),
    cls_head=dict(in_channels=1024),
)
optimizer = dict(lr=3e-4, weight_decay=0.05)
runner = dict(max_epochs=60)
