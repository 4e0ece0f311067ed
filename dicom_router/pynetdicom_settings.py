"""pynetdicom's switches are one set for the whole process: this is the one place that sets them."""

import logging

from pynetdicom import _config


def set_up_pynetdicom() -> None:
    """What we rely on. Setting it again changes nothing.

    Its logs may name what came over the network, identifiers of a query among it: none are written.
    """
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    _config.ENFORCE_UID_CONFORMANCE = False  # a peer's odd UID is the archive's to judge, not the codec's
    _config.UNRESTRICTED_STORAGE_SERVICE = False  # closed by default
    _config.CODECS = ("ascii",)
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
