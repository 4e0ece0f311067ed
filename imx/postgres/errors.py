"""What can go wrong with the embedded PostgreSQL.

PostgresError
├── BinariesMissing     no PostgreSQL programs where the settings, or the wheel, say
├── NoAccount           started as root, and no other user to run as
├── FolderForeign       the data folder is another user's, or is not safe to use
├── OtherVersion        the data was written by another major version
└── DidNotStart         it ended before it answered, or could not be prepared

Each says what is wrong and how to mend it, in words for the person at the console.
"""

from imx.errors import SetupError


class PostgresError(SetupError):
    """The embedded PostgreSQL cannot run as things are."""


class BinariesMissing(PostgresError):
    """No PostgreSQL programs were found."""


class NoAccount(PostgresError):
    """PostgreSQL refuses to run as root, and there is no other user to be."""


class FolderForeign(PostgresError):
    """The folder belongs to somebody else, or others can reach into it."""


class OtherVersion(PostgresError):
    """The data was written by another major version of PostgreSQL."""


class DidNotStart(PostgresError):
    """PostgreSQL ended before it answered."""
