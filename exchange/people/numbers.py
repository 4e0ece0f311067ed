"""NHS numbers: ten digits, of which the last checks the others (NHS Data Dictionary, NHS NUMBER)."""

from nhs_number.validate import is_valid


def is_nhs_number(text: str) -> bool:
    """Ten digits, perhaps with the spaces in which people write them, and a check digit that fits.

    Ten times the same digit is nobody's: most of those would fit, and people type them for want of a number.
    """
    digits = text.replace(" ", "")
    if len(digits) != 10 or not (digits.isascii() and digits.isdigit()) or len(set(digits)) == 1:
        return False
    return bool(is_valid(digits))
