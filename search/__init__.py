"""Searching: samplers, evaluators, pools, the flow of one search, its store and its coordinator."""
