"""The parts of the set-up: checks, the shared dependency environment, the mmcv-full wheel, the clone's `.venv`."""
