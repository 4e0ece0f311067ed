"""Cases and files made for tests: an HL7 annotated ECG with any leads, a case that fits it, a PDF."""

import json
import struct
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from ologies.case import Case, parse_case
from ologies.wrapped import Wrapped
from ologies.wrapping import Wrapping, wrap

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"

#: The bytes of a small PDF.
PDF = b"%PDF-1.4\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n"


def sample(name: str) -> Path:
    """A real file that nobody here made; the test is skipped where it is absent."""
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"{name} is not beside this checkout")
    return path


#: Where objects of tests lie; gone with the process.
_SCRATCH = tempfile.TemporaryDirectory(prefix="imx-wrapped-")


def wrap_here(path: Path, case: Case) -> Wrapping:
    """A file wrapped, in a folder of its own."""
    return wrap(path, case, Path(tempfile.mkdtemp(dir=_SCRATCH.name)))


def wrap_one(path: Path, case: Case) -> Wrapped:
    """The one object of a file."""
    (wrapped,) = wrap_here(path, case).objects
    return wrapped


def a_case(**changes: Any) -> Case:
    """Of a person in the test range of NHS numbers; `person__sex` reaches into it."""
    said: dict[str, Any] = {
        "person": {
            "identifier": "123",
            "issuer": "RBT",
            "nhs_number": "9990000018",
            "name": {"family": "Clark", "given": "Ada"},
            "birth_date": "1953-05-08",
            "sex": "M",
        },
        "encounter": {"number": "V1", "issuer": "RBT", "at": "2026-03-03T10:00:00+00:00"},
        "title": "Clinic letter",
    }
    for path, value in changes.items():
        *parts, last = path.split("__")
        inside = said
        for part in parts:
            inside = inside[part]
        if value is None:
            inside.pop(last, None)
        else:
            inside[last] = value
    return parse_case(json.dumps(said).encode())


def an_aecg(leads: Mapping[str, Sequence[int]], rate_hz: int = 500, family: str = "Clark") -> bytes:
    """HL7 annotated ECG (AECG.1) with those samples, at 2.5 microvolts each."""
    step = 1 / rate_hz
    sequences = "".join(
        f'<component><sequence><code code="MDC_ECG_LEAD_{lead}" codeSystem="2.16.840.1.113883.6.24"/>'
        f'<value xsi:type="SLIST_PQ"><origin value="0" unit="uV"/><scale value="2.5" unit="uV"/>'
        f"<digits>{' '.join(map(str, samples))}</digits></value></sequence></component>"
        for lead, samples in leads.items()
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<AnnotatedECG xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<id root="2.25.1"/><code code="93000" codeSystem="2.16.840.1.113883.6.12"/>
<effectiveTime><low value="20260303101500"/><high value="20260303101510"/></effectiveTime>
<componentOf><timepointEvent><componentOf><subjectAssignment><subject><trialSubject><id extension="123"/>
<subjectDemographicPerson><name><family>{family}</family></name></subjectDemographicPerson>
</trialSubject></subject></subjectAssignment></componentOf></timepointEvent></componentOf>
<component><series><code code="RHYTHM" codeSystem="2.16.840.1.113883.5.4"/>
<effectiveTime><low value="20260303101500"/><high value="20260303101510"/></effectiveTime>
<component><sequenceSet>
<component><sequence><code code="TIME_ABSOLUTE" codeSystem="2.16.840.1.113883.5.4"/>
<value xsi:type="GLIST_TS"><head value="20260303101500"/><increment value="{step}" unit="s"/></value>
</sequence></component>{sequences}
</sequenceSet></component></series></component></AnnotatedECG>""".encode()


def an_edf(signals: Mapping[str, Sequence[int]], rate_hz: int) -> bytes:
    """European Data Format, one record, at 0.1 microvolt a count."""
    count, samples = len(signals), len(next(iter(signals.values())))

    def column(width: int, *texts: object) -> bytes:
        return b"".join(str(text).encode().ljust(width) for text in texts)

    head = column(8, 0) + column(80, "X", "X") + column(8, "03.03.26", "10.15.00", 256 * (count + 1))
    head += column(44, "") + column(8, 1, samples / rate_hz) + column(4, count)
    for width, texts in (
        (16, list(signals)), (80, [""] * count), (8, ["uV"] * count), (8, [-3276.8] * count),
        (8, [3276.7] * count), (8, [-32768] * count), (8, [32767] * count), (80, [""] * count),
        (8, [samples] * count), (32, [""] * count),
    ):  # fmt: skip
        head += column(width, *texts)
    return head + b"".join(struct.pack(f"<{samples}h", *each) for each in signals.values())


def a_dng(path: Path, orientation: int = 1) -> Path:
    """A sensor of 96 x 64: red light on its left half, blue on its right (DNG 1.4)."""
    counts = np.zeros((64, 96), np.uint16)
    counts[0::2, 0:48:2] = counts[1::2, 49::2] = 12_000
    tags = [
        (271, 2, 0, "Acme", True), (272, 2, 0, "Phone 7", True), (274, 3, 1, orientation, True),
        (315, 2, 0, "Zoe Owner", True), (50706, 1, 4, (1, 4, 0, 0), True),
        (50708, 2, 0, "Acme Phone 7", True),
        (33421, 3, 2, (2, 2), True), (33422, 1, 4, (0, 1, 1, 2), True), (50714, 3, 1, 600, True),
        (50717, 3, 1, 16_383, True),
        (50721, 10, 9, (1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1), True),
        (50728, 5, 3, (1, 1, 1, 1, 1, 1), True), (50778, 3, 1, 21, True),
    ]  # fmt: skip
    tifffile.imwrite(path, counts + np.uint16(600), photometric="cfa", extratags=tags, metadata=None)
    return path
