"""NHS numbers (NHS Data Dictionary, NHS NUMBER)."""

#: Patient identifiers that are NHS numbers count in this namespace (UK Core, ITK).
NHS_NUMBER_ISSUER = "NHS"


def is_nhs_number(text: str) -> bool:
    """Ten digits, the last of them the modulus 11 check of the others."""
    if not (len(text) == 10 and text.isascii() and text.isdigit()):
        return False
    remainder = sum(int(digit) * weight for digit, weight in zip(text, range(10, 1, -1), strict=False)) % 11
    return int(text[9]) == (11 - remainder) % 11
