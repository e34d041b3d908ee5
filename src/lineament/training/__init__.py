"""Objectives, data stream, packing, stages and runs: how every model here is trained."""
