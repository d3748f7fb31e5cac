# an example of step 3, fine-tuning at one plan, from the adapted detector; a search exports its own
_base_ = "./mask_rcnn_stvit_r-nano_dense_digits.py"
model = dict(backbone=dict(plan={"dumbbell1_s": 2, "dumbbell1_r": 2, "dumbbell2": False}))
optimizer = dict(lr=1e-4)
lr_config = dict(min_lr_ratio=0.01)
runner = dict(max_epochs=3)
load_from = "samples/weights/digits_stvit_r.safetensors"
