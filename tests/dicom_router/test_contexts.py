"""What we take, held to the standard's dictionary of UIDs."""

from itertools import pairwise

import pytest
from pydicom._uid_dict import UID_dictionary
from pynetdicom.presentation import build_context, negotiate_as_acceptor
from pynetdicom.sop_class import _NON_PATIENT_OBJECT_CLASSES, _STORAGE_CLASSES

from dicom_router.contexts import (
    LOSSLESS,
    LOSSY,
    NATIVE,
    REFUSED_STORAGE_CLASSES,
    REFUSED_TRANSFER_SYNTAXES,
    RETIRED_STORAGE_CLASSES,
    STORAGE_CLASSES,
    TRANSFER_SYNTAXES,
    VERIFICATION,
    accepted,
    name_of,
    supported_contexts,
)
from dicom_router.services.table import ALWAYS

CT = "1.2.840.10008.5.1.4.1.1.2"
PRIVATE = "1.2.840.113619.4.30"


def negotiated(abstract_syntax: str, *offered: str, private: tuple[str, ...] = ()) -> str | None:
    context = build_context(abstract_syntax, list(offered))
    context.context_id = 1
    results, _roles = negotiate_as_acceptor([context], list(supported_contexts(tuple(ALWAYS), private)))
    taken = accepted(results)
    return taken[1].transfer_syntax if taken else None


def test_every_transfer_syntax_of_the_standard_is_taken_or_refused_for_a_reason() -> None:
    standard = {uid for uid, entry in UID_dictionary.items() if entry[1] == "Transfer Syntax"}

    assert len(set(TRANSFER_SYNTAXES)) == len(TRANSFER_SYNTAXES)
    assert not set(TRANSFER_SYNTAXES) & set(REFUSED_TRANSFER_SYNTAXES)
    assert standard == set(TRANSFER_SYNTAXES) | set(REFUSED_TRANSFER_SYNTAXES)


def test_every_storage_class_of_the_standard_is_taken_or_refused_for_a_reason() -> None:
    called_storage = {
        uid
        for uid, (name, kind, *_rest) in UID_dictionary.items()
        if kind == "SOP Class" and "Storage" in name and "Commitment" not in name
    }

    assert set(_STORAGE_CLASSES.values()) <= STORAGE_CLASSES
    assert not STORAGE_CLASSES & set(REFUSED_STORAGE_CLASSES)
    assert called_storage <= STORAGE_CLASSES | set(REFUSED_STORAGE_CLASSES)


def test_retired_classes_are_the_retired_ones() -> None:
    retired = {
        uid
        for uid, (name, kind, _info, state, _keyword) in UID_dictionary.items()
        if state == "Retired" and kind == "SOP Class" and "Storage" in name and "Commitment" not in name
    }

    assert retired == set(RETIRED_STORAGE_CLASSES)


def test_objects_that_are_no_patients_are_refused() -> None:
    assert set(_NON_PATIENT_OBJECT_CLASSES.values()) <= set(REFUSED_STORAGE_CLASSES)


def test_names_are_the_standards() -> None:
    assert name_of(CT) == "CT Image Storage"
    assert name_of("1.2.840.10008.1.2.4.110") == "JPEG XL Lossless"
    assert name_of("1.2.3") == "1.2.3"


@pytest.mark.parametrize("lossy", LOSSY)
@pytest.mark.parametrize("better", [*NATIVE, *LOSSLESS])
def test_never_lossy_where_lossless_or_native_is_offered(lossy: str, better: str) -> None:
    assert TRANSFER_SYNTAXES.index(better) < TRANSFER_SYNTAXES.index(lossy)


def test_explicit_before_implicit_and_little_before_big_endian() -> None:
    explicit, implicit, big = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"

    assert all(
        TRANSFER_SYNTAXES.index(a) < TRANSFER_SYNTAXES.index(b)
        for a, b in pairwise((explicit, implicit, big))
    )
    assert negotiated(CT, big, implicit, explicit) == explicit
    assert negotiated(CT, big, implicit) == implicit
    assert negotiated(CT, "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90") == "1.2.840.10008.1.2.4.90"


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES)
def test_every_syntax_is_taken_alone(syntax: str) -> None:
    assert negotiated(CT, syntax) == syntax


@pytest.mark.parametrize("syntax", REFUSED_TRANSFER_SYNTAXES)
def test_what_holds_no_pixels_is_refused(syntax: str) -> None:
    assert negotiated(CT, syntax) is None


def test_private_classes_are_taken_from_a_peer_whose_entry_names_them() -> None:
    assert negotiated(PRIVATE, NATIVE[0]) is None
    assert negotiated(PRIVATE, NATIVE[0], private=(PRIVATE,)) == NATIVE[0]


def test_verification_needs_no_compression() -> None:
    assert negotiated(VERIFICATION, "1.2.840.10008.1.2") == "1.2.840.10008.1.2"
    assert negotiated(VERIFICATION, "1.2.840.10008.1.2.4.50") is None
