# from an ImageNet-1k Swin-T, which is inflated when it is loaded
_base_ = [
    "../_base_/models/classifier_video-swin-t.py",
    "../_base_/datasets/kinetics400_224.py",
    "../_base_/classification_runtime.py",
    "../_base_/schedules/adamw_video_30e.py",
]
model = dict(backbone=dict(init_cfg=dict(type="Pretrained", checkpoint="swin_tiny_patch4_window7_224.pth")))
optimizer_config = dict(cumulative_iters=4)
