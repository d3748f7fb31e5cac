# sparsity-aware adaptation, ours: 6 epochs under random exact counts, from the published sparse stage
_base_ = "./mask_rcnn_svit_adapter-t_fpn_0.5x_coco.py"
model = dict(backbone=dict(plan={"mode": "topk"}))
custom_hooks = [
    dict(type="NumClassCheckHook"),
    dict(type="SparsityAdaptationHook", seed=0),
]
load_from = "work_dirs/mask_rcnn_svit_adapter-t_fpn_0.5x_coco/latest.pth"
