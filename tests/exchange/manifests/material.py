"""Studies, people and orders as manifests are made of."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from hypothesis import strategies as st

from exchange.manifests.manifest import Here, Manifest, Material, manifest_of
from exchange.order import Code, Order, Patient, Status
from exchange.orders import Placed
from exchange.people.person import (
    Demographics,
    Identifier,
    NumberStatus,
    Person,
    PersonName,
    Sensitivity,
    Sex,
)
from exchange.record.study import Coded, KeyObjects, SharedInstance, SharedSeries, SharedStudy
from exchange.trusts import Trust

WIRRAL = Trust("RBL", "Wirral University Teaching Hospital", "RBL")
HERE = Here("https://pacs.example", "IMX")
KEPT_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)

#: One SOP class of each kind that a region keeps, and how a Key Object Selection refers to it.
KINDS = {
    "1.2.840.10008.5.1.4.1.1.2": ("CT", "IMAGE"),
    "1.2.840.10008.5.1.4.1.1.77.1.6": ("SM", "IMAGE"),
    "1.2.840.10008.5.1.4.1.1.77.1.1.1": ("ES", "IMAGE"),  # a video
    "1.2.840.10008.5.1.4.1.1.66.4": ("SEG", "IMAGE"),
    "1.2.840.10008.5.1.4.1.1.481.2": ("RTDOSE", "COMPOSITE"),
    "1.2.840.10008.5.1.4.1.1.9.1.1": ("ECG", "WAVEFORM"),
    "1.2.840.10008.5.1.4.1.1.88.33": ("SR", "COMPOSITE"),
    "1.2.840.10008.5.1.4.1.1.88.59": ("KO", "COMPOSITE"),
    "1.2.840.10008.5.1.4.1.1.11.1": ("PR", "COMPOSITE"),
    "1.2.840.10008.5.1.4.1.1.104.1": ("DOC", "COMPOSITE"),
    "1.2.840.10008.5.1.4.1.1.91.1": ("ANN", "COMPOSITE"),
    "1.2.840.10008.5.1.4.1.1.481.3": ("RTSTRUCT", "COMPOSITE"),
    "1.2.840.10008.5.1.4.1.1.66": ("OT", "COMPOSITE"),
    "1.3.12.2.1107.5.9.1": ("OT", "COMPOSITE"),  # a vendor's own
}

OF_INTEREST = KeyObjects(Coded("113000", "DCM", "Of Interest"), "The nodule, and where it was before")

#: As the index has texts: without what ends a value, and without spaces around them.
words = st.text(st.characters(codec="utf-8", exclude_characters="\\"), max_size=80).map(
    lambda text: "".join(each for each in text if each.isprintable()).strip()
)
plain = st.text("abcXYZ 019-äß病", max_size=20).map(str.strip)
digits = st.text("0123456789", min_size=1, max_size=9)
uids = st.builds(lambda tail: f"1.2.826.{tail}", st.integers(0, 10**20))
days = st.one_of(st.dates().map(lambda day: f"{day:%Y%m%d}"), st.sampled_from(["", "2026", "20261332"]))
times = st.one_of(
    st.times().map(lambda at: f"{at:%H%M%S.%f}"), st.sampled_from(["", "10", "1030", "103000", "246060"])
)

codes = st.builds(
    Coded,
    st.text("CHESMAULR0123456789", max_size=20),
    st.sampled_from(["NICIP", "SCT", "DCM", "99LOCAL", ""]),
    plain,
)
instances = st.builds(
    SharedInstance,
    st.just(""),
    st.sampled_from(sorted(KINDS)),
    st.none() | st.integers(-9999, 99999),
    st.integers(0, 3000),
    st.none() | st.builds(KeyObjects, st.none() | codes, words),
)
series = st.builds(
    SharedSeries,
    uids,
    st.sampled_from(["", "CT", "SM", "ECG", "SR"]),
    st.none() | st.integers(-9999, 99999),
    words,
    st.sampled_from(["", "CHEST"]),
    st.sampled_from(["", "L", "R"]),
    days,
    times,
    st.lists(instances, min_size=1, max_size=4).map(tuple),
).map(
    lambda made: replace(
        made,
        instances=tuple(
            replace(each, uid=f"{made.uid}.{number}") for number, each in enumerate(made.instances, 1)
        ),
    )
)
studies = st.builds(
    SharedStudy,
    st.just(1), uids, st.just("RBL"), days, times, plain, st.sampled_from(["RBL", "RBT", ""]), words,
    st.lists(codes, max_size=2).map(tuple), words, st.just(()), plain, st.sampled_from(["RBL", "NHS", ""]),
    words, days, st.sampled_from(["F", "M", "O", "", "X"]), st.just(KEPT_AT),
    st.integers(-(10**9), 10**9).map(lambda seconds: KEPT_AT + timedelta(seconds=seconds)),
    st.lists(series, min_size=1, max_size=3, unique_by=lambda each: each.uid).map(tuple),
)  # fmt: skip
names = st.builds(PersonName, plain, st.lists(plain, max_size=2).map(tuple), prefix=plain)
people = st.builds(
    Person,
    st.just(1),
    st.just(uuid4()),
    st.just(Identifier.nhs("9990000018")),
    st.sampled_from([NumberStatus.VERIFIED, NumberStatus.NOT_TRACED]),
    st.sampled_from(Sensitivity),
    st.builds(Demographics, st.lists(names, max_size=1).map(tuple), days, st.sampled_from(Sex)),
)
orders = st.builds(
    Order,
    trust=st.just("RBL"),
    number=digits,
    patient=st.just(Patient(identifier="123456", issuer="RBL")),
    placer=st.just("") | digits,
    filler=st.just("") | digits,
    accession=st.just("") | digits,
    accession_issuer=st.just("RBL"),
    description=st.sampled_from(["", "CT chest", "Échographie"]),
    codes=st.just((Code("CCHES", "NICIP", "CT chest"),)),
)
materials = st.builds(
    lambda study, person, ordered: Material(
        study,
        person,
        [
            Placed(number, each, Status.COMPLETED, True, "RIS", KEPT_AT)
            for number, each in enumerate(ordered, 1)
        ],
        WIRRAL,
        HERE,
    ),
    studies,
    st.none() | people,
    st.lists(orders, max_size=2),
)
manifests = materials.map(manifest_of)


def person(status: NumberStatus = NumberStatus.VERIFIED, **changes: object) -> Person:
    """Ruth O'Neill, whose NHS number is 999 000 0018."""
    said = Demographics((PersonName("O'Neill", ("Ruth",)),), "19710304", Sex.FEMALE)
    return Person(
        1, uuid4(), Identifier.nhs("9990000018"), status,
        changes.get("sensitivity", Sensitivity.NORMAL), said,  # type: ignore[arg-type]
    )  # fmt: skip


def study(**changes: object) -> SharedStudy:
    """One of every kind of object, as Wirral keeps it."""
    listed = tuple(
        SharedSeries(
            f"1.2.3.{number}", modality, number, f"series {number}", "CHEST", "", "20260301", "101500",
            (
                SharedInstance(
                    f"1.2.3.{number}.1", sop_class, 1, 1 if kind == "IMAGE" else 0,
                    OF_INTEREST if modality == "KO" else None,
                ),
            ),
        )
        for number, (sop_class, (modality, kind)) in enumerate(KINDS.items(), 1)
    )  # fmt: skip
    said: dict[str, object] = {
        "id": 1, "uid": "1.2.3", "trust": "RBL", "date": "20260301", "time": "101500",
        "accession": "A1", "accession_issuer": "RBL", "description": "Everything",
        "codes": (Coded("CCHES", "NICIP", "CT chest"),), "referring": "Gray^Anna",
        "modalities": ("CT",), "patient_id": "123456", "patient_issuer": "RBL",
        "patient_name": "ONEILL^RUTH", "birth_date": "19710304", "sex": "F", "first_kept_at": KEPT_AT,
        "last_kept_at": KEPT_AT, "series": listed,
    }  # fmt: skip
    return SharedStudy(**{**said, **changes})  # type: ignore[arg-type]


def material(whose: Person | None = None, **changes: object) -> Material:
    """Of that study and that person."""
    return Material(study(**changes), whose or person(), (), WIRRAL, HERE)


def manifest(whose: Person | None = None, **changes: object) -> Manifest:
    """Of that."""
    return manifest_of(material(whose, **changes))
