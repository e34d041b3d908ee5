"""Aerial scenes: one small file per data set or layout, each to annotations and to ready turns."""
