# what `--target digits-sparsevit` searches: the adapted detector, its plans evaluated on `search`, the winner
# confirmed on `confirm`; nothing is ever chosen by `report`
_base_ = "../digits/mask_rcnn_sparsevit-nano_dense_digits.py"
data = dict(
    search=dict(type="DigitsDataset", split="search", pipeline={{_base_.test_pipeline}}),
    confirm=dict(type="DigitsDataset", split="confirm", pipeline={{_base_.test_pipeline}}),
    report=dict(type="DigitsDataset", split="report", pipeline={{_base_.test_pipeline}}),
)
# the schedule of exported fine-tune configs, scaled from the published 36 epochs to this small set; a config that says
# nothing here gets the published one
finetune = dict(lr=1e-4, max_epochs=3, step=[2], warmup_iters=50)
