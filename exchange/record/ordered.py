"""Which orders studies answer."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from exchange.orders import ORDER_COLUMNS, Placed, placed

_TIED = f"""
    select t.study_uid as tied_to, o.* from order_tie t
    join (select {ORDER_COLUMNS} from imaging_order) o on o.id = t.order_id
    where t.study_uid = any(%s) and t.state = 'tied' and o.is_content order by t.study_uid, o.id
"""


def orders_of(connection: Connection[Any], study_uids: Collection[str]) -> Mapping[str, Sequence[Placed]]:
    """Those that are tied to each, by Study Instance UID; a study without any is left out."""
    found: dict[str, list[Placed]] = defaultdict(list)
    rows = connection.cursor(row_factory=dict_row).execute(_TIED, (sorted(study_uids),))
    for row in rows:
        found[row["tied_to"]].append(placed(row))
    return dict(found)
