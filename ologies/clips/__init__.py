"""Clips become DICOM video (PS3.5 §8.2): MP4 and MOV copied as they are, others by way of FFmpeg.

`reading` decides and `clip` makes the object; `movie` reads an MP4's tables, `copying` writes clean ones
around the same samples.
"""
