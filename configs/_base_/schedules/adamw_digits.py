optimizer = dict(
    type="AdamW",
    lr=1e-3,
    betas=(0.9, 0.999),
    weight_decay=0.05,
    paramwise_cfg=dict(
        custom_keys={"relative_position_bias_table": dict(decay_mult=0.0), "norm": dict(decay_mult=0.0)}
    ),
)
optimizer_config = dict(grad_clip=dict(max_norm=10, norm_type=2))
lr_config = dict(
    policy="CosineAnnealing", min_lr_ratio=0.01, warmup="linear", warmup_iters=150, warmup_ratio=0.01, by_epoch=False
)
runner = dict(type="EpochBasedRunner", max_epochs=12)
