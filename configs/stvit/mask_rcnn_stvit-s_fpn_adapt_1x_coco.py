# sparsity-aware adaptation: 12 epochs at 1e-5 under random cells, from the detector trained with the published ones
_base_ = "./mask_rcnn_stvit-s_fpn_3x_coco.py"
optimizer = dict(lr=1e-5)
lr_config = dict(step=[8, 11])
runner = dict(max_epochs=12)
custom_hooks = [
    dict(type="NumClassCheckHook"),
    dict(type="SparsityAdaptationHook", seed=0),
]
load_from = "work_dirs/mask_rcnn_stvit-s_fpn_3x_coco/latest.pth"
