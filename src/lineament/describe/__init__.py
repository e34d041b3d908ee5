"""Annotate, chat about and check a picture or clip: where faces, models and claims meet."""
