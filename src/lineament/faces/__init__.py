"""Faces found, followed, cropped; their landmarks turned into signals and timed facts."""
