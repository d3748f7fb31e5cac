# an example of fine-tuning at one plan, the cells of "hires" in the first stage; a search exports its own
_base_ = "./mask_rcnn_stvit-s_fpn_3x_coco.py"
model = dict(backbone=dict(plan={"grid0": 16, "grid1": 8}))
optimizer = dict(lr=1e-5)
lr_config = dict(step=[8, 11])
runner = dict(max_epochs=12)
load_from = "work_dirs/mask_rcnn_stvit-s_fpn_adapt_1x_coco/latest.pth"
