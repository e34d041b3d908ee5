"""Faces and aerial scenes drawn from an annotation: unlimited data with exact truth."""
