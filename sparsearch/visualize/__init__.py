"""Pictures of what a plan keeps: read an image as the config does, ask the backbone, draw."""
