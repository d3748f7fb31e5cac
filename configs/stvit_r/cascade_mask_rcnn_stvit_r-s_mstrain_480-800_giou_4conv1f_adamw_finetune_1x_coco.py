# an example of fine-tuning at one plan, from the adapted detector: the last dumbbell dropped, fewer semantic tokens in
# the second; a search exports its own
_base_ = "./cascade_mask_rcnn_stvit_r-s_mstrain_480-800_giou_4conv1f_adamw_3x_coco.py"
model = dict(backbone=dict(plan={"dumbbell2_s": 2, "dumbbell3": False}))
optimizer = dict(lr=1e-5)
lr_config = dict(step=[8, 11])
runner = dict(max_epochs=12)
load_from = "work_dirs/cascade_mask_rcnn_stvit_r-s_mstrain_480-800_giou_4conv1f_adamw_adapt_1x_coco/latest.pth"
