# step 1 of 3, dense training on crops of 224 pixels; heads and neck start as those of the built-in SparseViT:
#   python -m samples.start THIS samples/weights/digits_dense.safetensors work_dirs/vit_adapter_start.safetensors \
#     --scale 'backbone.norm[1-4].weight=0.2' --scale 'backbone.patch_embed.proj.*=0.05'
_base_ = [
    "../_base_/models/mask_rcnn_vit_adapter-nano_fpn.py",
    "../_base_/datasets/digits_instance.py",
    "../_base_/schedules/adamw_digits.py",
    "../_base_/default_runtime.py",
]
data = dict(samples_per_gpu=4)
optimizer = dict(
    lr=7e-4,
    paramwise_cfg=dict(
        custom_keys=dict(level_embed=dict(decay_mult=0.0), pos_embed=dict(decay_mult=0.0), bias=dict(decay_mult=0.0))
    ),
)
# the rate falls to its half only: the next step goes on from there
lr_config = dict(min_lr_ratio=0.5, warmup_iters=60)
runner = dict(max_epochs=1)
evaluation = dict(interval=1)
load_from = "work_dirs/vit_adapter_start.safetensors"
