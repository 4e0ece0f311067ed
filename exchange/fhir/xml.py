"""Resources as XML, and from it (FHIR R4 §2.6.1): IHE profiles have servers speak both encodings."""

from typing import Any
from xml.etree.ElementTree import ParseError

import orjson
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException
from fhir.resources.R4B import get_fhir_model_class

from exchange.fhir.identifiers import Json
from storage.errors import BadInput

_NAMESPACE = "{http://hl7.org/fhir}"

#: Of one body: a resource of ours has some hundreds of elements, each with its `value`, `url` or `id`.
_ELEMENTS, _ATTRIBUTES = 5_000, 8


class BadXml(BadInput):
    """No resource as XML. The text repeats nothing of it."""


def as_xml(resource: Json) -> bytes:
    """A resource that is valid JSON."""
    model = get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    written: str | bytes = model.model_dump_xml()  # bytes, whatever its annotation says
    return written.encode() if isinstance(written, str) else written


def from_xml(body: bytes) -> Json:
    """The resource as JSON would have it. Raises BadXml, and takes no DTD, which FHIR has no use for.

    What is read of it takes time with the square of some counts, so those are bounded before that.
    """
    try:
        root = ElementTree.fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise BadXml("the body is no XML, or has a DTD") from error
    for count, element in enumerate(root.iter(), 1):
        if count > _ELEMENTS or len(element.attrib) > _ATTRIBUTES:
            raise BadXml("the body has more elements or attributes than a resource")
    kind = str(root.tag).removeprefix(_NAMESPACE)
    try:
        found: dict[str, Any] = orjson.loads(
            get_fhir_model_class(kind).model_validate_xml(body).model_dump_json()
        )
    except Exception:  # what the library makes of an element that it does not know is a KeyError, and worse
        raise BadXml("the body is no valid resource") from None
    return found
