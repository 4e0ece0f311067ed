"""What a rule does, in words for the person who wrote it."""

from collections.abc import Iterator

from pydicom.datadict import keyword_for_tag
from pydicom.uid import UID

from dicom_router.rules.rule import Hold, Prefetch, Rule
from exchange.deliveries import Priority


def deeds(rule: Rule) -> list[str]:
    """Each act of a rule."""
    return list(_deeds(rule))


def _deeds(rule: Rule) -> Iterator[str]:
    for send in rule.sends:
        written = f", written in {UID(send.transfer_syntax).name}" if send.transfer_syntax else ""
        yield f"sends the study to {send.to}{written}"
    for prefetch in rule.prefetches:
        yield f"brings {_priors(prefetch)} to {prefetch.to}"
    if rule.priority is not Priority.MEDIUM:
        yield f"with {rule.priority.value} priority"
    if rule.hold:
        yield f"once {_complete(rule.hold)}, and after {rule.hold.at_most_s:,} s at the latest"


def _priors(prefetch: Prefetch) -> str:
    same = sorted(each.value.replace("_", " ") for each in prefetch.same)
    of = f" of the same {' and '.join(same)}" if same else ""
    since = f" of the {prefetch.within_days:,} days before" if prefetch.within_days else ""
    return f"the patient's newest {prefetch.at_most} earlier studies{of}{since}"


def _complete(hold: Hold) -> str:
    ways = []
    if hold.quiet_s is not None:
        ways.append(f"nothing has come for {hold.quiet_s:,} s")
    if hold.is_mpps:
        ways.append("the modality's steps have ended")
    if hold.count is not None:
        ways.append(f"{hold.count:,} instances are here")
    if hold.count_from is not None:
        ways.append(f"as many instances are here as {keyword_for_tag(hold.count_from[-1])} says")
    return " or ".join(ways)
