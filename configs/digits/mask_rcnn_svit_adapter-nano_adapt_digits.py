# step 3 of 3, sparsity-aware adaptation: every iteration under random exact counts, from the sparse detector
_base_ = "./mask_rcnn_svit_adapter-nano_sparse_digits.py"
model = dict(backbone=dict(plan={"mode": "topk"}))
lr_config = dict(min_lr_ratio=0.01)
runner = dict(max_epochs=3)
evaluation = dict(interval=3)
custom_hooks = [
    dict(type="NumClassCheckHook"),
    dict(type="SparsityAdaptationHook", seed=0),
]
load_from = "work_dirs/mask_rcnn_svit_adapter-nano_sparse_digits/latest.pth"
