"""Performed steps told on, to a trust's RIS: N-CREATE and N-SET in the order in which they came (PS3.4 §F.7).

What a peer does not hear waits, and what follows waits behind it; what it refuses for good is shown to a
person, and the rest goes on.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import structlog
from pydicom.dataset import Dataset

from dicom_router.data_sets import encode_data_set
from dicom_router.errors import AssociationError, Unreached
from dicom_router.messages import DataSet
from dicom_router.normalized import N_CREATE_RQ, N_SET_RQ, Request
from dicom_router.pdus import p_data
from dicom_router.proposing import Proposal
from dicom_router.requestor import Callee, Calling, Requested, request_association
from dicom_router.services.performing import DUPLICATE_SOP_INSTANCE, PERFORMED_STEP
from dicom_router.statuses import NOT_AUTHORIZED, PROCESSING_FAILURE, RESOURCE_LIMITATION, SUCCESS
from exchange.peers import Peer
from exchange.performed import News, PostgresPerformed
from storage.elements import EXPLICIT_LITTLE, IMPLICIT_LITTLE

log = structlog.get_logger()

_LONGEST_PAUSE_S = 600.0

#: A peer that answers so may take the same later; after this many tries it will not.
_MAY_PASS = frozenset({PROCESSING_FAILURE, RESOURCE_LIMITATION, NOT_AUTHORIZED, 0x0122})
_TRIES = 100

#: Success, and its warnings (PS3.7 §10.1.5.1.6).
_HEARD = frozenset({SUCCESS, 0x0107, 0x0116})

#: The peer that is called by an AE title, of a trust; None where there is none.
Destination = Callable[[str, str], Peer | None]


def tell_all(performed: PostgresPerformed, destination: Destination, calling: Calling, our_title: str) -> int:
    """Tell every listener what it is to be told now; how much was heard."""
    heard = 0
    for trust, ae_title in performed.listeners():
        news = performed.next_news(trust, ae_title)
        if news is None:
            continue
        try:
            peer = destination(ae_title, trust)
            if peer is None:
                raise Unreached(f"no peer {ae_title} in the registry that can be called (imx peer add)")
            following = partial(performed.next_news, trust, ae_title)
            heard += _tell(performed, Callee.of(peer), following, calling, our_title)
        except AssociationError as error:
            waiting = performed.next_news(trust, ae_title) or news
            performed.later(waiting, str(error), _pause(waiting.tries))
            log.warning("performed.untold", peer=ae_title, because=str(error))
    return heard


def _pause(tries: int) -> timedelta:
    return timedelta(seconds=min(_LONGEST_PAUSE_S, 5.0 * 2 ** min(tries, 10)))


def _tell(
    performed: PostgresPerformed,
    callee: Callee,
    following: Callable[[], News | None],
    calling: Calling,
    our_title: str,
) -> int:
    heard = 0
    proposal = Proposal(PERFORMED_STEP, (EXPLICIT_LITTLE, IMPLICIT_LITTLE))
    with request_association(callee, our_title, [proposal], calling) as association:
        if not association.contexts:
            raise Unreached(f"{callee.ae_title} takes no performed procedure steps")
        while (news := following()) is not None:
            status = _send(association, news)
            is_known = news.is_new and status == DUPLICATE_SOP_INSTANCE  # told before, and our note was lost
            if status in _HEARD or is_known:
                performed.heard(news)
                heard += 1
            elif status in _MAY_PASS and news.tries < _TRIES:
                performed.later(news, f"answered {status:04X}", _pause(news.tries))
                return heard
            else:
                performed.give_up(news, f"answered {status:04X}")
                log.warning("performed.given_up", peer=callee.ae_title, status=status)
    return heard


def _send(association: Requested, news: News) -> int:
    [context] = association.contexts.values()
    data_set = Dataset.from_json(dict(news.attributes))
    data_set.SpecificCharacterSet = "ISO_IR 192"
    request = Request(N_CREATE_RQ if news.is_new else N_SET_RQ, PERFORMED_STEP, news.step, data_set=data_set)
    number = association.next_message_id()
    encoded = encode_data_set(data_set, context.transfer_syntax)
    association.send([p_data(context.number, request.encode(number), association.peer_max_pdu, encoded)])
    where, response = association.response(number)
    if response.has_data_set:
        DataSet(association.messages, where, association.settings).discard()
    return SUCCESS if response.status is None else response.status
