"""Whom a study named, to a destination, under given corrections of identity: as it was sent, or is now."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection

from exchange.outgoing import ISSUER_OF_PATIENT_ID, PATIENT_ID, Journey, foreign_identity
from exchange.people.person import Identifier
from exchange.trusts import Trust
from storage.answers import read_members
from storage.corrections import Member, correct_json, in_force, those_of

_IDENTITIES = """
    select i.id, i.shown_as, i.trust, p.issuer, s.json, i.json
    from study s join identity i on i.study_id = s.id
    join patient p on p.id = i.sent_patient_id
    where s.uid = %s and (not s.has_versions or is_borne(s.id, i.id)) order by i.id
"""
# Those under which it was sent: what says whose it is as it was then, all else as it is now.
_CORRECTIONS = """
    select c.attributes, c.reason, c.made_at, c.identity_id, case when c.of_instances then
        array(select l.instance_id from correction_instance l
            where l.correction_id = c.id and l.instance_id = any(%s)) end, c.read_as
    from correction c join study s on s.id = c.study_id
    left join identity_correction i on i.correction_id = c.id
    where s.uid = %s and case when i.correction_id is null then c.undone_at is null
        else c.id = any(string_to_array(%s, ',')::bigint[]) end
    order by c.of_instances desc, c.made_at, c.id
"""


@dataclass(frozen=True, slots=True)
class AsTold:
    """One way in which a study names its patient."""

    own: Identifier  # with the issuer that our index has it under
    told: Identifier  # as the destination has it
    members: Mapping[str, Member]  # patient and study, as the destination was told them


def as_told(
    connection: Connection[Any], study_uid: str, naming: str, receiver: Trust, trusts: Collection[Trust]
) -> Sequence[AsTold]:
    """Of every identity of a study, in an order that stays; `naming` is `copies.naming_of` of then."""
    rows = connection.execute(_IDENTITIES, (study_uid,)).fetchall()
    shown = [row[1] for row in rows if row[1] is not None]
    corrections = [
        in_force(row) for row in connection.execute(_CORRECTIONS, (shown, study_uid, naming or None))
    ]
    found = []
    for id, shown_as, owner, sent_issuer, study, identity in rows:
        held = those_of(corrections, id, shown_as)
        members = correct_json(read_members(study, identity), held, with_originals=False)
        issuer = _text(members, ISSUER_OF_PATIENT_ID) or sent_issuer
        leaves = _leaving(members, owner, receiver, trusts)
        found.append(
            AsTold(
                Identifier(_text(members, PATIENT_ID), issuer),
                Identifier(_text(leaves, PATIENT_ID), _text(leaves, ISSUER_OF_PATIENT_ID) or issuer),
                leaves,
            )
        )
    return found


def _leaving(
    members: Mapping[str, Member], owner: str, receiver: Trust, trusts: Collection[Trust]
) -> Mapping[str, Member]:
    """With the numbers that the receiver's trust is given."""
    if owner == receiver.ods_code:
        return members
    home = next((each for each in trusts if each.ods_code == owner), Trust(owner, name=owner, issuer=owner))
    foreign = foreign_identity(members, Journey(home, receiver, trusts), datetime.now(UTC))
    return members if foreign is None else correct_json(members, [foreign], with_originals=False)


def _text(members: Mapping[str, Member], tag: str) -> str:
    values = members.get(tag, {}).get("Value") or [""]
    return str(values[0] or "").strip()
