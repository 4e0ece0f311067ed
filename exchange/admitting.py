"""From a caller that was turned away to the entry that lets it in: what `imx peer admit` does."""

from collections.abc import Collection
from dataclasses import replace

from exchange.peers import Peer
from exchange.refusals import Reason, Refusal, Refused
from exchange.trusts import BadEntry, Trust


def admitted(refused: Refused, entries: Collection[Peer], trust: Trust | None) -> Peer:
    """The entry under which this caller would have come in. `entries` are those by its AE title.

    As it came: over TLS by the certificate it showed, else plain, which is then allowed. An entry of the
    same trust takes the new address and keeps all else. Raises BadEntry where no entry would help.
    """
    refusal = refused.last
    if not refused.is_admissible:
        raise BadEntry(f"no entry would let it in: {refusal.because}")
    known = _known(refusal, entries, trust)
    if known is None:
        if trust is None:
            raise BadEntry(f"say whose {refusal.calling} is: imx peer admit {refused.id} --trust ODS_CODE")
        known = Peer(ae_title=refusal.calling, trust=trust, host=refusal.address)
    elif refusal.reason is Reason.UNKNOWN_PEER:
        known = replace(known, networks=(*known.networks, refusal.address))
    if refusal.reason is Reason.CALLED_TITLE:
        known = replace(known, called_titles=tuple(dict.fromkeys((*known.called_titles, refusal.called))))
    if refusal.is_tls and refusal.fingerprint:
        # By the certificate it showed: an entry that knew no better is as good as before.
        is_by_certificate = refusal.reason is not Reason.CALLED_TITLE
        return replace(known, fingerprint=refusal.fingerprint) if is_by_certificate else known
    return replace(known, plain_allowed=True)


def advice(refused: Refused) -> str:
    """The one command that lets it in; "" where none does, and `because` says what to mend."""
    if not refused.is_admissible:
        return ""
    whose = " --trust ODS_CODE" if refused.last.reason is Reason.UNKNOWN_PEER else ""
    return f"imx peer admit {refused.id}{whose}"


def _known(refusal: Refusal, entries: Collection[Peer], trust: Trust | None) -> Peer | None:
    """The entry that is meant: for a stranger one of its trust, for others the one it was refused by."""
    own = [each for each in entries if trust is None or each.trust.ods_code == trust.ods_code]
    if refusal.reason is Reason.UNKNOWN_PEER and trust is None:
        return None
    if len(own) > 1:
        raise BadEntry(
            f"there are {len(own)} peers {refusal.calling}: change the one that is meant (imx peer change)"
        )
    return own[0] if own else None
