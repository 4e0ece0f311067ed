"""In whose name a sender speaks, and whose identifiers it means."""

from dataclasses import dataclass, field

from exchange.hl7.feeds import Feed


@dataclass(frozen=True, slots=True)
class Namespace:
    """In whose name a sender speaks: its trust, and what it may call that trust's identifiers."""

    trust: str  # ODS code
    issuer: str  # of the trust's identifiers
    aliases: frozenset[str] = field(default=frozenset())  # authorities that mean that issuer, too
    feed: Feed = field(default=Feed())  # what it says of people

    def issuer_of(self, *authority: str) -> str:
        """The issuer that an assigning authority (namespace, universal ID) means: none is the trust's own."""
        named = [part for part in authority if part]
        if not named or any(part in (self.trust, self.issuer) or part in self.aliases for part in named):
            return self.issuer
        return named[0]
