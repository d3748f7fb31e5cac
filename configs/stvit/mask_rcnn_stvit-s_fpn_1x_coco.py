# 12 epochs at 4e-4 at one scale, from an ImageNet STViT-S; no recipe was published, this is that of a sibling (RMT)
#   --cfg-options model.backbone.init_cfg.type=Pretrained model.backbone.init_cfg.checkpoint=FILE
_base_ = [
    "../_base_/models/mask_rcnn_stvit-s_fpn.py",
    "../_base_/datasets/coco_instance.py",
    "../_base_/schedules/adamw_coco.py",
    "../_base_/default_runtime.py",
]
optimizer = dict(lr=4e-4)
lr_config = dict(warmup_iters=500, step=[8, 11])
runner = dict(max_epochs=12)
