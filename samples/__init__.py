"""Small built-in data sets and trained checkpoints, so that the demo and the tests run on something real."""
