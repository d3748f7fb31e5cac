# STViT's fine-tuning at 384 pixels (arXiv 2211.11167): the floor of the rate from beginning to end, hardly any decay
optimizer = dict(
    type="AdamW",
    lr=5e-6,
    eps=1e-8,
    betas=(0.9, 0.999),
    weight_decay=1e-8,
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
optimizer_config = dict(grad_clip=None)
fp16 = dict(loss_scale="dynamic")
lr_config = dict(policy="fixed")
runner = dict(type="EpochBasedRunner", max_epochs=30)
custom_hooks = [dict(type="EMAHook", momentum=4e-5, priority="VERY_LOW")]
