"""The rules in force: the newest rule file that was loaded. Every one that ever was is kept."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from psycopg_pool import ConnectionPool

from dicom_router.rules.parsing import Known, parse_rules
from dicom_router.rules.rule import RuleSet
from exchange.destinations import PostgresDestinations
from exchange.registry import PostgresRegistry
from storage.driver_errors import mapped_errors


@dataclass(frozen=True, slots=True)
class Version:
    """One rule file that was in force, or is."""

    number: int
    text: str
    loaded_by: str
    loaded_at: datetime

    @property
    def rules(self) -> RuleSet:
        """What it says. What it named may be gone by now, which is no fault of it."""
        return _read(self.text)


@lru_cache(maxsize=4)
def _read(text: str) -> RuleSet:
    return parse_rules(text)


@dataclass(frozen=True, slots=True)
class RuleBook:
    """Rule files, in the database. Every verb raises IndexUnavailable."""

    pool: ConnectionPool

    def in_force(self) -> Version | None:
        """The newest; None before the first was loaded."""
        return next(iter(self.history(1)), None)

    def history(self, most: int = 100) -> list[Version]:
        """Newest first."""
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(
                "select version, text, loaded_by, loaded_at from rule_set order by version desc limit %s",
                (most,),
            ).fetchall()
        return [Version(*row) for row in rows]

    def load(self, text: str, loaded_by: str) -> Version:
        """Put a rule file in force. Raises RulesWrong, and then those in force stay."""
        parse_rules(text, self.known())
        with mapped_errors(), self.pool.connection() as connection:
            row = connection.execute(
                "insert into rule_set (text, loaded_by) values (%s, %s)"
                " returning version, text, loaded_by, loaded_at",
                (text, loaded_by),
            ).fetchone()
        assert row is not None
        return Version(*row)

    def known(self) -> Known:
        """What a rule file may name."""
        destinations = PostgresDestinations(self.pool).entries()
        trusts = PostgresRegistry(self.pool).trusts()
        return Known(
            frozenset(each.name for each in destinations), frozenset(each.ods_code for each in trusts)
        )
