"""ECGs: the signal of any maker's file, as DICOM waveforms (PS3.3 §A.34)."""
