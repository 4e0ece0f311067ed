"""Every exception of the driver reaches callers as one of ours, without what the driver says of values."""

import inspect

import psycopg
import psycopg_pool
import pytest

from storage.driver_errors import mapped_errors
from storage.errors import (
    Contended,
    IndexUnavailable,
    NoRoom,
    NotHeld,
    NotTaken,
    ObjectsUnavailable,
    Unavailable,
    is_outage,
)

_ALL = sorted(
    {
        error
        for module in (psycopg, psycopg.errors, psycopg_pool)
        for _, error in inspect.getmembers(module, inspect.isclass)
        if issubclass(error, psycopg.Error)
    },
    key=lambda error: error.__name__,
)


def test_there_are_many() -> None:
    assert len(_ALL) > 200


@pytest.mark.parametrize("error", _ALL, ids=lambda error: error.__name__)
def test_it_is_mapped(error: type[psycopg.Error]) -> None:
    with pytest.raises(Unavailable) as caught, mapped_errors():
        raise error("Key (patient_name)=(smith^john) already exists")
    assert "smith" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (psycopg.errors.DiskFull, NoRoom),
        (psycopg.errors.OutOfMemory, NoRoom),
        (psycopg.errors.UniqueViolation, Contended),
        (psycopg.errors.SerializationFailure, Contended),
        (psycopg.errors.DeadlockDetected, Contended),
        (psycopg.errors.QueryCanceled, NotTaken),
        (psycopg.DataError, NotTaken),
        (psycopg.errors.CheckViolation, NotTaken),
        (psycopg.errors.AdminShutdown, IndexUnavailable),
        (psycopg_pool.PoolTimeout, IndexUnavailable),
        (psycopg_pool.PoolClosed, IndexUnavailable),
        (psycopg_pool.TooManyRequests, IndexUnavailable),
    ],
)
def test_which_of_ours(error: type[psycopg.Error], ours: type[Unavailable]) -> None:
    with pytest.raises(ours), mapped_errors():
        raise error


def test_an_outage_is_of_everything_and_what_is_not_taken_is_of_one() -> None:
    for error in (IndexUnavailable(""), Contended(""), NoRoom(""), ObjectsUnavailable("")):
        assert is_outage(error)
    for fault in (NotTaken(""), NotHeld(""), KeyError()):
        assert not is_outage(fault)


def test_what_is_ours_or_the_caller_s_passes_through() -> None:
    for error in (NoRoom("full"), ValueError("mine"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught, mapped_errors():
            raise error
        assert caught.value is error
