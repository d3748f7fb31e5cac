# an example of step 3, fine-tuning at one plan, from the adapted detector; a search exports its own
_base_ = "./mask_rcnn_stvit-nano_dense_digits.py"
model = dict(backbone=dict(plan={"grid1": 4, "grid2": 2}))
optimizer = dict(lr=1e-4)
lr_config = dict(min_lr_ratio=0.01)
runner = dict(max_epochs=3)
load_from = "samples/weights/digits_stvit.safetensors"
