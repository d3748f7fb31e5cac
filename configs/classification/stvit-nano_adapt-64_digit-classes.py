# step 1 of 2, from scratch under a random plan every iteration, on crops that are made small: most of the learning
_base_ = [
    "../_base_/models/classifier_stvit-nano.py",
    "../_base_/datasets/digit_classes.py",
    "../_base_/schedules/adamw_small.py",
    "../_base_/classification_runtime.py",
]
custom_hooks = [dict(type="SparsityAdaptationHook", seed=0)]
runner = dict(max_epochs=10)
