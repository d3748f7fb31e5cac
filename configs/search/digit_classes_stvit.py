# what `--target digit-classes-stvit` searches: plans evaluated on `search`, the winner confirmed on `confirm`; nothing
# is ever chosen by `report`
_base_ = "../classification/stvit-nano_adapt_digit-classes.py"
custom_hooks = []
data = dict(
    search=dict(type="DigitClasses", split="search", pipeline={{_base_.test_pipeline}}),
    confirm=dict(type="DigitClasses", split="confirm", pipeline={{_base_.test_pipeline}}),
    report=dict(type="DigitClasses", split="report", pipeline={{_base_.test_pipeline}}),
)
# the schedule of exported fine-tune configs, scaled to this small set
finetune = dict(lr=1e-4, max_epochs=2, step=[1], warmup_iters=20)
