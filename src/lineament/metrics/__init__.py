"""Measures of how good predictions are: pure functions of numbers and texts."""
