"""A registry with two trusts, and what is told of their orders."""

from collections.abc import Iterator

import pytest
from psycopg_pool import ConnectionPool

from exchange.registry import PostgresRegistry
from exchange.trusts import Trust

WIRRAL = Trust("RBL", "Wirral", "RBL")
AINTREE = Trust("REM", "Liverpool", "REM")


@pytest.fixture
def pool(database: str) -> Iterator[ConnectionPool]:
    """Connections to a database that knows Wirral and Liverpool."""
    with ConnectionPool(database, min_size=1, max_size=8) as found:
        registry = PostgresRegistry(found)
        registry.add_trust(WIRRAL)
        registry.add_trust(AINTREE)
        yield found
