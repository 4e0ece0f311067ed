"""HL7 messages as trusts' systems send them."""

from collections.abc import Mapping, Sequence

SENT_AT = "20260302091500"


def header(kind: str = "OMI^O23^OMI_O23", control_id: str = "1", **fields: str) -> str:
    """MSH; by keyword: app, facility, at, charset."""
    charset = fields.get("charset", "UNICODE UTF-8")
    return (
        f"MSH|^~\\&|{fields.get('app', 'CRIS')}|{fields.get('facility', 'RBL')}|IMX|CM|"
        f"{fields.get('at', SENT_AT)}||{kind}|{control_id}|P|2.5.1||||||{charset}"
    )


PID = (
    "PID|1||123456^^^RBL^PI~9990000018^^^NHS^NH||O'Neil^Zoë^Ann^^Ms||19500102|F|||1 High St^^Wirral"
    "|||||||||||||||||||||01"
)
PV1 = "PV1|1|O|XRAY^^^RBL||||G123^Jones^Alan|C456^Smith^Jo^^^Dr|||||||||||V77"


def omi(control: str = "NW", control_id: str = "1", *, accession: str = "RBL0001", **fields: str) -> bytes:
    """An imaging order as IHE RAD-4 has it with HL7 v2.5.1."""
    at = fields.get("at", SENT_AT)
    segments = [
        header(control_id=control_id, at=at),
        fields.get("pid", PID),
        PV1,
        f"ORC|{control}|P1^ICE|{fields.get('filler', 'F1^CRIS')}||{fields.get('orc5', '')}||||{at}",
        "TQ1|1||||||202603031030||R",
        "OBR|1|P1^ICE|F1^CRIS|CHEAD^CT Head^NICIP|||||||||headache|||D1^Grey^Meg||||||||CT",
        f"IPC|{accession}^RBL|RP1|{fields.get('study', '1.2.826.0.1.1')}|SPS1|CT|CHEAD^CT Head^NICIP"
        "|CT ROOM|^Room 2|CT1",
    ]
    return joined(segments)


def orm(control: str = "NW", control_id: str = "1", **fields: str) -> bytes:
    """A general order as older systems send it: no IPC, no TQ1, the UID in ZDS."""
    at = fields.get("at", SENT_AT)
    return joined(
        [
            header("ORM^O01", control_id, at=at, charset=""),
            PID.replace("ë", "e"),
            PV1,
            f"ORC|{control}|P2^ICE|F2^CRIS||||^^^202603031100^^S||{at}",
            "OBR|1|P2^ICE|F2^CRIS|XCHES^Chest^NICIP^CHEST1^Chest PA^L||||||||||||D1^Grey^Meg||RBL0002"
            "|RP2|SPS2||||DX",
            "ZDS|1.2.826.0.1.2^IMX^Application^DICOM",
        ]
    )


def joined(segments: Sequence[str], encoding: str = "utf-8") -> bytes:
    """One message."""
    return ("\r".join(segments) + "\r").encode(encoding)


def answer_of(answer: bytes) -> tuple[str, str, str]:
    """MSA-1, MSA-2, and ERR-2 where there is one."""
    segments = {line.split("|")[0]: line.split("|") for line in answer.decode().split("\r") if line}
    return segments["MSA"][1], segments["MSA"][2], segments.get("ERR", ["", "", ""])[2]


def pid_of(numbers: str, fields: Mapping[int, str]) -> str:
    """A PID with these numbers, and fields by their number."""
    return "|".join(["PID", *({3: numbers, **fields}.get(at, "") for at in range(1, 36))]).rstrip("|")


def adt(event: str = "A08", control_id: str = "1", *, more: Sequence[str] = (), **fields: str) -> bytes:
    """An ADT message; by keyword: at, evn, pid."""
    return joined(
        [
            header(f"ADT^{event}", control_id, at=fields.get("at", SENT_AT)),
            fields.get("evn", f"EVN|{event}|{SENT_AT}"),
            fields.get("pid", PID),
            *more,
        ]
    )
