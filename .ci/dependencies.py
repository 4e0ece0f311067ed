"""What we stand on: every package's licence, and whether a vulnerability of it is known.

Fails when a package is under a licence that binds whoever runs or changes this service (GPL, AGPL, SSPL), or
when a vulnerability is known. Where no vulnerability service answers, it says so and does not fail.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

PYTHON_LOCK = Path("requirements.lock")
NPM_LOCK = Path("tests/peers/package-lock.json")

#: Packages that may be here under a licence that is refused otherwise, each with its reason.
ALLOWED: Mapping[str, str] = {
    "fhirpy": "MIT by its LICENSE.md; its metadata say nothing. A client of our FHIR, in a test",
    "combine-errors": "MIT by its Readme; its package.json says nothing. tus-js-client wants it, in a test",
    "memorystream": "MIT by its LICENSE; its package.json says so in a form that npm no longer reads",
}

#: LGPL and MPL bind only changes to the package itself; a choice ("MIT OR GPL-3.0") binds to nothing.
REFUSED = re.compile(r"\bA?GPL|(?<!Lesser )(?<!Library or )General Public License|Affero|SSPL", re.IGNORECASE)


class Package(NamedTuple):
    """One that the lock files name, and what it says of itself."""

    name: str
    version: str
    licence: str


def python_packages() -> list[Package]:
    """Those installed beside this program."""
    listing = _run("piplicenses", "--from=mixed", "--format=json", "--with-system")
    return sorted({Package(each["Name"], each["Version"], each["License"]) for each in json.loads(listing)})


def npm_packages() -> list[Package]:
    """Those of the peers' package-lock.json, which carries their licences."""
    entries = json.loads(NPM_LOCK.read_text())["packages"]
    return [
        Package(path.rpartition("node_modules/")[2], entry["version"], entry.get("license", "UNKNOWN"))
        for path, entry in entries.items()
        if path
    ]


def refused(packages: Iterable[Package]) -> list[Package]:
    """Those whose licence we cannot stand on, or that name none."""
    return [each for each in packages if each.name not in ALLOWED and not _may_stand_on(each.licence)]


def _may_stand_on(licence: str) -> bool:
    choices = re.split(r"\s+OR\s+", licence)
    return licence != "UNKNOWN" and not all(REFUSED.search(choice) for choice in choices)


def audit() -> int:
    """Print what is known against the locked packages; how many findings."""
    answer = _run(
        *("pip_audit", "--requirement", str(PYTHON_LOCK), "--require-hashes", "--disable-pip"),
        *("--progress-spinner=off", "--format=json", "--timeout=5"),
    )
    if not answer.startswith("{"):
        print("vulnerabilities: NOT CHECKED, the service that knows them does not answer here")
        return 0
    packages = json.loads(answer)["dependencies"]
    checked = [each for each in packages if "vulns" in each]
    found = [(each, known) for each in checked for known in each["vulns"]]
    for each, known in found:
        mended_in = ", ".join(known["fix_versions"]) or "no version yet"
        print(f"vulnerable: {each['name']} {each['version']}: {known['id']}, mended in {mended_in}")
    unknown = (
        ""
        if len(checked) == len(packages)
        else f"; NOT CHECKED: {len(packages) - len(checked)}, no service knew them"
    )
    print(f"vulnerabilities: {len(found)} known in {len(checked)} packages{unknown}")
    return len(found)


def _run(module: str, *arguments: str) -> str:
    # pip-audit ends with 1 both for a finding and for a service that is away: its output tells them apart.
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False, timeout=300
    )
    return done.stdout


def main() -> int:
    """The exit status."""
    packages = python_packages() + npm_packages()
    for licence in sorted({each.licence for each in packages}):
        names = sorted(each.name for each in packages if each.licence == licence)
        print(f"{licence:<50.50}  {' '.join(names)}")
    against = refused(packages)
    for each in against:
        print(
            f"REFUSED: {each.name} {each.version}, {each.licence}: replace it, or say in ALLOWED why it stays"
        )
    return 1 if audit() or against else 0


if __name__ == "__main__":
    sys.exit(main())
