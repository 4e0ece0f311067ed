"""Photographs: the picture and its colours as they were taken, without where and by whom (PS3.3 §A.32)."""
