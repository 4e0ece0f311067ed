"""What identifies a slide's glass: case, header and the label's barcode have to agree. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Container:
    """What identifies the glass; `is_asked` where nothing says it, `is_contradicted` where two disagree."""

    identifier: str = ""
    is_asked: bool = False
    is_contradicted: bool = False
    is_read: bool = False  # from the label alone


def container_of(by_case: str | None, by_header: str, barcodes: Sequence[str]) -> Container:
    """The case's, else the header's, else the one barcode of the label; a label has to agree with both."""
    named = [each for each in (by_case, by_header) if each]
    if not named:
        read = [each for each in barcodes if len(each) <= 64 and each.isprintable() and "\\" not in each]
        return (
            Container(read[0], is_read=True) if len(barcodes) == len(read) == 1 else Container(is_asked=True)
        )
    words = {_plain(each) for each in named}
    agrees = not barcodes or words <= {_plain(each) for each in barcodes}
    return Container(named[0], is_contradicted=len(words) > 1 or not agrees)


def _plain(text: str) -> str:
    """Without blanks and case, which printers change."""
    return "".join(text.casefold().split())
