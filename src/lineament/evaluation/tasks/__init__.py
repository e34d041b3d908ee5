"""One small file a benchmark: its data as users have it, prompts, label map, scorer, figures."""
