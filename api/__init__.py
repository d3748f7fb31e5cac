"""The service: HTTP routes, event streams and pages over `search`; never imports torch, mmdet, Ray or Optuna."""
