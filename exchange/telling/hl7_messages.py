"""HL7 v2.5.1 messages that tell of a study: ORU^R01 (§7.3.1), or MDM^T02, T10 and T11 (§9.6). Pure.

They bear the stable link under which the study is opened, and no pictures. A study is one result, or one
document, under a number that stays: telling it again changes nothing at a receiver that goes by numbers.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from exchange.hl7.answers import escaped
from exchange.people.person import Person
from exchange.telling.hl7_segments import APPLICATION, header, message, now, patient, segment
from exchange.telling.story import Story
from exchange.telling.thing import Act

#: LOINC: what the result, or the document, is.
_OBSERVATION = "18748-4^Diagnostic imaging study^LN"

#: OBR-25 (Table 0123) and OBX-11 (Table 0085). W: as wrong, such as sent for the wrong patient.
RESULT_STATUS: Mapping[Act, tuple[str, str]] = {
    Act.TELL: ("F", "F"),
    Act.REPLACE: ("C", "C"),
    Act.RETRACT: ("X", "W"),
}
#: Trigger event, TXA-17 (Table 0271) and TXA-19 (Table 0273): authenticated; available, or cancelled.
DOCUMENT_STATUS: Mapping[Act, tuple[str, str, str]] = {
    Act.TELL: ("T02", "AU", "AV"),
    Act.REPLACE: ("T10", "AU", "AV"),
    Act.RETRACT: ("T11", "AU", "CA"),
}


@dataclass(frozen=True, slots=True)
class About:
    """What every message of a study says, a retraction too."""

    study_uid: str
    trust: str
    accession: str
    accession_issuer: str
    pid: str  # the whole segment

    @classmethod
    def of(cls, story: Story) -> Self:
        """As things stand."""
        study = story.study
        return cls(study.uid, study.trust, study.accession, study.accession_issuer, _pid(story.person))

    @classmethod
    def noted(cls, note: str) -> Self:
        """As it was told."""
        return cls(**json.loads(note))

    @property
    def note(self) -> str:
        """To be kept with what was told."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__}, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Result:
    """What is told of the study besides."""

    code: str  # CE
    begun: str  # DTM
    modality: str
    link: str

    @classmethod
    def of(cls, story: Story) -> Self:
        """As things stand."""
        study = story.study
        codes = [
            "^".join(map(escaped, (each.value, each.meaning, each.scheme)))
            for each in study.codes
            if each.value
        ]
        return cls(
            code=codes[0] if codes else f"^{escaped(study.description or 'Study')}",
            begun=f"{study.date}{study.time[:6]}" if study.date else "",
            modality=study.modalities[0] if study.modalities else "",
            link=story.manifest.viewer_url,
        )

    def as_content(self) -> dict[str, Any]:
        """For the digest of what is told."""
        return {name: getattr(self, name) for name in self.__slots__}


def oru(act: Act, about: About, result: Result | None, receiver: tuple[str, str], control_id: str) -> bytes:
    """The study as a result, the link its value. `receiver` is MSH-5 and MSH-6."""
    status, observed = RESULT_STATUS[act]
    order = _entity(about.accession, about.accession_issuer)
    number = f"{about.study_uid}^{APPLICATION}"
    code, begun, modality = (result.code, result.begun, result.modality) if result else (_OBSERVATION, "", "")
    obr = segment(
        "OBR", {1: "1", 2: order, 3: number, 4: code, 7: begun, 18: escaped(about.accession), 22: now(),
                24: escaped(modality), 25: status},
    )  # fmt: skip
    segments = [
        header("ORU^R01^ORU_R01", about.trust, receiver, control_id),
        about.pid,
        segment("ORC", {1: "RE", 2: order, 3: number}),
        obr,
        _observation(result.link if result else "", observed),
    ]
    return message(segments)


def mdm(act: Act, about: About, result: Result | None, receiver: tuple[str, str], control_id: str) -> bytes:
    """The study as a document, the link its content. A replacement stands under the number it replaces."""
    event, completion, availability = DOCUMENT_STATUS[act]
    number = f"{about.study_uid}^{APPLICATION}"
    structure = "MDM_T01" if act is Act.RETRACT else "MDM_T02"
    txa = {
        1: "1", 2: "DI^Diagnostic imaging^HL70270", 3: "TEXT", 4: result.begun if result else "",
        12: number, 13: number if act is Act.REPLACE else "",
        15: _entity(about.accession, about.accession_issuer), 17: completion, 19: availability,
    }  # fmt: skip
    segments = [
        header(f"MDM^{event}^{structure}", about.trust, receiver, control_id),
        segment("EVN", {1: event, 2: now()}),
        about.pid,
        segment("PV1", {2: "N"}),
        segment("TXA", txa),
    ]
    if result is not None:
        segments.append(_observation(result.link, RESULT_STATUS[act][1]))
    return message(segments)


def _observation(link: str, status: str) -> str:
    """The link as a pointer (RP, §2.A.64): text that a browser shows."""
    value = f"{escaped(link)}^{APPLICATION}^TEXT^HTML" if link else '""'
    return segment("OBX", {1: "1", 2: "RP", 3: _OBSERVATION, 5: value, 11: status})


def _pid(person: Person) -> str:
    numbers = [person.identifier, *(each.identifier for each in person.others if not each.identifier.is_nhs)]
    return patient(numbers, person.demographics, person.status.value)


def _entity(number: str, issuer: str) -> str:
    return f"{escaped(number)}^{escaped(issuer)}".rstrip("^") if number else ""
