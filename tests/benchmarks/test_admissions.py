"""Stories of people, told by several feeds at once and in no order, end in the directory as they must."""

from concurrent.futures import ThreadPoolExecutor
from random import randrange

from psycopg_pool import ConnectionPool

from benchmarks.admissions import FEEDS, compare, feeds_of, world_of
from exchange.hl7.desk import HANDLERS, Desk
from exchange.hl7.senders import PostgresSenders, Sender
from exchange.registry import PostgresRegistry
from exchange.trusts import Trust
from tests.exchange.hl7.material import answer_of


def test_four_feeds_in_any_order_come_to_the_end_of_every_story(database: str) -> None:
    seed = randrange(10_000)
    world = world_of(250, seed)
    with ConnectionPool(database, min_size=1, max_size=8) as pool:
        registry, senders = PostgresRegistry(pool), PostgresSenders(pool)
        for trust in FEEDS:
            registry.add_trust(Trust(trust, trust, trust))
            senders.add(Sender("127.0.0.1", trust, trust))
        desk = Desk(pool, HANDLERS)

        def feed(messages: list[bytes]) -> set[str]:
            return {answer_of(desk.take(each, "127.0.0.1"))[0] for each in messages}

        with ThreadPoolExecutor(len(FEEDS)) as feeding:
            answers = set().union(*feeding.map(feed, map(list, feeds_of(world, seed).values())))
    assert answers == {"AA"}
    assert compare(database, world) == [], f"seed {seed}"
