"""What keeps a command from running: each ends it with one plain sentence and a status, never a traceback.

SetupError
├── BadSettings         imx.settings: a setting is unknown, unreadable or cannot be
├── FolderHeld          imx.folder: another service uses the data folder
├── PortInUse           imx.listening
├── PostgresError       imx.postgres.errors, a tree of its own
└── CommandFailed       a command could not do what was asked
"""


class SetupError(Exception):
    """The set-up, or what was asked, cannot be; the message says how to mend it."""


class CommandFailed(SetupError):
    """A command could not do what was asked."""
