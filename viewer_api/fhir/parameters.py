"""What a search asks for (FHIR R4 §3.1.1): from the parameters of a URL or a form to values.

A parameter that nobody here knows is ignored, and then left out of the self link; `Prefer: handling=strict`
has it refused. A value, a modifier or a chain that cannot be understood is refused either way.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlencode

from starlette.requests import Request

from viewer_api.fhir.formats import search_pairs
from viewer_api.fhir.resource import Parameter, Resource
from viewer_api.problems import BadParameters

#: Resources on one page: where nobody says how many, and at most.
COUNT, COUNT_LIMIT = 20, 100
#: Characters of one parameter; of `_id`, which has a list.
TEXT_LIMIT, IDS_LIMIT = 1024, 8 * 1024
#: Values of one parameter, between commas.
VALUES_LIMIT = 100
#: Keys that a search may be sorted by at once.
SORTS_LIMIT = 3

#: About the answer, not about what is sought.
_RESULT = frozenset(
    {"_count", "_include", "_revinclude", "_elements", "_summary", "_format", "_pretty", "_cursor"}
    | {"_sort", "_total"}
)
_CURSOR = re.compile(r"[\w.-]{1,300}", re.ASCII)
#: A character, with the backslash that escapes it.
_PARTS = re.compile(r"\\.|.", re.DOTALL)
_ELEMENT = re.compile(r"[a-zA-Z]{1,64}")


@dataclass(frozen=True, slots=True)
class Value:
    """One parameter as it was sent: any of its texts will do."""

    parameter: Parameter
    texts: tuple[str, ...]  # still escaped: see `tokens`
    chain: str = ""  # `patient.identifier` is `identifier` of `patient`; so is `patient:identifier`
    modifier: str = ""  # such as `exact`

    @property
    def name(self) -> str:
        """As it goes into the self link."""
        if self.modifier:
            return f"{self.parameter.name}:{self.modifier}"
        return f"{self.parameter.name}.{self.chain}" if self.chain else self.parameter.name


class Total(Enum):
    """Whether it is to be said how many match (§3.1.1.5.10)."""

    NONE = "none"
    ESTIMATE = "estimate"
    ACCURATE = "accurate"


@dataclass(frozen=True, slots=True)
class Sort:
    """A parameter by which is sorted (§3.1.1.5.5)."""

    name: str
    is_descending: bool = False

    @property
    def text(self) -> str:
        """As it was sent."""
        return f"-{self.name}" if self.is_descending else self.name


@dataclass(frozen=True, slots=True)
class Asked:
    """A search."""

    values: tuple[Value, ...]  # all of them must hold
    includes: tuple[str, ...] = ()
    reverse_includes: tuple[str, ...] = ()
    sorts: tuple[Sort, ...] = ()  # empty: in the order of the resource's own
    total: Total | None = None  # None: where it costs nothing
    count: int = COUNT
    elements: frozenset[str] = frozenset()  # empty: all
    only_total: bool = False
    cursor: str = ""  # of a page that a link led to

    def of(self, *names: str) -> list[Value]:
        """Those values of these parameters."""
        return [each for each in self.values if each.parameter.name in names]

    def query(self) -> str:
        """As it was understood, for the self link and to be kept."""
        pairs = [(each.name, ",".join(each.texts)) for each in self.values]
        pairs += [("_include", each) for each in self.includes]
        pairs += [("_revinclude", each) for each in self.reverse_includes]
        pairs += [("_sort", ",".join(each.text for each in self.sorts))] if self.sorts else []
        pairs += [("_total", self.total.value)] if self.total else []
        pairs += [("_elements", ",".join(sorted(self.elements)))] if self.elements else []
        pairs += [("_summary", "count")] if self.only_total else []
        return urlencode([*pairs, ("_count", str(self.count))])


async def asked_of(request: Request, resource: Resource) -> Asked:
    """By GET, or by POST to _search, whose form counts beside the URL (§3.1.1.3).

    Raises BadParameters, BadInput.
    """
    pairs = request.query_params.multi_items()
    if request.method == "POST":
        pairs = await search_pairs(request)
    strict = "handling=strict" in request.headers.get("prefer", "").replace(" ", "").lower()
    return read(resource, pairs, strict=strict)


def read(resource: Resource, pairs: Iterable[tuple[str, str]], *, strict: bool = False) -> Asked:
    """What the pairs say, by the resource's table. Raises BadParameters, with all that are wrong."""
    return _Reading(resource, strict).read(pairs)


class _Reading:
    def __init__(self, resource: Resource, strict: bool) -> None:
        self._resource, self._strict = resource, strict
        self._wrong: dict[str, str] = {}
        self._values: list[Value] = []
        self._includes: list[str] = []
        self._reverse_includes: list[str] = []
        self._sorts: dict[str, Sort] = {}
        self._total: Total | None = None
        self._count, self._cursor, self._only_total = COUNT, "", False
        self._elements: frozenset[str] = frozenset()

    def read(self, pairs: Iterable[tuple[str, str]]) -> Asked:
        for name, text in pairs:
            if len(text) > (limit := IDS_LIMIT if name == "_id" else TEXT_LIMIT):
                self._wrong[name] = f"longer than {limit:,} characters"
            elif "\0" in text:
                self._wrong[name] = "holds a NUL character"
            elif name in _RESULT or name.startswith(("_include:", "_revinclude:")):
                self._result(name, text)
            else:
                self._criterion(name, text)
        if self._wrong:
            raise BadParameters(self._wrong)
        return Asked(
            tuple(self._values),
            includes=tuple(dict.fromkeys(self._includes)),
            reverse_includes=tuple(dict.fromkeys(self._reverse_includes)),
            sorts=tuple(self._sorts.values()),
            total=self._total,
            count=self._count,
            elements=self._elements,
            only_total=self._only_total,
            cursor=self._cursor,
        )

    def _criterion(self, name: str, text: str) -> None:
        base, _, modifier = name.partition(":")
        base, _, chain = base.partition(".")
        parameter = self._resource.parameter(base)
        if parameter is None:
            self._unknown(name)
            return
        if modifier in parameter.chains and not chain:
            chain, modifier = modifier, ""  # `subject:identifier`: of the reference itself (§3.1.1.4.13)
        if modifier == "Patient":  # `subject:Patient.identifier`, `subject:Patient`
            modifier = ""
        if modifier.startswith("Patient."):
            modifier, chain = "", modifier.removeprefix("Patient.")
        if chain and chain not in parameter.chains:
            self._wrong[name] = f"only {', '.join(parameter.chains) or 'nothing'} of it may be named"
        elif modifier and modifier not in parameter.modifiers:
            self._wrong[name] = f"the modifier is none of {', '.join(parameter.modifiers) or 'those known'}"
        elif not text.strip():
            return  # a parameter without a value is as if it were not there (§3.1.1.4)
        else:
            texts = tuple(each for each in split(text, ",") if each)
            if len(texts) > VALUES_LIMIT:
                self._wrong[name] = f"more than {VALUES_LIMIT} values"
            elif texts:
                self._values.append(Value(parameter, texts, chain, modifier))

    def _result(self, name: str, text: str) -> None:
        if name == "_count":
            if not (text.isascii() and text.isdigit()):
                self._wrong[name] = "not a number"
            elif int(text[:6]) == 0:
                self._only_total = True  # §3.1.1.5.6
            else:
                self._count = min(int(text[:6]), COUNT_LIMIT)
        elif name == "_include":
            self._includes += self._included(name, text, self._resource.includes)
        elif name == "_revinclude":
            self._reverse_includes += self._included(name, text, self._resource.reverse_includes)
        elif name.startswith(("_include:", "_revinclude:")):
            self._wrong[name] = "the modifier is none of those known"
        elif name == "_sort":
            self._sort(text)
        elif name == "_total":
            if text not in {each.value for each in Total}:
                self._wrong[name] = "none, estimate or accurate"
            else:
                self._total = Total(text)
        elif name == "_elements":
            names = [each.strip() for each in text.split(",") if each.strip()]
            if any(not _ELEMENT.fullmatch(each) for each in names):
                self._wrong[name] = "names of elements, between commas"
            self._elements = frozenset(names)
        elif name == "_summary" and text not in ("count", "false"):
            self._unknown(name)
        elif name == "_summary":
            self._only_total = text == "count"
        elif name == "_cursor":
            if not _CURSOR.fullmatch(text):
                self._wrong[name] = "no link of ours"
            self._cursor = text

    def _included(self, name: str, text: str, known: Sequence[str]) -> Sequence[str]:
        """`Source:parameter`, with the type of its target or without; `*` is all that there are."""
        source, _, rest = text.partition(":")
        named = f"{source}:{rest.partition(':')[0]}"
        if text == "*":
            return known
        if named in known:
            return [named]
        self._unknown(name)
        return ()

    def _sort(self, text: str) -> None:
        for each in filter(None, (part.strip() for part in text.split(","))):
            sort = Sort(each.removeprefix("-"), each.startswith("-"))
            if sort.name in self._resource.sorts:
                self._sorts.setdefault(sort.name, sort)
            else:
                self._unknown("_sort")
        if len(self._sorts) > SORTS_LIMIT:
            self._wrong["_sort"] = f"more than {SORTS_LIMIT} keys"

    def _unknown(self, name: str) -> None:
        if self._strict:
            self._wrong[name] = "not known here"


def split(text: str, separator: str) -> list[str]:
    """At a separator that is not escaped (§3.1.1.4.2); the pieces stay escaped."""
    pieces = [""]
    for part in _PARTS.findall(text):
        if part == separator:
            pieces.append("")
        else:
            pieces[-1] += part
    return pieces


def unescaped(text: str) -> str:
    """Without backslashes before what would part values."""
    return re.sub(r"\\([\\,|$])", r"\1", text)


@dataclass(frozen=True, slots=True)
class Token:
    """A code, or a number, and the system that it is of (§3.1.1.4.10)."""

    system: str | None  # None: of any, or of nobody in particular; "": of none
    value: str  # "": any


def tokens(value: Value) -> Sequence[Token]:
    """What a token parameter names."""
    found = []
    for text in value.texts:
        parts = split(text, "|")
        if len(parts) == 1:
            found.append(Token(None, unescaped(parts[0]).strip()))
        else:
            found.append(Token(unescaped(parts[0]).strip(), unescaped("|".join(parts[1:])).strip()))
    return found
