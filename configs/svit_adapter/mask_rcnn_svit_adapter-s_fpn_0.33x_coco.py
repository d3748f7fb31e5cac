# the sparse stage, as published: 4 epochs at 1e-5 from the dense detector (converted as it is loaded, its selectors
# fresh), decisions drawn at random, their mean shares steered to 0.7, 0.49 and 0.343
_base_ = [
    "../_base_/models/mask_rcnn_svit_adapter-s_fpn.py",
    "../_base_/datasets/coco_instance_mstrain_1024.py",
    "../_base_/schedules/adamw_svit_adapter.py",
    "../_base_/default_runtime.py",
]
model = dict(backbone=dict(plan={"mode": "gumbel"}))
optimizer = dict(lr=1e-5, weight_decay=1e-6)
lr_config = dict(step=[3])
runner = dict(max_epochs=4)
load_from = "work_dirs/mask_rcnn_vit_adapter-s_fpn_3x_coco/latest.pth"
