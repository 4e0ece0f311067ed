"""Reports as trusts' systems send them: radiology, histopathology, an echocardiogram."""

import base64

from tests.exchange.hl7.material import PID, header, joined

#: The smallest that readers open.
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)


def radiology(
    result: str = "F",
    control_id: str = "1",
    *,
    at: str = "20260302091500",
    text: str = "No fracture.",
    **fields: str,
) -> bytes:
    """As the RCR has it: report in OBR-3, accession in ORC-3, NICIP in OBR-4, reporters in OBR-32."""
    observed = fields.get("observed", result if result in "FPC" else "F")
    segments = [
        header("ORU^R01^ORU_R01", control_id, at=at),
        fields.get("pid", PID),
        "PV1|1|O|XRAY^^^RBL",
        f"ORC|RE||{fields.get('accession', 'RBL0001')}|",
        f"OBR|1|P1^ICE|{fields.get('number', 'R77')}^CRIS|XWRIL^XR Wrist Lt^NICIP^241083002^Wrist X-ray^SCT"
        f"|||202603020830|||||||||||||||{at}||CR|{result}"
        "|||||||C1234567&Grey&Margaret&&&Dr&&&GMC|4455667&Ash&Tom&&&Dr&&&GMC",
    ]
    if text:
        segments += [
            f"OBX|1|TX|XWRIL^XR Wrist Lt^NICIP||{text}||||||{observed}",
            "OBX|2|TX|XWRIL&IMP^XR Wrist Lt^NICIP||Normal \\T\\ aligned.\\.br\\Nothing acute."
            f"||||||{observed}",
        ]
    return joined(segments)


def histopathology() -> bytes:
    """A case of two specimens, each an OBR of its own under one number, with a synoptic value and a PDF."""
    return joined(
        [
            header("ORU^R01", "H1", app="WINPATH", at="20260305120000"),
            PID,
            "ORC|RE|P9^ICE|26H000123^WINPATH",
            "OBR|1|P9^ICE|26H000123^WINPATH|HIST^Histology^L|||20260301|||||||||||||||20260305115900||SP|F"
            "|||||||H1&Moore&Una&&&Dr",
            "OBX|1|FT|MAC^Macroscopy^L|A|Core 14 mm~in formalin.||||||F",
            "OBX|2|FT|MIC^Microscopy^L|A|Adenocarcinoma.||||||F",
            "OBX|3|FT|MAC^Macroscopy^L|B|Core 9 mm.||||||F",
            "OBX|4|FT|MIC^Microscopy^L|B|Benign.||||||F",
            "NTE|1||Deeper levels examined.",
            "OBR|2|P9^ICE|26H000123^WINPATH|SYN^Synoptic report^L|||20260301|||||||||||||||20260305115900"
            "||SP|F",
            "OBX|1|CE|GLE^Gleason grade group^L||2^Grade group 2^L||||||F",
            "OBX|2|NM|PCT^Involvement^L||35|%^per cent^UCUM|<5|H|||F",
            "OBX|3|TX|22637-3^Pathology report final diagnosis^LN||Adenocarcinoma, grade group 2.||||||F",
            f"OBX|4|ED|PDF^Histology report^L||^AP^PDF^Base64^{base64.b64encode(PDF).decode()}||||||F",
        ]
    )


def echocardiogram(control_id: str = "E1", *, at: str = "20260302100000", result: str = "P") -> bytes:
    """Measured values, then words; what could not be had; the study's UID; where its sender keeps it."""
    return joined(
        [
            header("ORU^R01", control_id, app="CVIS", at=at, charset="8859/1"),
            PID,
            "ORC|RE||E55^CVIS",
            f"OBR|1||E55^CVIS|ECHO^Transthoracic echo^L|||202603020930|||||||||||||||{at}||CUS|{result}",
            f"OBX|1|NM|EF^LV ejection fraction^L||55|%|||||{result}",
            f"OBX|2|NM|LVIDD^LVIDd^L||4.8|cm|||||{result}",
            "OBX|3|NM|TR^TR velocity^L||||||||X",
            f"OBX|4|HD|113014^Study Instance UID^DCM||1.2.826.0.1.5||||||{result}",
            f"OBX|5|RP|DOC^Echo viewer^L||https://cvis.example/e55^CVIS^AP^PDF||||||{result}",
            f"OBX|6|TX|CON^Conclusion^L||Good LV function ? café.||||||{result}",
        ],
        "latin-1",
    )
