"""What a search's URL asks for (PS3.18 §8.3.4, §10.6.1): from parameters to a query. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from storage.columns import SERIES_UID, STUDY_UID
from storage.errors import BadQuery
from storage.facts import IDENTITY, SERIES, STUDY
from storage.query import AnyOf, Anything, Level, Match, Path, Query, parse_attribute, parse_match, vr_of
from viewer_api.problems import BadParameters

#: Parameters of one search. A viewer sends a dozen.
PARAMETERS_LIMIT = 200
#: Of one key's text but a list of UIDs, which is as long as a URL may be.
TEXT_LIMIT = 4096
#: Attributes that `includefield` names, in all.
INCLUDES_LIMIT = 1000
#: Sequences around an attribute.
_DEPTH_LIMIT = 8

#: Parameters that are no attributes (PS3.18 §8.3.3, §8.3.4). `charset` may be sent: answers are in UTF-8.
_SINGLE = frozenset({
    "limit", "offset", "fuzzymatching", "emptyvaluematching", "multiplevaluematching", "accept", "charset",
})  # fmt: skip
_FLAGS = ("fuzzymatching", "emptyvaluematching", "multiplevaluematching")


def _tags(text: str) -> frozenset[Path]:
    return frozenset((int(tag, 16),) for tag in text.split())


#: An identifier means nothing without its issuer: every answer says it.
_ALWAYS = _tags("00100021")
#: What every answer about a study holds (PS3.18 Table 10.6.3-3).
STUDY_ATTRIBUTES = _ALWAYS | _tags(
    "00080020 00080030 00080050 00080056 00080061 00080090 00080201 00081030 00100010 00100020 00100030"
    " 00100040 0020000D 00200010 00201206 00201208"
)
#: About a series (PS3.18 Table 10.6.3-4).
SERIES_ATTRIBUTES = _ALWAYS | _tags(
    "00080060 00080201 0008103E 0020000E 00200011 00201209 00400244 00400245 00400275 0020000D 00080056"
)
#: About an instance (PS3.18 Table 10.6.3-5).
INSTANCE_ATTRIBUTES = _ALWAYS | _tags(
    "00080016 00080018 00080056 00080201 00083002 0020000D 0020000E 00200013 00280008 00280010 00280011"
    " 00280100"
)
#: Of those, what is held only where there is a value.
_IF_KNOWN = _tags("00080201 00083002 00280008 00280010 00280011 00280100 00400275")


def parse_query(level: Level, pairs: Iterable[tuple[str, str]], within: Mapping[Path, str]) -> Query:
    """A query from URL parameters and the UIDs of the path. Raises BadParameters, which names them all."""
    return _Parameters(level, within).read(pairs)


def default_attributes(level: Level, within: Mapping[Path, str]) -> frozenset[Path]:
    """Those of the level, and of the levels above that the path does not settle (PS3.18 §10.6.3.3)."""
    of_study = frozenset[Path]() if STUDY_UID in within else STUDY_ATTRIBUTES
    of_series = frozenset[Path]() if SERIES_UID in within else SERIES_ATTRIBUTES
    match level:
        case Level.PATIENT | Level.STUDY:
            return STUDY_ATTRIBUTES
        case Level.SERIES:
            return SERIES_ATTRIBUTES | of_study
        case Level.INSTANCE:
            return INSTANCE_ATTRIBUTES | of_series | of_study


def shown_when_empty(query: Query) -> frozenset[str]:
    """The tags that an answer holds without a value too: its own, and those asked for of its level or above.

    Of what lies below, or what the index has not, nothing is said (PS3.18 §10.6.3.3).
    """
    supported = {
        Level.PATIENT: IDENTITY,
        Level.STUDY: STUDY | IDENTITY,
        Level.SERIES: STUDY | IDENTITY | SERIES,
    }.get(query.level)
    own = default_attributes(query.level, {}) - _IF_KNOWN
    tags = {path: f"{path[0]:08X}" for path in query.asked - _IF_KNOWN}
    return frozenset(
        tag for path, tag in tags.items() if path in own or supported is None or tag in supported
    )


@dataclass
class _Parameters:
    """One reading of them."""

    level: Level
    within: Mapping[Path, str]
    bad: dict[str, str] = field(default_factory=dict)
    matches: dict[Path, Match] = field(default_factory=dict)
    include: set[Path] = field(default_factory=set)
    include_all: bool = False
    single: dict[str, str] = field(default_factory=dict)

    def read(self, pairs: Iterable[tuple[str, str]]) -> Query:
        for count, (name, text) in enumerate(pairs):
            if count >= PARAMETERS_LIMIT:
                raise BadParameters({name: f"more than {PARAMETERS_LIMIT} parameters"})
            try:
                self._take(name, text)
            except BadQuery as error:
                self.bad.setdefault(name, str(error))
        flags = {name: self._flag(name) for name in _FLAGS}
        limit, offset = self._number("limit"), self._number("offset")
        if self.bad:
            raise BadParameters(self.bad)
        for path, uid in self.within.items():
            if not re.fullmatch(r"[0-9.]{1,64}", uid):
                raise BadQuery("the path holds no UID")
            given = self.matches.get(path, Anything())
            if not isinstance(given, Anything) and given != AnyOf((uid,)):
                raise BadQuery(f"{name_of(path)} is given in the path and again, otherwise, as a key")
            self.matches[path] = AnyOf((uid,))
        return Query(
            level=self.level,
            matches=self.matches,
            include=default_attributes(self.level, self.within) | self.include,
            include_all=self.include_all,
            limit=limit,
            offset=offset or 0,
            fuzzy=flags["fuzzymatching"],
        )

    def _take(self, name: str, text: str) -> None:
        if name == "includefield":
            self._include(text)
        elif name in _SINGLE:
            if name in self.single and name != "accept":
                raise BadQuery("given twice")
            self.single[name] = text
        else:
            path = _attribute(name)
            if path in self.matches:
                raise BadQuery("given twice")
            self.matches[path] = _match(path, text)

    def _include(self, text: str) -> None:
        """A list of attributes, or "all" (PS3.18 §8.3.4.3)."""
        for each in text.split(","):
            if (named := each.strip()) == "all":
                self.include_all = True
            elif named:
                self.include.add(_attribute(named))
        if len(self.include) > INCLUDES_LIMIT:
            raise BadQuery(f"more than {INCLUDES_LIMIT} attributes")

    def _flag(self, name: str) -> bool:
        text = self.single.get(name, "false").lower()
        if text not in ("true", "false"):
            self.bad[name] = "neither true nor false"
        return text == "true"

    def _number(self, name: str) -> int | None:
        text = self.single.get(name)
        if text is None:
            return None
        if not re.fullmatch(r"[0-9]{1,9}", text):
            self.bad[name] = "not a whole number, or one beyond all measure"
            return None
        return int(text)


def _attribute(name: str) -> Path:
    path = parse_attribute(name)
    if len(path) > _DEPTH_LIMIT:
        raise BadQuery("sequences nested too deep")
    return path


def _match(path: Path, text: str) -> Match:
    vr = vr_of(path)
    if len(text) > TEXT_LIMIT and vr != "UI":
        raise BadQuery(f"longer than {TEXT_LIMIT} characters")
    if vr == "CS":
        text = text.replace(",", "\\")  # no code holds a comma (PS3.5 §6.2), and some viewers list with one
    return parse_match(vr, text)


def name_of(path: Path) -> str:
    """An attribute, by its tags."""
    return ".".join(f"{tag:08X}" for tag in path)
