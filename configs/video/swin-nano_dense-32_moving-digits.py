# step 1 of 2, from scratch on clips that are made small: most of the learning, at a quarter of the cost
_base_ = [
    "../_base_/models/classifier_video-swin-nano.py",
    "../_base_/datasets/moving_digits.py",
    "../_base_/schedules/adamw_small.py",
    "../_base_/classification_runtime.py",
]
train_pipeline = [
    dict(type="RandomResizedCrop", size=32, scale=(0.7, 1.0), ratio=(0.9, 1.1)),
    {{_base_.normalize}},
]
data = dict(train=dict(pipeline=train_pipeline))
runner = dict(max_epochs=5)
