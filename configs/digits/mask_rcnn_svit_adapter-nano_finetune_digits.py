# an example of fine-tuning at one plan, from the adapted detector; a search exports its own
_base_ = "./mask_rcnn_svit_adapter-nano_adapt_digits.py"
model = dict(backbone=dict(plan={"keep3_5": 0.7, "keep6_8": 0.49, "keep9_11": 0.343}))
optimizer = dict(lr=1e-4)
custom_hooks = [dict(type="NumClassCheckHook")]
load_from = "samples/weights/digits_svit_adapter.safetensors"
