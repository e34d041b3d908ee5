"""Evaluation: tasks with frozen prompts, whatever answers them, scores with intervals, reports."""
