"""NHS numbers: ten digits, of which the last checks the others (NHS Data Dictionary, NHS NUMBER)."""

from nhs_number.validate import is_valid


def is_nhs_number(text: str) -> bool:
    """Ten digits, perhaps with the spaces in which people write them, and a check digit that fits."""
    digits = text.replace(" ", "")
    return len(digits) == 10 and digits.isascii() and digits.isdigit() and bool(is_valid(digits))
