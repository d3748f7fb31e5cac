# an example of step 3, fine-tuning at one plan, from the adapted detector; a search exports its own
_base_ = "./mask_rcnn_sparsevit-nano_dense_digits.py"
model = dict(backbone=dict(plan={"stage0": 0.3, "stage2_1": 0.1, "stage2_2": 0.2, "stage2_3": 0.2}))
optimizer = dict(lr=1e-4)
runner = dict(max_epochs=3)
load_from = "samples/weights/digits_sparsevit.safetensors"
