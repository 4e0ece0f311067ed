"""`imx account`: who may sign in with a name and a password."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Annotated

import typer

from exchange.accounts import FIRST_PASSWORD_DAYS, Account, PostgresAccounts
from exchange.policy import Role
from exchange.throttle import Throttle
from imx.commands.group import Group
from imx.commands.options import Decision, Question
from imx.commands.printing import print_one, print_rows
from imx.database import migrated_database
from imx.pool import open_pool
from imx.settings import Settings

commands = Group("Who may sign in at the pages, and as what.")

NameArgument = Annotated[str, typer.Argument(help="The name to sign in with.")]
TrustOption = Annotated[str | None, typer.Option(help="ODS code of the person's trust.")]


@commands.command("create")
def create_account(
    name: NameArgument,
    given: Decision,
    role: Annotated[Role, typer.Option(help="What it is for.")] = Role.READER,
    trust: TrustOption = None,
) -> None:
    """Make an account, and print its first password, this once: its owner must change it."""
    with _accounts(given.settings()) as accounts:
        password = accounts.create(name, role, (trust or "").strip().upper(), given.who())
    _tell_password(name.strip().lower(), password, given.as_json)


@commands.command("list")
def list_accounts(given: Question) -> None:
    """Every account; never what it signs in with."""
    with _accounts(given.settings()) as accounts:
        found = accounts.all()
    print_rows([_shown(each) for each in found], given.as_json)


@commands.command("show")
def show_account(name: NameArgument, given: Question) -> None:
    """One account."""
    with _accounts(given.settings()) as accounts:
        found = accounts.named(name)
    print_one(_shown(found), given.as_json)


@commands.command("change")
def change_account(
    name: NameArgument,
    given: Decision,
    role: Annotated[Role | None, typer.Option(help="What it is for from now on.")] = None,
    trust: TrustOption = None,
) -> None:
    """Give it another role or trust; in force within seconds, for who is signed in as well."""
    if role is None and trust is None:
        raise typer.BadParameter("say what changes: --role, --trust")
    with _accounts(given.settings()) as accounts:
        accounts.change(name, role, trust.strip().upper() if trust is not None else None, given.who())
        found = accounts.named(name)
    print_one(_shown(found), given.as_json)


@commands.command("disable")
def disable_account(name: NameArgument, given: Decision) -> None:
    """Let it in no more; its sessions end, its tokens open nothing."""
    with _accounts(given.settings()) as accounts:
        accounts.disable(name, given.who())
        found = accounts.named(name)
    print_one(_shown(found), given.as_json)


@commands.command("enable")
def enable_account(name: NameArgument, given: Decision) -> None:
    """Let it in again."""
    with _accounts(given.settings()) as accounts:
        accounts.enable(name, given.who())
        found = accounts.named(name)
    print_one(_shown(found), given.as_json)


@commands.command("reset")
def reset_account(
    name: NameArgument,
    given: Decision,
    second_factor: Annotated[
        bool, typer.Option("--second-factor", help="Remove the second factor as well: the telephone is lost.")
    ] = False,
) -> None:
    """Give it a new first password, printed this once; it is signed out everywhere, and need not wait."""
    with _accounts(given.settings()) as accounts:
        password = accounts.reset_password(name, given.who())
        if second_factor:
            accounts.remove_second_factor(name, given.who())
        Throttle(accounts.pool).forget(name)
    _tell_password(name, password, given.as_json)


@contextmanager
def _accounts(settings: Settings) -> Iterator[PostgresAccounts]:
    with (
        migrated_database(settings) as conninfo,
        closing(open_pool(conninfo, 2)) as pool,
    ):
        yield PostgresAccounts(pool)


def _tell_password(name: str, password: str, as_json: bool) -> None:
    if as_json:
        print_one({"name": name, "password": password, "days": FIRST_PASSWORD_DAYS}, as_json)
        return
    sys.stdout.write(f"first password of {name}, to be used within {FIRST_PASSWORD_DAYS} days: {password}\n")


def _shown(account: Account) -> dict[str, object]:
    return {
        "name": account.name,
        "role": account.role,
        "trust": account.trust,
        "signs_in_at": account.issuer or "here",
        "second_factor": account.has_second_factor,
        "last_signed_in": account.signed_in_at,
        "disabled": account.disabled_at,
    }
