"""Writing about aerial scenes: single objects, whole scenes, questions and conversations."""
