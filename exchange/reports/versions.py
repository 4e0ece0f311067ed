"""What stands of all that was ever said of a report, whatever order it came in. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from exchange.people.person import Said
from exchange.reports.report import Content, ReportStatus

#: Of what was said in the same second, what stands.
_RANKS = tuple(ReportStatus)
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Version:
    """What was said once."""

    status: ReportStatus
    said: Said
    content: Content
    digest: bytes  # of all of that
    instance_uid: str = ""  # the document, where it is one of the archive
    is_hidden: bool = False  # that document has been withdrawn, or its sender rejected it

    @property
    def order(self) -> tuple[datetime, datetime, int, str, bytes]:
        """By which the last is found: when it was said, and where that is the same, always the same one."""
        issued = self.content.issued or _NEVER
        return self.said.at, issued, _RANKS.index(self.status), self.said.by, self.digest


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds now."""

    status: ReportStatus
    content: Content
    instance_uid: str


def standing(versions: Sequence[Version]) -> Standing:
    """What was said last holds, and a document before what it replaces. At least one version is needed."""
    told = in_order(versions)
    shown = [each for each in told if not each.is_hidden]
    last = (shown or told)[-1]
    before = told[: told.index(last)]
    content = last.content
    if content.is_empty:
        content = with_what_was_said(content, before)
    return Standing(_status(last, before) if shown else _withdrawn(last), content, last.instance_uid)


def in_order(versions: Sequence[Version]) -> list[Version]:
    """The earliest first; nothing comes before what it replaces."""
    waiting = sorted(versions, key=lambda each: each.order)
    done: list[Version] = []
    while waiting:
        uids = {each.instance_uid for each in waiting}
        # A circle, which only a fault can make, is broken where it began.
        chosen = next((each for each in waiting if not uids & set(each.content.predecessors)), waiting[0])
        waiting.remove(chosen)
        done.append(chosen)
    return done


def _status(last: Version, before: Sequence[Version]) -> ReportStatus:
    was = {each.status for each in before}
    if last.status is ReportStatus.CANCELLED and any(each.is_released for each in was):
        return ReportStatus.ENTERED_IN_ERROR
    if last.status is ReportStatus.FINAL and last.content.predecessors and ReportStatus.FINAL in was:
        return ReportStatus.AMENDED
    return last.status


def _withdrawn(last: Version) -> ReportStatus:
    return ReportStatus.ENTERED_IN_ERROR if last.status.is_released else last.status


def with_what_was_said(content: Content, before: Sequence[Version]) -> Content:
    """What only changes a status (OBX-11 U: final, without being sent again; a withdrawal) leaves the rest.

    Such messages are short: what they do not name of the study is as it was, too.
    """
    last = next((each.content for each in reversed(before) if not each.content.is_empty), None)
    if last is None:
        return content
    return replace(
        content,
        study_uid=content.study_uid or last.study_uid,
        accessions=tuple(dict.fromkeys((*content.accessions, *last.accessions))),
        discipline=content.discipline if content.category else last.discipline,
        category=content.category or last.category,
        codes=content.codes or last.codes,
        effective=content.effective or last.effective,
        performers=content.performers or last.performers,
        document_uids=content.document_uids or last.document_uids,
        sections=last.sections,
        conclusion=last.conclusion,
        forms=last.forms,
    )
