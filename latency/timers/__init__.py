"""Timers of real devices, one file each; the simulated one is `latency.simulated`."""
