"""XML of viewers, an element at a time: no entities, no external parts, nothing kept that was read."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from ologies.errors import Damaged


def elements(path: Path, name: str) -> Iterator[Element]:
    """Those directly within the root, each whole. Raises Damaged."""
    try:
        with path.open("rb") as file:
            inside: list[Element] = []
            for event, element in iterparse(file, ("start", "end"), forbid_dtd=True):
                if event == "start":
                    inside.append(element)
                    continue
                inside.pop()
                if len(inside) == 1:
                    if element.tag == name:
                        yield element
                    inside[0].clear()
    except DefusedXmlException as error:
        raise Damaged("the XML declares entities or a document type: it is not read") from error
    except (ParseError, ValueError, LookupError) as error:
        raise Damaged("the XML is broken or cut off") from error


def number(text: str | None) -> float:
    """A number as viewers write it: with a point, or with a comma on a German computer."""
    try:
        return float((text or "").strip().replace(",", "."))
    except ValueError as error:
        raise Damaged("a coordinate that is no number") from error
