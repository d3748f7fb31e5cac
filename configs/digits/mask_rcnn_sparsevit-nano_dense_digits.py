# step 1 of 2, dense training from scratch on crops of 224 pixels
_base_ = [
    "../_base_/models/mask_rcnn_sparsevit-nano_fpn.py",
    "../_base_/datasets/digits_instance.py",
    "../_base_/schedules/adamw_digits.py",
    "../_base_/default_runtime.py",
]
