# the dense parent, as published: 36 epochs at 1e-4 on 4 GPUs x 4 images, from DeiT-T of ImageNet:
#   --cfg-options model.backbone.init_cfg.type=Pretrained model.backbone.init_cfg.checkpoint=FILE
_base_ = [
    "../_base_/models/mask_rcnn_vit_adapter-t_fpn.py",
    "../_base_/datasets/coco_instance_mstrain_1024.py",
    "../_base_/schedules/adamw_svit_adapter.py",
    "../_base_/default_runtime.py",
]
data = dict(samples_per_gpu=4)
