"""Other people's senders, each as a process of its own: what they send is what the recorder saw."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from tests.peers.material import Stamped

Sender = Callable[[Sequence[Stamped], int], None]

_HERE = Path(__file__).parent

#: storescu proposes what it is told to: the option for each transfer syntax beyond the uncompressed ones.
_STORESCU_PROPOSES: Mapping[str, str] = {
    "1.2.840.10008.1.2": "-xi",
    "1.2.840.10008.1.2.1": "-xe",
    "1.2.840.10008.1.2.1.99": "-xd",
    "1.2.840.10008.1.2.2": "-xb",
    "1.2.840.10008.1.2.4.50": "-xy",
    "1.2.840.10008.1.2.4.51": "-xx",
    "1.2.840.10008.1.2.4.70": "-xs",
    "1.2.840.10008.1.2.4.80": "-xt",
    "1.2.840.10008.1.2.4.81": "-xu",
    "1.2.840.10008.1.2.4.90": "-xv",
    "1.2.840.10008.1.2.4.91": "-xw",
    "1.2.840.10008.1.2.5": "-xr",
}


def dcmsend(files: Sequence[Stamped], port: int) -> None:
    """DCMTK's sender for many files: it negotiates what they need, and goes on after a bad one."""
    _run(*_dcmtk("dcmsend", "DCMSEND"), "--no-uid-checks", "127.0.0.1", str(port), *_paths(files))


def storescu(files: Sequence[Stamped], port: int) -> None:
    """DCMTK's plain sender, once for each transfer syntax."""
    ordered = sorted(files, key=_syntax)
    for syntax, group in groupby(ordered, _syntax):
        proposes = ("--required", _STORESCU_PROPOSES[syntax])
        _run(*_dcmtk("storescu", "STORESCU"), *proposes, "127.0.0.1", str(port), *_paths(list(group)))


def dcmjs(files: Sequence[Stamped], port: int) -> None:
    """dcmjs-dimse, in JavaScript, which decodes and encodes every data set."""
    _run("node", str(_HERE / "push_dcmjs.js"), str(port), *_paths(files))


def pynetdicom(files: Sequence[Stamped], port: int) -> None:
    """pynetdicom, which decodes and encodes every data set."""
    _run(sys.executable, "-m", "tests.peers.push_pynetdicom", str(port), *_paths(files))


def pynetdicom_as_is(files: Sequence[Stamped], port: int) -> None:
    """pynetdicom, which sends the bytes of the file: what no other sender can read goes out all the same."""
    _run(sys.executable, "-m", "tests.peers.push_pynetdicom", str(port), "--as-is", *_paths(files))


SENDERS: Mapping[str, Sender] = {
    "dcmsend": dcmsend,
    "storescu": storescu,
    "dcmjs-dimse": dcmjs,
    "pynetdicom": pynetdicom,
    "pynetdicom as is": pynetdicom_as_is,
}


def _dcmtk(program: str, calling: str) -> Sequence[str]:
    return ("env", "TCP_NODELAY=1", program, "--no-halt", "-aet", calling, "-aec", "IMX")


def _paths(files: Sequence[Stamped]) -> list[str]:
    return [str(file.path) for file in files]


def _syntax(file: Stamped) -> str:
    return file.transfer_syntax_uid


def _run(*command: str) -> None:
    # A file that a sender cannot read makes it end with an error: the recorder knows what was sent.
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    print(
        f"{command[0]} {Path(command[1]).name}: {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    )
