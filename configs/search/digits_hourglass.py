# what `--target digits-hourglass` searches: where tokens are clustered and into how many, without any training; the
# weights are those of the dense SparseViT
_base_ = "./digits_sparsevit.py"
model = dict(
    backbone=dict(
        _delete_=True,
        type="HourglassSwin",
        embed_dims=24,
        depths=(2, 2, 6, 2),
        num_heads=(1, 2, 4, 8),
        window_size=7,
        drop_path_rate=0.0,
        padding="before_norm",
        # found by `sparsearch calibrate` at location 6 on grid 5
        neighbourhood=3,
        temperature=0.6,
        k=10,
        plan={},
    )
)
training_free = True
