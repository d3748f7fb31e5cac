"""Tests that need an NVIDIA GPU. Plain functions: `benchmarks.gpu` runs them where pytest is missing."""
