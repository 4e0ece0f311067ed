"""What we encode opens in other people's decoders: DCMTK for RLE and deflated objects, gdcm for JPEG 2000."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless

from storage.codecs.workers import Workers
from storage.elements import DEFLATED, EXPLICIT_LITTLE
from storage.part10 import write_meta
from storage.syntaxes import J2K_LOSSLESS, RLE
from storage.transcoding import Transcoder
from tests.storage.material import sample

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")]

NAMES = ["CT_small.dcm", "MR_small.dcm", "SC_rgb.dcm", "emri_small.dcm"]


@pytest.fixture(scope="module")
def transcoder() -> Iterator[Transcoder]:
    workers = Workers(2)
    yield Transcoder(workers)
    workers.close()


def made(name: str, wanted: str, transcoder: Transcoder, folder: Path) -> Path:
    """That file in another syntax."""
    each = sample(name)
    meta = write_meta(each.meta.sop_class_uid, each.meta.sop_instance_uid, wanted)
    path = folder / "made.dcm"
    path.write_bytes(meta + b"".join(transcoder.data_set([each.data], each.syntax, wanted)))
    return path


def native(name: str, transcoder: Transcoder, folder: Path) -> bytes:
    """Its pixels, as we hold them without compression."""
    found: bytes = dcmread(made(name, EXPLICIT_LITTLE, transcoder, folder)).PixelData
    return found


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_dcmtk_decodes_our_rle(name: str, transcoder: Transcoder, tmp_path: Path) -> None:
    expected = native(name, transcoder, tmp_path)
    compressed = made(name, RLE, transcoder, tmp_path)

    run("dcmdrle", compressed, tmp_path / "plain.dcm")

    plain = dcmread(tmp_path / "plain.dcm")
    assert plain.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    ours, theirs = np.frombuffer(expected, "u1"), np.frombuffer(plain.PixelData, "u1")
    if plain.get("PlanarConfiguration") == 1:
        frames = int(plain.get("NumberOfFrames") or 1)
        theirs = theirs.reshape(frames, 3, -1).transpose(0, 2, 1).ravel()
    assert np.array_equal(theirs, ours)


@pytest.mark.parametrize("wanted", [J2K_LOSSLESS, DEFLATED, RLE])
@pytest.mark.parametrize("name", NAMES)
def test_dcmtk_finds_nothing_wrong_with_what_we_write(
    name: str, wanted: str, transcoder: Transcoder, tmp_path: Path
) -> None:
    said = run("dcmdump", "+W", tmp_path, made(name, wanted, transcoder, tmp_path))

    assert "error" not in said.lower()
    assert "E:" not in said


@pytest.mark.parametrize("name", NAMES)
def test_gdcm_decodes_our_jpeg_2000(name: str, transcoder: Transcoder, tmp_path: Path) -> None:
    expected = native(name, transcoder, tmp_path)
    found = dcmread(made(name, J2K_LOSSLESS, transcoder, tmp_path))

    theirs, _ = get_decoder(JPEG2000Lossless).as_array(found, raw=True, decoding_plugin="gdcm")

    assert theirs.tobytes() == expected[: theirs.nbytes]
