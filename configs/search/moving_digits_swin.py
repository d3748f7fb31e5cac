# what `--target moving-digits-swin` searches: where tokens are clustered and into how many, without any training; plans
# are evaluated on `search`, the winner confirmed on `confirm`, and nothing is ever chosen by `report`
_base_ = "../video/swin-nano_dense_moving-digits.py"
# found by `sparsearch calibrate` at locations 3 and 6, rounded between the two
model = dict(backbone=dict(neighbourhood=5, temperature=0.3, k=5))
data = dict(
    search=dict(type="MovingDigits", split="search", sampling={{_base_.sampling}}, pipeline={{_base_.test_pipeline}}),
    confirm=dict(type="MovingDigits", split="confirm", sampling={{_base_.sampling}}, pipeline={{_base_.test_pipeline}}),
    report=dict(type="MovingDigits", split="report", sampling={{_base_.sampling}}, pipeline={{_base_.test_pipeline}}),
)
# clusters stand in for tokens of a network that was trained without them: what is exported can be used as it is
training_free = True
finetune = dict(lr=1e-4, max_epochs=2, step=[1], warmup_iters=20)
