"""`imx verify` and `imx rebuild`: are the bytes what they were, and the index made from them again."""

import json
import sys
from collections import Counter

import typer
from rich.console import Console
from rich.markup import escape

from imx.commands.options import Question
from imx.commands.progress import progress_bar
from imx.database import open_database
from imx.wiring import build_ingest, staged_objects
from storage.driver_errors import mapped_errors
from storage.rebuild import Rebuilt, rebuild
from storage.verify import Condition, verify


def verify_command(given: Question) -> None:
    """Read every object again and compare it with its digest. Status 1 when one is damaged or gone."""
    settings = given.settings()
    count = size = 0
    damaged = []
    with open_database(settings) as pool, progress_bar() as bar:
        with mapped_errors(), pool.connection() as connection:
            row = connection.execute("select count(*) from object").fetchone()
        task = bar.add_task("reading", total=row[0] if row else 0)
        for each in verify(staged_objects(settings, pool), pool):
            count, size = count + 1, size + each.size
            if each.condition is not Condition.SOUND:
                damaged.append({"key": each.key, "condition": each.condition.value})
                bar.console.print(f"{escape(each.key)}: {each.condition.value}", soft_wrap=True)
            bar.advance(task)
    if given.as_json:
        json.dump({"objects": count, "bytes": size, "damaged": damaged}, sys.stdout)
        sys.stdout.write("\n")
    else:
        Console(stderr=True).print(f"{count:,} objects, {size:,} bytes read, {len(damaged)} damaged")
    if damaged:
        raise typer.Exit(1)


def rebuild_command(given: Question) -> None:
    """Make the index again from the objects alone. Status 1 when an object could not be taken in."""
    settings = given.settings()
    counts: Counter[Rebuilt] = Counter()
    with open_database(settings) as pool, progress_bar() as bar:
        task = bar.add_task("objects", total=None)
        for line in rebuild(build_ingest(settings, pool), pool):
            counts[line.result] += 1
            if line.result is Rebuilt.FOREIGN:
                bar.console.print(
                    f"{escape(line.key)}: {line.result.value}: {escape(line.because)}", soft_wrap=True
                )
            bar.advance(task)
    if given.as_json:
        json.dump({result.value: counts[result] for result in Rebuilt}, sys.stdout)
        sys.stdout.write("\n")
    else:
        said = ", ".join(f"{number} {result.value}" for result, number in counts.most_common())
        Console(stderr=True).print(said or "no objects")
    if counts[Rebuilt.FOREIGN]:
        raise typer.Exit(1)
