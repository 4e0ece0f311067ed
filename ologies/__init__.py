"""What each specialty knows: recognise a file, turn it into DICOM. Imports nothing of ours.

`recognition` says what a file is, `case` whose it is, `settled` whether both agree; `ecg`, `photographs`
and `documents` make the object; `wrapping` is the way through, `confined` walks it in processes that may end.
"""
