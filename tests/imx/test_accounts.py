"""`imx account`: the first administrator, and everybody after."""

import json
from typing import Any

import psycopg

from exchange.accounts import AccountExists, UnknownAccount
from storage.errors import BadInput
from tests.imx.conftest import Imx


def said(imx: Imx, *arguments: str) -> Any:
    """What a command says to a program."""
    done = imx("account", *arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_the_first_administrator_is_made_at_the_machine(imx: Imx, database: str) -> None:
    shown = imx("account", "create", "Mary.Seacole", "--role", "administrator", "--by", "root")
    password = shown.stdout.split()[-1]

    [account] = said(imx, "list")
    assert (account["name"], account["role"], account["second_factor"]) == (
        "mary.seacole",
        "administrator",
        False,
    )
    assert password not in imx("account", "list").stdout
    with psycopg.connect(database) as connection:
        kept = str(connection.execute("select * from account").fetchall())
        changes = connection.execute("select by, name, did from account_change").fetchall()
    assert password not in kept
    assert changes == [("root", "mary.seacole", "created")]


def test_an_account_is_changed_reset_disabled_and_enabled(imx: Imx, database: str) -> None:
    [made] = said(imx, "create", "ann", "--trust", "rbl")
    assert said(imx, "show", "ann")[0]["trust"] == "RBL"
    [changed] = said(imx, "change", "ann", "--role", "auditor", "--trust", "")
    assert (changed["role"], changed["trust"]) == ("auditor", "")
    assert imx("account", "change", "ann").exit_code == 2
    [reset] = said(imx, "reset", "ann", "--second-factor")
    assert reset["password"] != made["password"]
    assert said(imx, "disable", "ann")[0]["disabled"]
    assert said(imx, "enable", "ann")[0]["disabled"] is None
    with psycopg.connect(database) as connection:
        did = [
            each for (each,) in connection.execute("select did from account_change order by id").fetchall()
        ]
    assert did == [
        "created", "role or trust changed", "password reset", "second factor removed", "disabled", "enabled",
    ]  # fmt: skip


def test_what_cannot_be_is_one_sentence(imx: Imx) -> None:
    said(imx, "create", "ann")
    assert isinstance(imx("account", "create", "ann").exception, AccountExists)
    assert isinstance(imx("account", "create", "ann@elsewhere").exception, BadInput)
    for verb in ("show", "disable", "enable", "reset"):
        assert isinstance(imx("account", verb, "nobody").exception, UnknownAccount), verb
