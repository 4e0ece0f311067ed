"""What the database's driver raises, as errors of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg_pool import PoolTimeout

from storage.errors import Contended, IndexUnavailable, NoRoom, NotTaken

_TWO_AT_ONCE = (
    psycopg.errors.UniqueViolation,
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
)
#: A value that no column holds, a row that cannot be, a statement that is none or takes too long.
_OF_ONE_STATEMENT = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.ProgrammingError,
    psycopg.NotSupportedError,
    psycopg.errors.QueryCanceled,
    psycopg.errors.ProgramLimitExceeded,
    psycopg.errors.StatementTooComplex,
)


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Every error of the driver as one of ours. Its text may hold values, so it is not passed on."""
    try:
        yield
    except (psycopg.errors.DiskFull, psycopg.errors.OutOfMemory) as error:
        raise NoRoom("the database has no room") from error
    except PoolTimeout as error:
        raise IndexUnavailable("no database connection came free in time") from error
    except _TWO_AT_ONCE as error:
        raise Contended("two do the same at once") from error
    except psycopg.errors.InvalidSqlStatementName as error:
        raise Contended("a statement was forgotten meanwhile") from error
    except _OF_ONE_STATEMENT as error:
        raise NotTaken(f"the database does not take it: {type(error).__name__}") from error
    except psycopg.Error as error:
        raise IndexUnavailable(f"the database does not answer: {type(error).__name__}") from error
