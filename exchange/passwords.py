"""Passwords: what makes one good enough, and how it is kept.

Length counts, composition does not, and the commonest are refused (NIST SP 800-63B-4 §3.1.1; NCSC, "Three
random words"). What is kept is Argon2id with the second recommended parameters of RFC 9106 §4.
"""

import re
import secrets
import unicodedata
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from storage.errors import BadInput

SHORTEST = 12
LONGEST = 256

_hasher = PasswordHasher()

#: Of somebody who is not: asking for them takes as long as for those who are.
_NOBODYS = _hasher.hash(secrets.token_urlsafe(32))

#: What is left of the commonest passwords without the figures and marks that people put around them.
_COMMON = frozenset(
    """
    abc abcd abcdef abcdefgh abcdefghijkl abcdefghijklmnopqrstuvwxyz access admin administrator adminadmin
    aintree andrew apple asdf asdfasdf asdfgh asdfghjkl asdfghjklqwertyuiop barcelona baseball basketball
    batman blahblah changeme changemenow changemeplease charlie chelsea cheshire chocolate computer consultant
    correcthorsebatterystaple cricket default demo demodemo dicom dicomdicom doctor dragon england everton
    everton football guest hello helloworld hospital iloveyou imaging imagingexchange internet jennifer jordan
    killer letmein letmeinletmein letmeinnow letmeinplease liverpool liverpoolfc login loveyou manchester
    manchesterunited master matrix merseyside michael monkey mustang mypassword ninja nhs nhsnhsnhs nopassword
    nurse orthanc pacs pacspacs pass passpass passphrase passw0rd passwort password passwordpassword
    passwordispassword pictures pokemon princess qazwsx qazwsxedc qazwsxedcrfv qwer qwert qwerty
    qwertyqwerty qwertyuiop qwertyuiopasdfghjkl qwertyuiopasdfghjklzxcvbnm radiographer radiology radiologist
    root rootroot samsung secret secretsecret september shadow starwars summer sunshine superman superuser
    spring autumn winter test testing testpassword testtest thisisapassword thisismypassword threerandomwords
    trustno touch unknown user username welcome welcomeback welcomehome whatever xray zaqwsx zxcvbn zxcvbnm
    """.split()
)
_CLEAR = "abcdefghjkmnpqrstuvwxyz23456789"
_LOOKALIKE = str.maketrans("0134578@$!", "oleastbasi")


class WeakPassword(BadInput):
    """The password will not do; the words say what would."""


def checked(password: str, name: str) -> str:
    """The password as it is kept, for the account of that name. Raises WeakPassword."""
    text = normalised(password)
    if len(text) < SHORTEST:
        raise WeakPassword(f"use {SHORTEST} characters or more: three random words are easy to remember")
    if len(text) > LONGEST:
        raise WeakPassword(f"use no more than {LONGEST} characters")
    if _is_common(text, name):
        raise WeakPassword("that password is one of the first that are tried: use three random words")
    return text


def normalised(password: str) -> str:
    """One spelling of what different keyboards write (NIST SP 800-63B-4 §3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def hashed(password: str) -> str:
    """To be kept; it says its parameters."""
    return _hasher.hash(normalised(password))


def matches(kept: str | None, password: str) -> bool:
    """Whether it is the one. It takes as long where there is none."""
    if len(password) > LONGEST:
        password = ""
    try:
        return _hasher.verify(kept or _NOBODYS, normalised(password)) and bool(kept)
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(kept: str) -> bool:
    """Whether it was hashed with other parameters than we use now."""
    return _hasher.check_needs_rehash(kept)


def first_password() -> str:
    """One that a person is given and changes: 20 signs that are not mistaken for each other, 99 bits."""
    return "-".join("".join(secrets.choice(_CLEAR) for _ in range(5)) for _ in range(4))


def _is_common(text: str, name: str) -> bool:
    folded = text.casefold()
    own = re.sub(r"[^a-z]", "", name.casefold())
    bare = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", folded)
    for spelt in (bare, bare.translate(_LOOKALIKE)):
        letters = re.sub(r"[\W\d_]", "", spelt)
        if letters in _COMMON or (own and letters == own):
            return True
    return len(set(folded)) < 5 or _is_a_run(folded) or bool(re.fullmatch(r"(.{1,5}?)\1+.{0,4}", folded))


def _is_a_run(text: str) -> bool:
    """Figures or letters that follow each other: 123456789012, or back."""
    steps = {ord(after) - ord(before) for before, after in pairwise(text)}
    return steps <= {1, -9} or steps <= {-1, 9}
