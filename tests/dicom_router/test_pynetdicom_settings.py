"""pynetdicom's process-wide switches."""

import logging

import pytest
from pynetdicom import _config

from dicom_router.pynetdicom_settings import set_up_pynetdicom


def test_nothing_that_came_over_the_network_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOG_REQUEST_IDENTIFIERS", "LOG_RESPONSE_IDENTIFIERS", "UNRESTRICTED_STORAGE_SERVICE"):
        monkeypatch.setattr(_config, name, True)

    set_up_pynetdicom()
    set_up_pynetdicom()

    assert _config.LOG_HANDLER_LEVEL == "none"
    assert not _config.LOG_REQUEST_IDENTIFIERS
    assert not _config.LOG_RESPONSE_IDENTIFIERS
    assert not _config.UNRESTRICTED_STORAGE_SERVICE
    assert not logging.getLogger("pynetdicom.acse").isEnabledFor(logging.ERROR)
