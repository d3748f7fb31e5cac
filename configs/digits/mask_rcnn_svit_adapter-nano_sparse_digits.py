# step 2 of 3, the published sparse stage: from the dense detector (converted as it is loaded, its selectors fresh),
# decisions drawn at random, their mean shares steered to 0.7, 0.49 and 0.343
_base_ = "./mask_rcnn_vit_adapter-nano_dense_digits.py"
model = dict(
    type="SelectiveMaskRCNN",
    backbone=dict(type="SelectiveViTAdapter", plan={"mode": "gumbel"}),
    ratio_loss_weight=4.0,
)
optimizer = dict(lr=5e-4)
lr_config = dict(warmup_iters=50)
load_from = "work_dirs/mask_rcnn_vit_adapter-nano_dense_digits/latest.pth"
