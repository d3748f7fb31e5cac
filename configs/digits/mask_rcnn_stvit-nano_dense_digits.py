# step 1 of 2, dense training on crops of 224 pixels; heads and neck start as those of the built-in SparseViT:
#   python -m samples.start THIS samples/weights/digits_dense.safetensors work_dirs/stvit_start.safetensors
_base_ = [
    "../_base_/models/mask_rcnn_stvit-nano_fpn.py",
    "../_base_/datasets/digits_instance.py",
    "../_base_/schedules/adamw_digits.py",
    "../_base_/default_runtime.py",
]
# the rate falls to its half only: adaptation goes on from there
lr_config = dict(min_lr_ratio=0.5)
runner = dict(max_epochs=2)
evaluation = dict(interval=2)
load_from = "work_dirs/stvit_start.safetensors"
