# sparsity-aware adaptation: 12 epochs at 1e-5 under random plans, from the detector as published (ours: no plan but
# the built one was ever trained)
_base_ = "./cascade_mask_rcnn_stvit_r-s_mstrain_480-800_giou_4conv1f_adamw_3x_coco.py"
optimizer = dict(lr=1e-5)
lr_config = dict(step=[8, 11])
runner = dict(max_epochs=12)
custom_hooks = [
    dict(type="NumClassCheckHook"),
    dict(type="SparsityAdaptationHook", seed=0),
]
load_from = "work_dirs/cascade_mask_rcnn_stvit_r-s_mstrain_480-800_giou_4conv1f_adamw_3x_coco/latest.pth"
