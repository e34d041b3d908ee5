"""Writers: annotations in, questions, answers and descriptions out."""
