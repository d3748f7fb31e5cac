# step 2 of 2, sparsity-aware adaptation: every iteration under a random plan, from the dense detector
_base_ = "./mask_rcnn_stvit_r-nano_dense_digits.py"
optimizer = dict(lr=7e-4)
lr_config = dict(min_lr_ratio=0.01, warmup_iters=50)
runner = dict(max_epochs=3)
evaluation = dict(interval=3)
custom_hooks = [
    dict(type="NumClassCheckHook"),
    dict(type="SparsityAdaptationHook", seed=0),
]
load_from = "work_dirs/mask_rcnn_stvit_r-nano_dense_digits/latest.pth"
