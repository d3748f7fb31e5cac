# step 2 of 2, at full size; clustering needs no training of its own
_base_ = [
    "../_base_/models/classifier_video-swin-nano.py",
    "../_base_/datasets/moving_digits.py",
    "../_base_/schedules/adamw_small.py",
    "../_base_/classification_runtime.py",
]
optimizer = dict(lr=6e-4)
lr_config = dict(warmup_iters=20)
runner = dict(max_epochs=6)
load_from = "work_dirs/swin-nano_dense-32_moving-digits/latest.pth"
