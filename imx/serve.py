"""`imx serve`, the whole service; `imx router`, `imx api` and `imx worker`, one part each for a cluster."""

import sys
from contextlib import ExitStack
from typing import Annotated

import typer

from imx import logs, operation, parts, worker
from imx.certificates import check_tls
from imx.commands.options import SetUp
from imx.listening import open_listener
from imx.settings import Settings
from imx.supervisor import serve

DicomPortOption = Annotated[
    int | None, typer.Option("--dicom-port", help="For DICOM. Otherwise 11112.", min=1, max=65535)
]
HttpPortOption = Annotated[
    int | None, typer.Option("--http-port", help="For HTTP. Otherwise 8080.", min=1, max=65535)
]
Hl7PortOption = Annotated[
    int | None,
    typer.Option("--hl7-port", help="For HL7 v2 over MLLP, such as 2575.", min=1, max=65535),
]
OpenOption = Annotated[
    bool | None,
    typer.Option("--open", help="Accept unknown AE titles and anonymous readers, on this machine alone."),
]


def serve_command(
    given: SetUp,
    dicom_port: DicomPortOption = None,
    http_port: HttpPortOption = None,
    hl7_port: Hl7PortOption = None,
    is_open: OpenOption = None,
) -> None:
    """Run the whole service until Ctrl-C or SIGTERM; a second one hurries."""
    settings = given.settings(dicom__port=dicom_port, http__port=http_port, hl7__port=hl7_port, open=is_open)
    logs.set_up("supervisor")
    serve(settings, announce)


def router_command(given: SetUp, dicom_port: DicomPortOption = None, is_open: OpenOption = None) -> None:
    """Run one process of the DIMSE edge, for a cluster."""
    settings = given.settings(dicom__port=dicom_port, open=is_open)
    check_tls(settings.tls)
    logs.set_up("router")
    parts.migrate_soon(settings)
    with ExitStack() as stack:
        stack.enter_context(operation.answering(settings))
        plain = stack.enter_context(open_listener(settings.dicom.host, settings.dicom.port, "dicom.port"))
        tls = None
        if settings.tls.certificate is not None:
            tls = stack.enter_context(open_listener(settings.dicom.host, settings.tls.port, "tls.port"))
        parts.run_router(settings, plain, tls)


def api_command(given: SetUp, http_port: HttpPortOption = None, is_open: OpenOption = None) -> None:
    """Run one process of the HTTP edge, for a cluster."""
    settings = given.settings(http__port=http_port, open=is_open)
    logs.set_up("api")
    parts.migrate_soon(settings)
    with open_listener(settings.http.host, settings.http.port, "http.port") as listener:
        parts.run_api(settings, listener)


def worker_command(given: SetUp) -> None:
    """Run the background work: sending studies on, small objects into the store, the sweep, reading again."""
    settings = given.settings()
    logs.set_up("worker")
    parts.migrate_soon(settings)
    with operation.answering(settings):
        worker.run_worker(settings)


def announce(settings: Settings) -> None:
    """For the person at the console: where it can be reached."""
    web = f"http://{_spoken(settings.http.host)}:{settings.http.port}"
    lines = [
        f"DICOM     {settings.dicom.ae_title}@{_spoken(settings.dicom.host)}:{settings.dicom.port}",
        f"studies   {web}/studies",
        f"DICOMweb  {web}/dicom-web",
        f"health    {web}/health/ready",
        f"data      {settings.data}",
    ]
    if settings.tls.certificate is not None:
        lines.insert(
            1, f"over TLS  {settings.dicom.ae_title}@{_spoken(settings.dicom.host)}:{settings.tls.port}"
        )
    hl7 = [port for port in (settings.hl7.port, settings.hl7.tls_port) if port is not None]
    lines += [f"HL7       {_spoken(settings.hl7.host)}:{port}" for port in hl7]
    if settings.open:
        lines.append("open: everybody on this machine may send and read")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _spoken(host: str) -> str:
    """A host as an address to call: every address of this machine is called by its name."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 -- compared, not bound
        return "localhost"
    return f"[{host}]" if ":" in host else host
