"""The published statement is what the code does."""

from contextlib import closing
from pathlib import Path

from conformance.dimse import OPERATIONS, SERVED
from conformance.statement import STATEMENT, render_statement
from conformance.web import routes
from dicom_router.services.table import ALWAYS
from imx.configuration import read
from imx.pool import open_pool
from imx.wiring import dimse_services, open_reading


def test_the_published_statement_is_the_one_the_code_makes() -> None:
    assert STATEMENT.read_text("utf-8") == render_statement()


def test_it_names_every_service_that_a_router_is_given(database: str, tmp_path: Path) -> None:
    settings = read({"data": tmp_path, "database.url": database}, {})
    with closing(open_pool(database, 2)) as pool, closing(open_reading(settings, pool)) as reading:
        given = {**ALWAYS, **dimse_services(settings, reading, pool)}

    offered = {uid: set(operations) for uid, operations in given.items()}
    named: dict[str, set[int]] = {}
    for each in SERVED:
        for uid in each.sop_classes:
            named.setdefault(uid, set()).add(each.operation)
    assert named == offered


def test_every_operation_has_its_name() -> None:
    assert {each.operation for each in SERVED} <= set(OPERATIONS)


def test_the_routes_are_those_of_the_standard() -> None:
    found = {(each.method, each.path) for each in routes()}

    assert ("GET", "/studies") in found
    assert ("GET", "/studies/{study}/series/{series}/instances/{instance}/frames/{listed}") in found
