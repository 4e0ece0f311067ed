"""The text of a rule file as rules, or everything that is wrong with it, by line. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time
from itertools import combinations

from pydicom._uid_dict import UID_dictionary

from dicom_router.rules.coercion import Coercion
from dicom_router.rules.coercion_parsing import read_coercion
from dicom_router.rules.criteria import (
    BODY_PART,
    MODALITY,
    SOP_CLASS,
    Condition,
    Criteria,
    Of,
    Weekday,
    Window,
)
from dicom_router.rules.lines import Malformed, lines_of, read_toml
from dicom_router.rules.rule import AT_MOST_S, Hold, Prefetch, Rule, RuleSet, Same, Send
from dicom_router.rules.tables import Fault, Page, RulesWrong, Table
from exchange.deliveries import Priority
from storage.query import Match, Path, parse_attribute, parse_match, vr_of
from storage.transcoding import INSTANCE_TARGETS

#: Characters; real files stay far below.
TEXT_LIMIT = 256 * 1024

#: An identifier counts only with its issuer: a rule that names one says whose it is.
_IDENTIFIERS: Mapping[Path, Path] = {
    (0x00100020,): (0x00100021,),  # Patient ID, Issuer of Patient ID
    (0x00080050,): (0x00080051,),  # Accession Number, Issuer of Accession Number Sequence
}


@dataclass(frozen=True, slots=True)
class Known:
    """What rules may name. None: anything, for a file that is looked at apart from a service."""

    destinations: frozenset[str] | None = None
    trusts: frozenset[str] | None = None


ANYTHING = Known()


def parse_rules(text: str, known: Known = ANYTHING) -> RuleSet:
    """Raises RulesWrong, with every fault and its line."""
    if len(text) > TEXT_LIMIT:
        raise RulesWrong([Fault(1, f"longer than {TEXT_LIMIT:,} characters")])
    try:
        values = read_toml(text)
        page = Page(lines_of(text))
    except Malformed as error:
        raise RulesWrong([Fault(error.line, error.because)]) from error
    top = Table(page, (), values)
    rules = [(table, _rule(table, known)) for table in top.tables("rule")]
    coercions = [(table, _coercion(table, known)) for table in top.tables("coercion")]
    top.end()
    _named_once([(table, rule.name) for table, rule in rules])
    _named_once([(table, coercion.name) for table, coercion in coercions])
    _require_agreement(rules)
    if page.faults:
        raise RulesWrong(page.faults)
    return RuleSet(tuple(rule for _, rule in rules), {coercion.name: coercion for _, coercion in coercions})


def _named_once(named: list[tuple[Table, str]]) -> None:
    seen: set[str] = set()
    for table, name in named:
        if name in seen:
            table.fault(f"another has the name {name!r} already", "name")
        seen.add(name)


def _require_agreement(rules: list[tuple[Table, Rule]]) -> None:
    """Two rules for the same studies and destination may not say different things."""
    for (_, one), (table, other) in combinations(rules, 2):
        if one.criteria != other.criteria:
            continue
        for send in other.sends:
            for earlier in one.sends:
                differ = (one.priority, one.hold, earlier) != (other.priority, other.hold, send)
                if send.to == earlier.to and differ:
                    table.fault(f"{other.name!r} contradicts {one.name!r}: both send the same to {send.to}")


def _rule(table: Table, known: Known) -> Rule:
    name = table.required("name")
    criteria = read_criteria(table, known)
    sends = tuple(_send(each, known) for each in table.tables("send", text_as="to"))
    prefetches = tuple(_prefetch(each, known) for each in table.tables("prefetch", text_as="to"))
    has_priority = table.has("priority")
    priority = _priority(table)
    held = table.table("hold")
    hold = _hold(held) if held else None
    if not sends and not prefetches:
        table.fault("it does nothing: it needs send or prefetch")
    elif not sends and held:
        table.fault("it holds, but sends nothing that could wait", "hold")
    if has_priority and not (sends or prefetches):
        table.fault("it sets a priority, but sends nothing", "priority")
    names = [each.to for each in sends]
    for to in sorted({to for to in names if names.count(to) > 1}):
        table.fault(f"it sends to {to} twice", "send")
    table.end()
    return Rule(name, criteria, sends, prefetches, priority, hold)


def _coercion(table: Table, known: Known) -> Coercion:
    name = table.required("name")
    criteria = read_criteria(table, known)
    return read_coercion(table, name, criteria)


def read_criteria(table: Table, known: Known) -> Criteria:
    """The table `match`: without one, everything matches."""
    match = table.table("match")
    if match is None:
        return Criteria()
    conditions = list(_conditions(match, known))
    window = _window(match)
    weekdays = frozenset(_weekdays(match))
    match.end()
    said = {each.path[:1] for each in conditions if each.path}
    is_of_a_trust = any(each.of is Of.TRUST for each in conditions)
    for each in conditions:
        issuer = _IDENTIFIERS.get(each.path)
        if issuer is not None and issuer not in said and not is_of_a_trust:
            match.fault(f"{each.word} is an identifier: say whose, by trust or by its issuer", "tags")
    return Criteria(tuple(conditions), window, weekdays)


def _conditions(match: Table, known: Known) -> Iterator[Condition]:
    trusts = match.texts("trust")
    for code in trusts:
        if known.trusts is not None and code not in known.trusts:
            match.fault(f"no trust {code} is known", "trust")
    if trusts:
        yield Condition("trust", Of.TRUST, (), _matches(match, "trust", "SH", trusts))
    peers = match.texts("peer")
    if peers:
        yield Condition("peer", Of.PEER, (), _matches(match, "peer", "AE", peers))
    for key, path in (("modality", MODALITY), ("body_part", BODY_PART)):
        texts = match.texts(key)
        if texts:
            yield Condition(key, Of.ATTRIBUTE, path, _matches(match, key, "CS", texts))
    classes = match.texts("sop_class")
    uids = tuple(_uid(match, "sop_class", each) for each in classes)
    if uids:
        yield Condition("sop_class", Of.ATTRIBUTE, SOP_CLASS, _matches(match, "sop_class", "UI", uids))
    tags = match.table("tags")
    if tags is not None:
        for key in tags.left():
            attribute = tags.read(key, key, parse_attribute)
            texts = tags.texts(key)
            if attribute is not None and texts:
                matches = _matches(tags, key, vr_of(attribute), texts)
                yield Condition(f"tags.{key}", Of.ATTRIBUTE, attribute, matches)


def _matches(table: Table, key: str, vr: str, texts: tuple[str, ...]) -> tuple[Match, ...]:
    found = (table.read(key, text, lambda text: parse_match(vr, text)) for text in texts)
    return tuple(match for match in found if match is not None)


_UIDS = {entry[4]: uid for uid, entry in UID_dictionary.items() if entry[4]}


def _uid(table: Table, key: str, text: str) -> str:
    """A UID by its keyword (PS3.6), or itself."""
    if text in _UIDS:
        return _UIDS[text]
    if not text.replace(".", "").isdigit():
        table.fault(f"{text!r} is neither a UID nor the keyword of one", key)
        return "0"
    return text


def _window(match: Table) -> Window | None:
    text = match.text("time")
    if text is None:
        return None
    start, _, stop = (part.strip() for part in text.partition("-"))
    window = match.read("time", text, lambda _: Window(_clock(start), _clock(stop)))
    if window is not None and window.start == window.stop:
        match.fault("time begins and ends at once: leave it out for the whole day", "time")
    return window


def _clock(text: str) -> time:
    hour, colon, minute = text.partition(":")
    if not (colon and len(hour) == len(minute) == 2 and (hour + minute).isascii()):
        raise ValueError("two times of day with a dash between, such as 20:00-08:00")
    try:
        return time(int(hour), int(minute))
    except ValueError as error:
        raise ValueError(f"there is no {text} o'clock") from error


def _weekdays(match: Table) -> Iterator[Weekday]:
    for text in match.texts("weekday"):
        if text.upper() in Weekday.__members__:
            yield Weekday[text.upper()]
        else:
            match.fault(f"{text!r} is no weekday: Mon, Tue, Wed, Thu, Fri, Sat, Sun", "weekday")


def _priority(table: Table) -> Priority:
    text = table.text("priority")
    if text is None:
        return Priority.MEDIUM
    if text not in [each.value for each in Priority]:
        table.fault(f"{text!r} is no priority: low, medium or high", "priority")
        return Priority.MEDIUM
    return Priority(text)


def _destination(table: Table, known: Known) -> str:
    name = table.required("to")
    if name and known.destinations is not None and name not in known.destinations:
        table.fault(f"no destination {name} is known: add it first", "to")
    return name


def _send(table: Table, known: Known) -> Send:
    to = _destination(table, known)
    text = table.text("transcode")
    syntax = _uid(table, "transcode", text) if text else None
    if syntax is not None and syntax not in INSTANCE_TARGETS:
        table.fault(
            f"transcode: {text} is not made here: it loses something, or no encoder is free", "transcode"
        )
    table.end()
    return Send(to, syntax)


def _prefetch(table: Table, known: Known) -> Prefetch:
    to = _destination(table, known)
    same = table.texts("same")
    for each in same:
        if each not in [one.value for one in Same]:
            table.fault(f"{each!r} is nothing that makes a prior relevant: modality, body_part", "same")
    at_most = table.number("at_most", most=100)
    within_days = table.number("within_days", most=36_525)
    table.end()
    relevant = frozenset(one for one in Same if one.value in same)
    return Prefetch(to, relevant, at_most or 3, within_days)


def _hold(table: Table) -> Hold:
    quiet_s = table.number("quiet_s", most=86_400)
    is_mpps = table.flag("mpps")
    count: int | None = None
    count_from: Path | None = None
    counted = table.any("count")
    if isinstance(counted, str):
        count_from = table.read("count", counted, parse_attribute)
        if count_from is not None and vr_of(count_from) not in ("IS", "US", "UL"):
            table.fault(f"count: {counted} holds no number", "count")
    elif isinstance(counted, int) and not isinstance(counted, bool) and 1 <= counted <= 1_000_000:
        count = counted
    elif counted is not None:
        table.fault("count has to be a whole number, or the attribute that says it", "count")
    at_most_s = table.number("at_most_s", most=7 * 86_400) or AT_MOST_S
    if quiet_s is None and not is_mpps and counted is None:
        table.fault("it waits for nothing: it needs quiet_s, mpps or count")
    if quiet_s is not None and quiet_s >= at_most_s:
        table.fault(f"quiet_s is never reached: the study goes after {at_most_s} seconds at the latest")
    table.end()
    return Hold(quiet_s, is_mpps, count, count_from, at_most_s)
