"""How long a plan takes on a device: timing, statistics, and a model that predicts it.

setting, record          what was timed, and what came out
timer, timers            the seam to the world: CPU, CUDA, simulated
session, measure         interleaved measuring against a reference plan
statistics, stopping, warmup
design, predictor, gates the latency model and the tests it must pass
decision                 does a plan meet a budget?
"""
