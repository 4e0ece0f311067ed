"""A table [[coercion]] of a rule file as a Coercion."""

from collections.abc import Callable, Mapping

from pydicom import config
from pydicom.valuerep import validate_value

from dicom_router.rules.coercion import LONGEST, Coercion, Copy, Map, Operation, Pad, Reread, Set, Strip
from dicom_router.rules.criteria import Criteria
from dicom_router.rules.tables import Table
from storage.charsets import encodings_of
from storage.query import Path, parse_attribute, vr_of

#: Attributes of these VRs are text, and can be coerced.
_TEXT_VRS = frozenset("AE AS CS DA DT LO LT PN SH ST TM UC UT".split())
#: A correction reaches from the first attribute after the character set up to its own record.
_FIRST, _LAST = 0x00080006, 0x04000560


def read_coercion(table: Table, name: str, criteria: Criteria) -> Coercion:
    """What is left of the table: `do`, a list of operations, and `character_set`."""
    operations = [operation for each in table.tables("do") if (operation := _operation(each)) is not None]
    reread = _reread(table)
    if not operations and reread is None and not table.page.faults:
        table.fault("it does nothing: it needs do or character_set")
    table.end()
    return Coercion(name, criteria, tuple(operations), reread)


def _reread(table: Table) -> Reread | None:
    character_set = table.text("character_set")
    has_declared = table.has("instead_of")
    declared = table.any("instead_of")
    if has_declared and not isinstance(declared, str):
        table.fault("instead_of has to be a text", "instead_of")
        declared = None
    if character_set is None:
        if has_declared:
            table.fault("instead_of says what was declared, but character_set is missing", "instead_of")
        return None
    if encodings_of(character_set) is None:
        table.fault(f"{character_set!r} is no character set (PS3.3 §C.12.1.1.2)", "character_set")
    if declared == character_set:
        table.fault("character_set and instead_of are the same", "instead_of")
    return Reread(character_set, declared)


def _operation(table: Table) -> Operation | None:
    verbs = [verb for verb in _VERBS if table.has(verb)]
    if len(verbs) != 1:
        table.fault(f"an operation is one of {', '.join(_VERBS)}")
        return None
    (verb,) = verbs
    path = _attribute(table, verb)
    operation = _VERBS[verb](table, path)
    table.end()
    return operation if path else None


def _attribute(table: Table, key: str) -> Path:
    """An attribute that can be coerced; () where it cannot."""
    text = table.required(key)
    path = table.read(key, text, parse_attribute) if text else None
    if path is None:
        return ()
    if not _FIRST <= path[0] <= _LAST or len(path) > 2 or vr_of(path) not in _TEXT_VRS:
        table.fault(f"{key}: {text} is no text that can be coerced", key)
        return ()
    if len(path) == 2 and vr_of(path[:1]) != "SQ":
        table.fault(f"{key}: only a sequence holds other attributes", key)
        return ()
    return path


def _set(table: Table, path: Path) -> Set:
    texts = table.texts("to")
    if not texts:
        table.fault("to is missing: what it becomes")
    for text in texts:
        _require_fit(table, "to", path, text)
    return Set(path, texts, table.flag("only_missing"))


def _copy(table: Table, source: Path) -> Copy:
    return Copy(source, _attribute(table, "to"), table.flag("only_missing"))


def _strip(table: Table, path: Path) -> Strip:
    prefix, leading, trailing = (table.text(key) or "" for key in ("prefix", "leading", "trailing"))
    if not (prefix or leading or trailing):
        table.fault("it strips nothing: it needs prefix, leading or trailing")
    return Strip(path, prefix, leading, trailing)


def _pad(table: Table, path: Path) -> Pad:
    width = table.number("width", most=LONGEST.get(vr_of(path), 1024) if path else 1024)
    if width is None and not table.page.faults:
        table.fault("width is missing: how many characters it shall have")
    fill = table.text("with") or "0"
    if len(fill) != 1 or fill == "\\":
        table.fault("with has to be one character", "with")
    return Pad(path, width or 1, fill)


def _map(table: Table, path: Path) -> Map:
    found = table.table("values")
    if found is None:
        table.fault("values is missing: a table of what becomes what")
        return Map(path, {})
    values: dict[str, str] = {}
    for key in found.left():
        text = found.text(key)
        if text is not None:
            _require_fit(found, key, path, text)
            values[key.strip()] = text
    for key, text in values.items():
        if values.get(text, text) != text:
            found.fault(f"{key} becomes {text}, which itself becomes {values[text]}", key)
    return Map(path, values)


def _require_fit(table: Table, key: str, path: Path, text: str) -> None:
    """A value has to be one of its VR (PS3.5 §6.2)."""
    if not path:
        return
    vr = vr_of(path)
    try:
        if "\\" in text:
            raise ValueError
        validate_value(vr, text, config.RAISE)
    except ValueError:
        table.fault(f"{key}: what is given is no value of VR {vr}", key)


_VERBS: Mapping[str, Callable[[Table, Path], Operation]] = {
    "set": _set,
    "copy": _copy,
    "strip": _strip,
    "pad": _pad,
    "map": _map,
}
