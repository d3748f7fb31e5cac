# for the small built-in classifiers: a peak of 1e-3, a short warm-up, a cosine to nearly nothing
optimizer = dict(
    type="AdamW",
    lr=1e-3,
    betas=(0.9, 0.999),
    weight_decay=0.05,
    paramwise_cfg=dict(
        norm_decay_mult=0.0, bias_decay_mult=0.0, custom_keys={"relative_position_bias_table": dict(decay_mult=0.0)}
    ),
)
optimizer_config = dict(grad_clip=dict(max_norm=5, norm_type=2))
lr_config = dict(
    policy="CosineAnnealing", min_lr_ratio=0.01, warmup="linear", warmup_iters=100, warmup_ratio=0.01, by_epoch=False
)
runner = dict(type="EpochBasedRunner", max_epochs=10)
