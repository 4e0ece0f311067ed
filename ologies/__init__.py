"""What each specialty knows: recognise a file, turn it into DICOM.

Imports nothing of ours. Empty until the first converter lands; radiology needs none.
"""
