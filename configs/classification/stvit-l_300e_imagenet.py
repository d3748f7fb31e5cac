# from scratch at 224 pixels
_base_ = [
    "../_base_/models/classifier_stvit-l.py",
    "../_base_/datasets/imagenet_224.py",
    "../_base_/classification_runtime.py",
    "../_base_/schedules/adamw_stvit_300e.py",
]
