# STViT's training from scratch (arXiv 2211.11167): the rate is 5e-4 per 512 images, follows a cosine of 300 epochs, and
# stays at its floor for 10 more
optimizer = dict(
    type="AdamW",
    lr=1e-3,
    eps=1e-8,
    betas=(0.9, 0.999),
    weight_decay=0.05,
    # biases and norms do not decay; layer scale, whose tensors have four axes, does
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
optimizer_config = dict(grad_clip=None)
fp16 = dict(loss_scale="dynamic")
lr_config = dict(
    policy="CosineRestart",
    periods=[300, 10],
    restart_weights=[1, 0],
    min_lr=1e-5,
    warmup="linear",
    warmup_by_epoch=True,
    warmup_iters=5,
    warmup_ratio=1e-3,
)
runner = dict(type="EpochBasedRunner", max_epochs=310)
# the average is kept beside the weights, which alone are validated: it changes places with them after that, until the
# next epoch begins
custom_hooks = [dict(type="EMAHook", momentum=4e-5, priority="VERY_LOW")]
