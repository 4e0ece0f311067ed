"""Documents as a trust's reporting system tells of them: MDM^T01 to T11."""

from tests.exchange.hl7.material import PID, header, joined


def mdm(
    event: str = "T02",
    control_id: str = "1",
    *,
    number: str = "D1",
    parent: str = "",
    completion: str = "AU",
    availability: str = "AV",
    text: str = "No fracture.",
    **fields: str,
) -> bytes:
    """By keyword: at, pid, kind (TXA-2), filler (TXA-15), more (a segment), order ("" leaves it out)."""
    at = fields.get("at", "20260302091500")
    order = fields.get(
        "order", "OBR|1|P1^ICE|E77^CRIS|XWRIL^XR Wrist Lt^NICIP|||202603020830" + "|" * 17 + "RAD"
    )
    txa = {
        1: "1", 2: fields.get("kind", "DI"), 3: "TX", 4: "202603020830", 6: at,
        9: "4455667^Ash^Tom^^^Dr^^^GMC", 12: f"{number}^CRIS", 13: f"{parent}^CRIS" if parent else "",
        14: "P1^ICE", 15: f"{fields.get('filler', 'RBL0001')}^CRIS", 17: completion, 19: availability,
        22: f"C1234567^Grey^Margaret^^^Dr^^^GMC^^^^^^{at}" if completion in ("AU", "LA") else "",
    }  # fmt: skip
    segments = [
        header(f"MDM^{event}^MDM_T02", control_id, at=at),
        f"EVN|{event}|{at}",
        fields.get("pid", PID),
        "PV1|1|O|XRAY^^^RBL",
        *([f"ORC|RE|P1^ICE|{fields.get('filler', 'RBL0001')}", order] if order else []),
        "TXA|" + "|".join(txa.get(at, "") for at in range(1, 23)),
    ]
    if event in ("T02", "T04", "T06", "T08", "T10") and text:
        observed = fields.get("observed", "")
        segments += [f"OBX|1|TX|BODY^Report^L||{text}||||||{observed}"]
    if more := fields.get("more", ""):
        segments += [more]
    return joined(segments)
