"""A rule file is read whole or not at all, and what is wrong with it is said with its line."""

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_router.rules.coercion import Map, Pad, Set, Strip
from dicom_router.rules.criteria import Of, Weekday, Window
from dicom_router.rules.parsing import Known, parse_rules
from dicom_router.rules.rule import Hold, Prefetch, Same, Send
from dicom_router.rules.tables import Fault, RulesWrong
from exchange.deliveries import Priority
from storage.query import Exactly, Wildcard

RULES = """\
# Where studies go.
[[rule]]
name = "Strokes at night"
match.trust = ["REM", "RBN"]
match.modality = "CT"
match.time = "20:00-08:00"
match.weekday = ["Fri", "Sat"]
match.tags.StudyDescription = "*STROKE*"
send = [
  "AI",
  { to = "ONCALL", transcode = "ExplicitVRLittleEndian" },
]
prefetch = { to = "ONCALL", same = ["modality"], at_most = 2, within_days = 1825 }
priority = "high"
hold = { quiet_s = 30, mpps = true }

[[rule]]
name = "Everything"
send = "ARCHIVE"

[[coercion]]
name = "accession"
match.peer = "CT7"
character_set = "ISO_IR 192"
instead_of = "ISO_IR 100"
do = [
  { strip = "AccessionNumber", leading = "0" },
  { pad = "StudyID", width = 8 },
  { set = "IssuerOfPatientID", to = "RBL", only_missing = true },
  { map = "BodyPartExamined", values = { KOPF = "HEAD" } },
]
"""
KNOWN = Known(frozenset({"AI", "ONCALL", "ARCHIVE"}), frozenset({"REM", "RBN"}))


def faults(text: str, known: Known = KNOWN) -> list[str]:
    with pytest.raises(RulesWrong) as raised:
        parse_rules(text, known)
    return [str(fault) for fault in raised.value.faults]


def test_a_file_becomes_rules() -> None:
    found = parse_rules(RULES, KNOWN)

    night, everything = found.rules
    assert [(each.word, each.of) for each in night.criteria.conditions] == [
        ("trust", Of.TRUST),
        ("modality", Of.ATTRIBUTE),
        ("tags.StudyDescription", Of.ATTRIBUTE),
    ]
    assert night.criteria.conditions[1].matches == (Exactly("CT"),)
    assert night.criteria.conditions[2].matches == (Wildcard("*STROKE*"),)
    assert night.criteria.window == Window(time(20), time(8))
    assert night.criteria.weekdays == {Weekday.FRI, Weekday.SAT}
    assert night.sends == (Send("AI"), Send("ONCALL", "1.2.840.10008.1.2.1"))
    assert night.prefetches == (Prefetch("ONCALL", frozenset({Same.MODALITY}), 2, 1825),)
    assert (night.priority, night.hold) == (Priority.HIGH, Hold(quiet_s=30, is_mpps=True))
    assert (everything.sends, everything.priority, everything.hold) == (
        (Send("ARCHIVE"),),
        Priority.MEDIUM,
        None,
    )
    coercion = found.coercions["accession"]
    assert coercion.operations == (
        Strip((0x00080050,), leading="0"),
        Pad((0x00200010,), 8),
        Set((0x00100021,), ("RBL",), is_only_missing=True),
        Map((0x00180015,), {"KOPF": "HEAD"}),
    )
    assert coercion.reread is not None
    assert coercion.reread.character_set == "ISO_IR 192"


def test_an_empty_file_routes_nothing() -> None:
    assert parse_rules("").rules == ()


@pytest.mark.parametrize(
    ("was", "becomes", "fault"),
    [
        ('"high"', "high", "line 14: Invalid value"),
        ('"high"', '"soon"', "line 14: 'soon' is no priority: low, medium or high"),
        ("hold =", "holds =", "line 15: holds is no key that is known here"),
        ('"REM"', '"RXX"', "line 4: no trust RXX is known"),
        ('"AI"', '"IA"', "line 10: no destination IA is known: add it first"),
        ('"AI"', '"ONCALL"', "line 9: it sends to ONCALL twice"),
        ('"ExplicitVR', '"JPEGExtended12Bit', "neither a UID nor the keyword"),
        ('"ExplicitVRLittleEndian"', '"JPEGBaseline8Bit"', "line 11: transcode: JPEGBaseline8Bit is"),
        ("StudyDescription", "StudyDescribed", "line 8: StudyDescribed: a key is neither"),
        ("tags.StudyDescription", "tags.StudyDate", "line 8: StudyDate: not a date"),
        ('tags.StudyDescription = "*STROKE*"', "tags = 3", "line 8: tags has to be a table"),
        ("20:00-08:00", "20:00-24:00", "line 6: time: there is no 24:00"),
        ("20:00-08:00", "20-8", "line 6: time: two times of day"),
        ("20:00-08:00", "08:00-08:00", "line 6: time begins and ends at once"),
        ('"Sat"', '"Caturday"', "line 7: 'Caturday' is no weekday"),
        ("quiet_s = 30", "quiet_s = 7200", "line 15: quiet_s is never reached"),
        ("quiet_s = 30", "quiet_s = 0", "line 15: quiet_s has to be a whole number from 1"),
        ("quiet_s = 30, mpps = true", "", "line 15: it waits for nothing"),
        ("at_most = 2", "at_most = true", "line 13: at_most has to be a whole number"),
        ('["modality"]', '["colour"]', "line 13: 'colour' is nothing that makes a prior relevant"),
        ('send = "ARCHIVE"', "", "line 17: it does nothing"),
        ('send = "ARCHIVE"', "hold.quiet_s = 1", "line 17: it does nothing"),
        ('send = "ARCHIVE"', "prefetch = 'ARCHIVE'\nhold.quiet_s = 1", "it holds, but sends nothing"),
        ('send = "ARCHIVE"', "send = []", "line 19: send is empty"),
        ('name = "Everything"', "", "line 17: name is missing"),
        ('"Everything"', '"Strokes at night"', "line 18: another has the name 'Strokes at night' already"),
        ("leading =", "leads =", "line 27: leads is no key"),
        ("{ pad", "{ pat", "line 28: an operation is one of set, copy, strip, pad, map"),
        ("width = 8", "width = 99", "line 28: width has to be a whole number from 1 to 16"),
        ('"IssuerOfPatientID"', '"PixelData"', "line 29: set: PixelData is no text that can be coerced"),
        ('"IssuerOfPatientID"', '"StudyInstanceUID"', "line 29: set: StudyInstanceUID is no text"),
        ('"HEAD"', '"a head, and more than it"', "line 30: KOPF: what is given is no value of VR CS"),
        ('KOPF = "HEAD"', 'KOPF = "HEAD", HEAD = "SKULL"', "line 30: KOPF becomes HEAD, which itself"),
        ('"ISO_IR 192"', '"UTF-9"', "line 24: 'UTF-9' is no character set"),
        ("[[coercion]]", "[[coertion]]", "line 21: coertion is no key that is known here"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(was: str, becomes: str, fault: str) -> None:
    assert was in RULES

    assert any(fault in each for each in faults(RULES.replace(was, becomes, 1)))


def test_every_fault_is_told_at_once() -> None:
    found = faults('[[rule]]\nname = 3\nmatch.modalty = "CT"\nsend = "X"\n')

    assert found == [
        "line 2: name has to be a text",
        "line 3: modalty is no key that is known here",
        "line 4: no destination X is known: add it first",
    ]


def test_tables_written_out_have_lines_of_their_own() -> None:
    rule = '[[rule]]\nname = "A"\n[rule.match]\nmodality = "CT"\n\n'
    text = rule + '[[rule.send]]\nto = "AI"\n[[rule.send]]\nto = "X"\n'

    assert faults(text) == ["line 9: no destination X is known: add it first"]


def test_two_rules_that_say_different_things_of_the_same_studies_contradict() -> None:
    one = '[[rule]]\nname = "A"\nmatch.modality = "CT"\nsend = "AI"\n'
    other = '[[rule]]\nname = "B"\nmatch.modality = "CT"\nsend = "AI"\npriority = "high"\n'

    assert faults(one + other) == ["line 5: 'B' contradicts 'A': both send the same to AI"]


def test_an_identifier_needs_its_issuer() -> None:
    rule = '[[rule]]\nname = "A"\nsend = "AI"\nmatch.tags.PatientID = "123456"\n'

    assert "line 4: tags.PatientID is an identifier: say whose" in faults(rule)[0]
    assert parse_rules(rule + 'match.trust = "REM"\n', KNOWN)
    assert parse_rules(rule + 'match.tags.IssuerOfPatientID = "REM"\n', KNOWN)


_WORDS = st.sampled_from(
    '[[rule]]|[[coercion]]|[[rule.send]]|[x]|name = |send = |"A"|match.|modality| = |hold|{ quiet_s = 3 }'
    '|[|]|{|}|,|\n|\n\n|# note|"""|\'\'\'|do|true|1|1979-05-27|inf|trust|tags|.|"\\|set|to|\r\n|priority|time'
    "|20:00-08:00".split("|")
)


@given(st.one_of(st.text(), st.lists(_WORDS, max_size=40).map("".join)))
def test_any_text_is_rules_or_faults_with_lines_of_the_text(text: str) -> None:
    lines = text.replace("\r\n", "\n").count("\n") + 1

    assert all(1 <= fault.line <= lines for fault in _faults_if_any(text))


def _faults_if_any(text: str) -> tuple[Fault, ...]:
    try:
        parse_rules(text, KNOWN)
    except RulesWrong as error:
        return error.faults
    return ()


@given(st.integers(0, 30), st.data())
def test_a_fault_moves_with_the_lines_before_it(before: int, data: st.DataObject) -> None:
    wrong = RULES.replace('"high"', '"soon"')
    text = "# a line\n" * before + wrong

    assert faults(text)[0].startswith(f"line {14 + before}: ")
