"""Evaluators: the accuracy of a plan on images."""
