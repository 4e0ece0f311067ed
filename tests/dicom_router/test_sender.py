"""What leaves for a peer, byte for byte, and what becomes of each instance."""

import os
from collections.abc import Sequence

import pytest
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
)

from dicom_router.sender import Sender
from dicom_router.storing import Sent
from storage.leaving import Leaving
from tests.dicom_router.holdings import Destination, Holdings, destination

BOTH = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
CT_AND_MR = [(CTImageStorage, BOTH), (MRImageStorage, BOTH)]


def sent_to(to: Destination, holdings: Holdings, leaving: Sequence[Leaving]) -> list[Sent]:
    return list(Sender(reader=holdings.reader).send(to.callee, "IMX", leaving))


@pytest.mark.parametrize("max_pdu", [0, 4096, 16382, 1 << 20])
def test_a_study_arrives_as_it_was_received(holdings: Holdings, max_pdu: int) -> None:
    study = holdings.study(3, PixelData=os.urandom(300_000), Rows=300, Columns=500)
    with destination(CT_AND_MR, max_pdu=max_pdu) as to:
        sent = sent_to(to, holdings, holdings.leaving(study))

    assert [each.status for each in sent] == [0, 0, 0]
    assert to.received == holdings.received
    assert len(to.associations) == 1
