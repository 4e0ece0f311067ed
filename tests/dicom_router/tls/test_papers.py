from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from dicom_router.tls.papers import Paper, PaperKind, papers_of, without_list
from dicom_router.tls.profile import TlsFiles, TlsSettingsWrong
from tests.dicom_router.authorities import Authority, lay_out

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_everything_in_the_files_is_found(tmp_path: Path) -> None:
    authority = Authority(trustme.CA(organization_name="ACME", organization_unit_name="CA of ACME"))
    found = papers_of(lay_out(tmp_path, authority))

    assert [each.kind for each in found] == [
        PaperKind.CERTIFICATE,
        PaperKind.AUTHORITY,
        PaperKind.REVOCATIONS,
    ]
    assert found[1].name == found[2].name
    assert without_list(found) == []
    assert all(each.file.parent == tmp_path for each in found)


def test_an_authority_without_a_list_is_found(tmp_path: Path) -> None:
    files = lay_out(tmp_path, Authority(trustme.CA()))
    other = trustme.CA(organization_name="Other")
    assert files.authorities is not None
    other.cert_pem.write_to_path(files.authorities, append=True)

    assert len(without_list(papers_of(files))) == 1
    assert without_list(papers_of(TlsFiles(files.certificate, files.key, files.authorities))) == []


@pytest.mark.parametrize(
    ("kind", "life", "left", "is_ending", "is_ended"),
    [
        (PaperKind.CERTIFICATE, timedelta(days=365), timedelta(days=31), False, False),
        (PaperKind.CERTIFICATE, timedelta(days=365), timedelta(days=29), True, False),
        (PaperKind.AUTHORITY, timedelta(days=3650), timedelta(seconds=-1), True, True),
        (PaperKind.REVOCATIONS, timedelta(days=8), timedelta(days=3), False, False),
        (PaperKind.REVOCATIONS, timedelta(days=8), timedelta(days=1), True, False),
        (PaperKind.REVOCATIONS, timedelta(days=365), timedelta(days=29), True, False),
    ],
)
def test_what_is_about_to_end_is_said_in_time(
    kind: PaperKind, life: timedelta, left: timedelta, is_ending: bool, is_ended: bool
) -> None:
    end = NOW + left
    paper = Paper(kind, "ACME", Path("x.pem"), end - life, end)

    assert (paper.is_ending(NOW), paper.is_ended(NOW)) == (is_ending, is_ended)


def test_a_list_without_an_end_never_ends() -> None:
    paper = Paper(PaperKind.REVOCATIONS, "ACME", Path("x.pem"), NOW, None)

    assert not paper.is_ending(NOW)
    assert not paper.is_ended(NOW)


@pytest.mark.parametrize("which", ["certificate", "authorities", "revocations"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, which: str) -> None:
    files = lay_out(tmp_path, Authority(trustme.CA()))
    path: Path = getattr(files, which)

    for content in (b"", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"):
        path.write_bytes(content)
        with pytest.raises(TlsSettingsWrong, match=path.name):
            papers_of(files)
    path.unlink()
    with pytest.raises(TlsSettingsWrong, match=path.name):
        papers_of(files)
