"""Which operating system user PostgreSQL runs as. It refuses to run as root, and so do we."""

import os
import pwd
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from imx.postgres.errors import NoAccount

#: The users a root-started service drops to when the settings name none: the first that exists.
USUAL_ACCOUNTS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine. `is_other`: somebody else than we are, so privileges must be dropped."""

    name: str
    uid: int
    gid: int
    is_other: bool


def choose_account(configured: str | None, owner_uid: int | None) -> Account:
    """Ourselves; when we are root, another user that exists.

    An existing data folder's owner comes first: a user added to the machine later must not
    lock us out of our own data.
    """
    if os.geteuid() != 0:
        return Account(_name_of(os.geteuid()), os.geteuid(), os.getegid(), is_other=False)
    if owner_uid:
        try:
            entry = pwd.getpwuid(owner_uid)
        except KeyError:
            raise NoAccount(
                f"the data folder belongs to user number {owner_uid}, who does not exist here"
            ) from None
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, is_other=True)
    for name in (configured,) if configured else USUAL_ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, is_other=True)
    raise NoAccount(
        "PostgreSQL does not run as root, and there is no user "
        f"{configured or ' or '.join(USUAL_ACCOUNTS)} to run it as: "
        "set database.account to one that exists, start the service as another user, or set database.url"
    )


def current_user_name() -> str:
    """Whose connections the database accepts: the name of the user that we are."""
    return _name_of(os.geteuid())


def can_reach(account: Account, paths: Iterable[Path]) -> bool:
    """Whether the account may pass through every folder above these paths, by their mode bits."""
    return all(_may_pass(account, parent) for path in paths for parent in path.resolve().parents)


def _may_pass(account: Account, folder: Path) -> bool:
    status = folder.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise NoAccount(f"the user number {uid} has no name on this machine; PostgreSQL needs one") from None
