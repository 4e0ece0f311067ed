"""Every reader of files fed with damage: `python -m tests.fuzz --kind JPEG --first 300 --files 10000`.

Each file goes the way that a real one goes, through the confined processes. It has to end as DICOM or in
words, within the limits. A reader that breaks on it (an exception that is not ours) or ends its process is a
finding: the file and the traceback are kept in .fuzz/, and the status is 1.

The same kind and number are the same damage, and of the same seed the same file: what is tried without
options is the same every time, and `--kind JPEG --first 17 --files 1` is JPEG-17 again.
"""

import argparse
import json
import resource
import sys
from dataclasses import asdict

from benchmarks.figures import table
from tests.fuzz.damaged import Result, fuzz, usual_files
from tests.fuzz.seeds import SEEDS, seed_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, help="of each kind, instead of as many as its size allows")
    parser.add_argument("--kind", action="append", choices=[kind.name for kind in SEEDS], help="only these")
    parser.add_argument("--first", type=int, default=0, help="the number of the first damaged file")
    parser.add_argument("--json", action="store_true", help="figures for programs")
    options = parser.parse_args()
    kinds = [kind for kind in SEEDS if options.kind is None or kind.name in options.kind]
    seeds = {kind: seed for kind in kinds if (seed := seed_of(kind)) is not None}
    results = [
        fuzz(kind, seed, options.first, options.files or usual_files(seed)) for kind, seed in seeds.items()
    ]
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    if options.json:
        json.dump({"peak_mb": peak_mb, "kinds": [asdict(each) for each in results]}, sys.stdout, indent=2)
    else:
        _say(results, peak_mb)
        for kind in kinds:
            if kind not in seeds:
                print(f"{kind.value}: not tried, its real file is not beside this checkout")
    if any(result.findings for result in results):
        sys.exit(1)


def _say(results: list[Result], peak_mb: int) -> None:
    rows = [
        [
            each.kind,
            each.seed,
            f"{each.files:,}",
            ", ".join(f"{number:,} {name}" for name, number in each.outcomes.most_common()),
            ", ".join(each.findings) or "none",
        ]
        for each in results
    ]
    print(table(["files", "seed", "tried", "ended as", "findings"], rows))
    print(f"The largest process held {peak_mb:,} MB.")


if __name__ == "__main__":
    main()
