# the dense parent, as published: 36 epochs at 1e-4 on 8 GPUs x 2 images, from DeiT-S of ImageNet:
#   --cfg-options model.backbone.init_cfg.type=Pretrained model.backbone.init_cfg.checkpoint=FILE
_base_ = [
    "../_base_/models/mask_rcnn_vit_adapter-s_fpn.py",
    "../_base_/datasets/coco_instance_mstrain_1024.py",
    "../_base_/schedules/adamw_svit_adapter.py",
    "../_base_/default_runtime.py",
]
