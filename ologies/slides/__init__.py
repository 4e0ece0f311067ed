"""Whole slides: files of the TIFF family become VL Whole Slide Microscopy, their tiles copied as they lie."""
