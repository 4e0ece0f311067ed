"""What files say in words, made safe for DICOM."""

from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ologies.errors import Damaged

#: Characters. Philips keeps its label and overview in it.
XML_LIMIT = 32 * 1024 * 1024


def plain(text: str | None) -> str | None:
    """LO (PS3.5 §6.2): one line of at most 64 characters; None where nothing is left."""
    kept = "".join(each if each.isprintable() and each != "\\" else " " for each in text or "")
    return " ".join(kept.split())[:64].strip() or None


def xml_of(text: str) -> Element:
    """A description in XML. Raises Damaged for what is none, has entities, or is far too long."""
    if len(text) > XML_LIMIT:
        raise Damaged("its description is longer than any scanner's")
    try:
        found: Element = fromstring(text.encode(), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise Damaged("its description is no XML, or one that it may not be") from error
    return found


def number(text: str | None) -> float | None:
    """A quantity of a scanner; None where it is none, or an absurd one."""
    try:
        found = float(text or "")
    except ValueError:
        return None
    return found if 0 < found < 10_000 else None
