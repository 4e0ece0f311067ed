"""Of which discipline a report is, by what its source calls its department or modality."""

from collections.abc import Mapping

from exchange.reports.report import Discipline

#: HL7 Table 0074, Diagnostic Service Section ID, and DICOM modalities (CID 29), which OBR-24 has as often.
_CALLED: Mapping[Discipline, str] = {
    Discipline.RADIOLOGY: (
        "RAD RUS RX CT NMS NMR MR US CR DX MG PT NM RF XA PX IO BMD DXA XRC VUS OUS MRI PET"
    ),
    Discipline.PATHOLOGY: "SP PAT CP SM GM HIS HISTO HP CYT",
    Discipline.CARDIOLOGY: "CUS EC CTH ECG EPS HD IVUS ECHO CG CAR",
    Discipline.OPHTHALMOLOGY: "OP OPT OPM OPV OCT OPR AR KER SRF VA IOL",
}
_OF_CODE = {code: discipline for discipline, codes in _CALLED.items() for code in codes.split()}


def discipline_of(code: str) -> Discipline:
    """By OBR-24 or a modality; OTHER where it says neither."""
    return _OF_CODE.get(code.upper(), Discipline.OTHER)
