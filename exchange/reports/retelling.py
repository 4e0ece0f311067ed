"""One report that was told twice: as a document of the archive and as a message, or by ORU and by MDM. Pure.

Two are one only where that is certain; what is likely stays two. They are of one trust, beside one study, and

- the message names the document by its SOP Instance UID (IHE RAD-28, SR Instance UID), or
- both bear one accession or filler's number and say the same, word for word; a text of a few words, which may
  be written of two examinations on one day, only where both were completed in the same second, or
- both bear one number, were completed in the same second, and one has no text that could differ (a PDF).

Each has no other that it could as well be one with.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations

from exchange.reports.notice import Act, Availability
from exchange.reports.report import Content, Report, ReportSource, ReportStatus
from exchange.reports.versions import Version

#: Fewer words than these may be written of two examinations on one day.
_OWN_WORDS = 8
_WORD = re.compile(r"\w+")
_COMPLETED = frozenset(
    {ReportStatus.FINAL, ReportStatus.AMENDED, ReportStatus.CORRECTED, ReportStatus.APPENDED}
)


@dataclass(frozen=True, slots=True)
class Telling:
    """Everything that one source said of a report."""

    id: int
    trust: str
    source: ReportSource
    versions: Sequence[Version]


def told_again(tellings: Sequence[Telling]) -> Mapping[int, int]:
    """Of reports beside one study, those that another told of before: by id, the first of the same report."""
    first = {each.id: each.id for each in tellings}
    for are_one in (_is_named, _says_the_same):
        before, found = first, dict(first)
        for one, other in _pairs(tellings, are_one, before):
            low, high = sorted((found[one.id], found[other.id]))
            found = {id: low if of == high else of for id, of in found.items()}
        first = {id: of if _are_apart(tellings, found, of) else before[id] for id, of in found.items()}
    return {id: of for id, of in first.items() if id != of}


def _are_apart(tellings: Sequence[Telling], first: Mapping[int, int], of: int) -> bool:
    """Whether each of those that are one came from a source of its own: two results of one system are two."""
    sources = [each.source for each in tellings if first[each.id] == of]
    return len(sources) == len(set(sources))


def as_one(reports: Sequence[Report]) -> Report:
    """What stands of a report that was told so often: what was said last, with every form that says the same.

    Reports are in the order in which they came; the first's id is that of all. A document that was withdrawn
    from the archive says nothing any more; a message that withdraws the report withdraws it.
    """
    first = reports[0]
    if len(reports) == 1:
        return first
    said = [each for each in reports if each.source.is_message or each.status.is_readable] or reports
    speakers = [each for each in said if not _is_announced(each)] or said
    speaker = max(speakers, key=lambda each: (each.said_at, each.source.is_message, str(each.id)))
    others = [each for each in reports if each is not speaker]
    content = speaker.content
    is_read = speaker.status.is_readable and speaker.status is not ReportStatus.REGISTERED
    for each in others:
        if is_read and each.status.is_readable and _reads_alike(content, each.content):
            content = replace(
                content,
                sections=content.sections or each.content.sections,
                conclusion=content.conclusion or each.content.conclusion,
                forms=tuple(dict.fromkeys((*content.forms, *each.content.forms))),
            )
    return replace(
        speaker,
        id=first.id,
        content=content,
        version=sum(each.version for each in reports),
        changed_at=max(each.changed_at for each in reports),
        also=tuple(others),
    )


def _is_announced(report: Report) -> bool:
    """Whether it says no more than that a report is to come; what was changed, or is withheld, says more."""
    notice = report.content.notice
    is_original = notice is None or (
        notice.act is Act.ORIGINAL and notice.availability is Availability.AVAILABLE
    )
    return report.status is ReportStatus.REGISTERED and is_original


def _pairs(
    tellings: Sequence[Telling], are_one: Callable[[Telling, Telling], bool], first: Mapping[int, int]
) -> Iterable[tuple[Telling, Telling]]:
    """Those that are one, each with no other of the same source with which it could as well be one."""
    found = [
        (one, other)
        for one, other in combinations(tellings, 2)
        if one.source is not other.source
        and (one.source.is_message or other.source.is_message)
        and one.trust == other.trust
        and are_one(one, other)
    ]
    # What is one by name already has found its other of that source.
    taken = {
        (one.id, other.source)
        for one in tellings
        for other in tellings
        if one is not other and first[one.id] == first[other.id]
    }

    def choices(of: Telling, source: ReportSource) -> int:
        return sum(
            1
            for one, other in found
            for this, that in ((one, other), (other, one))
            if this.id == of.id and that.source is source
        )

    for one, other in found:
        is_free = (one.id, other.source) not in taken and (other.id, one.source) not in taken
        if is_free and choices(one, other.source) == 1 and choices(other, one.source) == 1:
            yield one, other


def _is_named(one: Telling, other: Telling) -> bool:
    named = {
        uid for each in (one, other) for version in each.versions for uid in version.content.document_uids
    }
    held = {version.instance_uid for each in (one, other) for version in each.versions} - {""}
    return bool(named & held)


def _says_the_same(one: Telling, other: Telling) -> bool:
    if not _numbers(one) & _numbers(other):
        return False
    at_once = bool(_completed(one) & _completed(other))
    texts, their_texts = _texts(one), _texts(other)
    if not texts or not their_texts:
        return at_once
    same = texts & their_texts
    return any(len(words) >= _OWN_WORDS for words in same) or (at_once and bool(same))


def _numbers(telling: Telling) -> set[str]:
    return {number for each in telling.versions for number in each.content.accessions}


def _completed(telling: Telling) -> set[datetime]:
    """When it was completed, to the second, each time that it was."""
    return {
        each.content.issued.replace(microsecond=0)
        for each in telling.versions
        if each.content.issued is not None and each.status in _COMPLETED
    }


def _texts(telling: Telling) -> set[tuple[str, ...]]:
    return {words for each in telling.versions for words in _words(each.content)}


def _words(content: Content) -> set[tuple[str, ...]]:
    """What it says, word for word, with its headings and without: some have them in the text."""
    plain = " ".join(each.text for each in content.sections)
    headed = " ".join(f"{each.heading} {each.text}" for each in content.sections)
    return {tuple(_WORD.findall(text.casefold())) for text in (plain, headed)} - {()}


def _reads_alike(one: Content, other: Content) -> bool:
    """Whether a form of the other shows what is said now, and not what was said before or since."""
    if _words(one) and _words(other):
        return bool(_words(one) & _words(other))
    uids = {each.instance_uid for each in (*one.forms, *other.forms)} - {""}
    is_named = bool(uids & {*one.document_uids, *other.document_uids})
    is_at_once = (
        one.issued is not None
        and other.issued is not None
        and (one.issued.replace(microsecond=0) == other.issued.replace(microsecond=0))
    )
    return is_named or is_at_once
