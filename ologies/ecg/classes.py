"""The objects that hold the signal of an ECG (PS3.3 §A.34.3 to A.34.5, A.34.13)."""

from pydicom.uid import (
    AmbulatoryECGWaveformStorage,
    General32bitECGWaveformStorage,
    GeneralECGWaveformStorage,
    TwelveLeadECGWaveformStorage,
)

ECG_CLASSES = frozenset(
    {
        TwelveLeadECGWaveformStorage,
        GeneralECGWaveformStorage,
        AmbulatoryECGWaveformStorage,
        General32bitECGWaveformStorage,
    }
)
