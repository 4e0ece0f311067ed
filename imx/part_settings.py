"""The settings of a set-up, as each part takes its own."""

import os
import sys
from pathlib import Path

from dicom_router.settings import RouterSettings
from exchange.registry import Trust
from exchange.sessions import Lasting
from imx.configuration import BadSettings
from imx.connections import API_CONNECTIONS
from imx.folder import DataFolder
from imx.settings import DicomSettings, OidcSettings, Settings, UploadsSettings
from storage.upload import UploadSettings
from viewer_api.oidc.settings import ProviderSettings, roles_of
from viewer_api.settings import ApiSettings

#: Where `imx viewer install` puts the viewer: beside the packages, so that an image holds it.
VIEWER_FOLDER = Path(sys.prefix) / "share" / "imaging-exchange"

#: prometheus_client's own: the folder in which the processes of a service count together.
METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

#: To whom belongs what an open service is sent by peers that nobody knows.
OPEN_TRUST = Trust(ods_code="OPEN", name="Whoever sends to an open service", issuer="OPEN")


def router_settings(settings: Settings) -> RouterSettings:
    """Of the DIMSE edge."""
    ours: DicomSettings = settings.dicom
    return RouterSettings(
        slots_folder=settings.data / "slots",
        ae_title=ours.ae_title,
        other_titles=ours.other_titles,
        max_pdu=ours.max_pdu,
        association_limit=ours.association_limit,
        associations_per_peer=ours.associations_per_peer,
        artim_s=ours.artim_s,
        idle_s=ours.idle_s,
        stall_s=ours.stall_s,
        slowest_bytes_per_s=ours.slowest_bytes_per_s,
        discard_s=ours.discard_s,
        object_limit=settings.storage.object_limit,
        open_to_all=settings.open,
        open_trust=OPEN_TRUST if settings.open else None,
    )


def api_settings(settings: Settings) -> ApiSettings:
    """Of the HTTP edge."""
    return ApiSettings(
        is_open=settings.open,
        open_trust=OPEN_TRUST if settings.open else None,
        public_url=settings.http.public_url,
        ae_title=settings.dicom.ae_title,
        lasting=Lasting(settings.sign_in.idle_s, settings.sign_in.longest_s),
        is_second_factor_wanted=settings.sign_in.second_factor,
        provider=provider_settings(settings.oidc),
        cors_origins=settings.http.cors_origins,
        connections=API_CONNECTIONS,
        metrics_folder=os.environ.get(METRICS_VARIABLE, ""),
        withdrawals=settings.withdrawal,
        uploads=upload_settings(settings.uploads),
        spool_folder=spool_folder(settings),
        spool_limit_bytes=settings.storage.object_limit,
        viewer_folder=VIEWER_FOLDER,
    )


def upload_settings(ours: UploadsSettings) -> UploadSettings:
    """What is taken of one person, and for how long."""
    return UploadSettings(
        size_limit=ours.size_limit,
        person_limit=ours.person_limit,
        count_limit=ours.count_limit,
        keep_s=ours.keep_s,
    )


def provider_settings(ours: OidcSettings) -> ProviderSettings | None:
    """The identity provider; None where none is set."""
    if not ours.issuer:
        return None
    try:
        return ProviderSettings(
            issuer=ours.issuer,
            client_id=ours.client_id,
            client_secret=ours.client_secret.text if ours.client_secret else "",
            scopes=ours.scopes,
            audience=ours.audience,
            role_claim=ours.role_claim,
            roles=roles_of(ours.roles),
            trust_claim=ours.trust_claim,
            name=ours.name,
        )
    except ValueError as error:
        raise BadSettings(f"the settings of oidc cannot be: {error}") from error


def spool_folder(settings: Settings) -> str:
    """Beside the objects of this machine; where they are in a bucket, wherever the system says."""
    return str(DataFolder(settings.data).path) if settings.objects.url is None else ""
