# dense training from scratch; clustering needs no training of its own
_base_ = [
    "../_base_/models/classifier_video-swin-nano.py",
    "../_base_/datasets/moving_digits.py",
    "../_base_/schedules/adamw_small.py",
    "../_base_/classification_runtime.py",
]
