# what `--target digits-svit-adapter` searches, see digits_sparsevit.py
_base_ = "../digits/mask_rcnn_svit_adapter-nano_sparse_digits.py"
model = dict(backbone=dict(plan={"mode": "topk"}))
data = dict(
    search=dict(type="DigitsDataset", split="search", pipeline={{_base_.test_pipeline}}),
    confirm=dict(type="DigitsDataset", split="confirm", pipeline={{_base_.test_pipeline}}),
    report=dict(type="DigitsDataset", split="report", pipeline={{_base_.test_pipeline}}),
)
finetune = dict(lr=1e-4, max_epochs=3, step=[2], warmup_iters=50)
