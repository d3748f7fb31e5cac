"""Rigs: targets set up on devices, one file per kind of target."""
