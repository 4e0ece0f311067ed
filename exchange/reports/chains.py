"""What stands of documents that replace one another and are added to one another, as messages tell. Pure.

A replacement stands in the place of its parent for good, an addendum below its own (HL7 v2.5.1 §9.2.1).
What its sender changed without saying how it reads now is not shown as it read before.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from exchange.people.person import Identifier
from exchange.reports.notice import Act, Availability, Notice
from exchange.reports.report import Content, ReportStatus, Section
from exchange.reports.sureness import GONE, together
from exchange.reports.versions import Standing, Version, with_what_was_said

_ADDENDUM, _UNVERIFIED = "Addendum", "Addendum, not verified"
_ANNOUNCED = "(Announced; its text has not been sent.)"


def standing_of_documents(versions: Sequence[Version]) -> Standing:
    """What holds of all that was said of documents that belong together. At least one version is needed."""
    documents = _documents(versions)
    standing = [each for each in documents.values() if not _is_replaced(each, documents)]
    standing = standing or list(documents.values())  # a circle, which only a fault can make
    added = sorted(
        (each for each in standing if _is_addendum(each, documents)), key=lambda each: each.versions[0].order
    )
    bases = [each for each in standing if each not in added]
    if not bases:
        statuses = [_sureness(each, documents) for each in added]
        gone = set(statuses) <= GONE
        status = together(statuses if gone else [ReportStatus.REGISTERED, *statuses])
        facts = max(added, key=lambda each: each.versions[-1].order).content
        return Standing(status, _with_addenda(_without_text(facts), added), "")
    base = max(bases, key=lambda each: each.versions[-1].order)
    status = _sureness(base, documents)
    if status in GONE:
        return Standing(status, base.content, "")
    content = _without_text(base.content) if status is ReportStatus.REGISTERED else base.content
    parts = [_as_added(_sureness(each, documents)) for each in added]
    return Standing(together([status, *parts]), _with_addenda(content, added), "")


@dataclass(frozen=True, slots=True)
class _Document:
    """Everything that was said of one, the earliest first."""

    versions: tuple[Version, ...]

    @property
    def notice(self) -> Notice:
        """That of what was said last."""
        return _notice(self.versions[-1])

    @property
    def origin(self) -> Notice | None:
        """What said whose addendum or replacement it is; None for an original."""
        named = [_notice(each) for each in self.versions]
        return next((each for each in reversed(named) if each.parent is not None), None)

    @property
    def text(self) -> Content | None:
        """How it reads now; None where that was not said."""
        found: Content | None = None
        for each in self.versions:
            if not each.content.is_empty:
                found = each.content
            elif _notice(each).act is Act.EDIT:
                found = None
        return found

    @property
    def content(self) -> Content:
        """What was said last of whom and what it is, and the text where that is known."""
        last, before = self.versions[-1].content, self.versions[:-1]
        known = with_what_was_said(last, before) if last.is_empty else last
        return known if self.text is not None else _without_text(known)

    @property
    def was_read(self) -> bool:
        """Whether somebody could read it at some time."""
        return any(
            each.status.is_released
            and not each.content.is_empty
            and _notice(each).availability is not Availability.UNAVAILABLE
            for each in self.versions
        )

    @property
    def status(self) -> ReportStatus:
        """As it is by itself."""
        said, availability = self.versions[-1].status, self.notice.availability
        if said in GONE:
            return ReportStatus.ENTERED_IN_ERROR if self.was_read else said
        if availability is not Availability.AVAILABLE and self.was_read:
            return ReportStatus.ENTERED_IN_ERROR
        if availability is Availability.OBSOLETE:
            return ReportStatus.CANCELLED
        if availability is Availability.UNAVAILABLE or self.text is None:
            return ReportStatus.REGISTERED
        return said

    @property
    def was_changed(self) -> bool:
        """Whether it was edited after it was final, or after we know not what."""
        for at, each in enumerate(self.versions):
            if _notice(each).act is Act.EDIT and (not at or _was_final(self.versions[:at])):
                return True
        return False


def _documents(versions: Sequence[Version]) -> Mapping[Identifier, _Document]:
    def number(version: Version) -> Identifier:
        return _notice(version).number

    ordered = sorted(versions, key=lambda each: (number(each), each.order))
    return {which: _Document(tuple(group)) for which, group in groupby(ordered, number)}


def _notice(version: Version) -> Notice:
    assert version.content.notice is not None  # of messages about documents alone
    return version.content.notice


def _was_final(versions: Sequence[Version]) -> bool:
    """Whether it was there for patient care, and final."""
    return any(
        each.status is ReportStatus.FINAL and _notice(each).availability is not Availability.UNAVAILABLE
        for each in versions
    )


def _is_replaced(document: _Document, documents: Mapping[Identifier, _Document]) -> bool:
    """What was replaced stays so when the replacement is withdrawn, until it is itself told of again."""
    number, last = document.notice.number, document.versions[-1].order
    return any(
        (origin := each.origin) is not None
        and origin.act is Act.REPLACEMENT
        and origin.parent == number
        and (each.status not in GONE or last < each.versions[-1].order)
        for each in documents.values()
    )


def _is_addendum(document: _Document, documents: Mapping[Identifier, _Document]) -> bool:
    """What replaces an addendum is one."""
    return any(each.act is Act.ADDENDUM for each in _origins(document, documents))


def _origins(document: _Document, documents: Mapping[Identifier, _Document]) -> Collection[Notice]:
    """Its own, and those of what it replaces, as far back as they are known."""
    found: list[Notice] = []
    each: _Document | None = document
    while each is not None and (origin := each.origin) is not None and origin not in found:
        found.append(origin)
        is_replacement = origin.act is Act.REPLACEMENT and origin.parent is not None
        each = documents.get(origin.parent) if is_replacement and origin.parent else None
    return found


def _sureness(document: _Document, documents: Mapping[Identifier, _Document]) -> ReportStatus:
    """Its status, corrected where something that was final reads otherwise now."""
    status = document.status
    if status is not ReportStatus.FINAL:
        return status
    replaced = [
        documents.get(each.parent)
        for each in _origins(document, documents)
        if each.act is Act.REPLACEMENT and each.parent is not None
    ]
    was_final = any(each is None or _was_final(each.versions) for each in replaced)
    return ReportStatus.CORRECTED if was_final or document.was_changed else status


def _as_added(status: ReportStatus) -> ReportStatus:
    return ReportStatus.APPENDED if status is ReportStatus.FINAL else status


def _without_text(content: Content) -> Content:
    return replace(content, sections=(), conclusion="", forms=())


def _with_addenda(content: Content, added: Sequence[_Document]) -> Content:
    """Each below the text, and below its conclusion, where there is one: nobody reads that without them."""
    for each in added:
        if each.status in GONE:
            continue
        its = each.content
        heading = _UNVERIFIED if each.status is ReportStatus.PRELIMINARY else _ADDENDUM
        is_read = each.status is not ReportStatus.REGISTERED
        sections = its.sections if is_read else ()
        said = [
            replace(one, heading=": ".join(filter(None, (heading, one.heading)))) for one in sections
        ] or [Section(heading, "" if is_read else _ANNOUNCED)]
        words = "\n".join(filter(None, (one.text for one in said)))
        concluding = f"{content.conclusion}\n\n{heading}: {words}" if content.conclusion and words else ""
        issued = [at for at in (content.issued, its.issued) if at is not None]
        strangers = bool(content.patients and its.patients and not {*content.patients} & {*its.patients})
        content = replace(
            content,
            # An addendum that names somebody else: a person looks to whom both belong.
            patients=() if strangers else content.patients,
            issued=max(issued, default=None),
            performers=tuple(dict.fromkeys((*content.performers, *its.performers))),
            sections=(*content.sections, *(one for one in said if one.text or not its.forms)),
            conclusion=concluding or content.conclusion,
            forms=(
                *content.forms,
                *(replace(one, title=f"{heading}: {one.title}") for one in its.forms if is_read),
            ),
        )
    return content
