"""The data engine: labelled media in, verified instruction records out."""
