"""`imx peer`: who may call, whom we call, and who was turned away."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from exchange.admitting import advice
from exchange.entries import peer_from, peer_said
from exchange.peers import Peer, UnknownPeer, is_ae_title
from exchange.refusals import Refused
from exchange.registry import PostgresRegistry
from imx.commands.group import Group
from imx.commands.options import Decision, Question
from imx.commands.peer_options import said_of, with_peer_options
from imx.commands.printing import print_one, print_rows
from imx.commands.trusts import registry

peers = Group("The DICOM application entities we know.")

AeTitle = Annotated[str, typer.Argument(help="Its AE title.")]
EntryOption = Annotated[int, typer.Option("--id", help="Which entry, where several have the title.", min=0)]
TrustOption = Annotated[str, typer.Option(help="ODS code of the trust it belongs to.")]


@peers.command("add")
@with_peer_options
def add_peer(ae_title: AeTitle, trust: TrustOption, given: Decision, **options: Any) -> None:
    """Add a peer, or change the entry by its title and addresses. Without --plain it must come over TLS."""
    title = ae_title.strip()
    if not is_ae_title(title):
        raise typer.BadParameter(
            "an AE title has 1 to 16 ASCII characters, no backslash", param_hint="AE_TITLE"
        )
    with registry(given.settings()) as known:
        said = {"ae_title": title, "trust": trust, **said_of(options)}
        kept = known.add_peer(peer_from(said, known.trusts()), given.who())
    print_rows([summary(kept)], given.as_json)


@peers.command("change")
@with_peer_options
def change_peer(
    ae_title: AeTitle, given: Decision, entry: EntryOption = 0, trust: TrustOption = "", **options: Any
) -> None:
    """Change what is said; all else stays. An empty text, or 0, takes a value away."""
    with registry(given.settings()) as known:
        before = meant(known, ae_title, entry)
        said = {**({"trust": trust} if trust else {}), **said_of(options)}
        kept = known.add_peer(peer_from(said, known.trusts(), before), given.who())
    print_one(entry_said(kept), given.as_json)


@peers.command("list")
def list_peers(
    given: Question, trust: Annotated[str, typer.Option(help="Of this trust alone.")] = ""
) -> None:
    """Every peer we know, and what it may do. --json says all of each."""
    with registry(given.settings()) as known:
        found = [each for each in known.peers() if trust.strip().upper() in ("", each.trust.ods_code)]
    print_rows([entry_said(each) if given.as_json else summary(each) for each in found], given.as_json)


@peers.command("show")
def show_peer(ae_title: AeTitle, given: Question, entry: EntryOption = 0) -> None:
    """All that one entry says."""
    with registry(given.settings()) as known:
        print_one(entry_said(meant(known, ae_title, entry)), given.as_json)


@peers.command("remove")
def remove_peer(ae_title: AeTitle, given: Decision, entry: EntryOption = 0) -> None:
    """From now on it is refused. What it sent stays."""
    with registry(given.settings()) as known:
        gone = meant(known, ae_title, entry)
        known.remove_peer(gone.id, given.who())
    print_rows([summary(gone)], given.as_json)


@peers.command("refused")
def refused_callers(given: Question) -> None:
    """Who was turned away, how often, and the one command that lets each in."""
    with registry(given.settings()) as known:
        found = known.refusals()
    print_rows([refusal_said(each) for each in found], given.as_json)


@peers.command("admit")
def admit_caller(
    number: Annotated[int, typer.Argument(help="Its number in `imx peer refused`.")],
    given: Decision,
    trust: TrustOption = "",
) -> None:
    """Let a caller in that was turned away, as it came: over TLS by its certificate, else plain."""
    with registry(given.settings()) as known:
        kept = known.admit(number, trust.strip().upper(), given.who())
    print_rows([summary(kept)], given.as_json)


def meant(known: PostgresRegistry, ae_title: str, entry: int) -> Peer:
    """The one entry by that title, or the one that was named. Raises UnknownPeer."""
    found = known.entries(ae_title.strip())
    if entry:
        found = [each for each in found if each.id == entry]
    if not found:
        raise UnknownPeer(f"no such peer: {ae_title.strip()} (imx peer list)")
    if len(found) > 1:
        raise UnknownPeer(f"several peers call themselves {ae_title.strip()}: {_choices(found)}")
    return found[0]


def _choices(found: Sequence[Peer]) -> str:
    return ", ".join(f"--id {each.id} ({each.trust.ods_code} at {', '.join(each.places)})" for each in found)


def entry_said(peer: Peer) -> dict[str, Any]:
    """All of an entry."""
    return {"id": peer.id, **peer_said(peer)}


def summary(peer: Peer) -> dict[str, Any]:
    """What fits into a line."""
    may = {
        "store": peer.may_store,
        "read": peer.may_read,
        "commit": peer.may_commit,
        "worklist": peer.may_query_worklist,
        "perform": peer.may_perform,
    }
    return {
        "id": peer.id,
        "ae_title": peer.ae_title,
        "trust": peer.trust.ods_code,
        "from": list(peer.places) or ["anywhere"],
        "over": "TLS or plain" if peer.plain_allowed else "TLS",
        "may": [name for name, is_allowed in may.items() if is_allowed],
        "called_at": f"{peer.host}:{peer.port}" + (" (TLS)" if peer.uses_tls else "") if peer.port else None,
    }


def refusal_said(refused: Refused) -> dict[str, Any]:
    """One kind of refusal, and what to do about it."""
    last = refused.last
    return {
        "id": refused.id,
        "last": refused.last_at,
        "times": refused.times,
        "calling": last.calling,
        "called": last.called,
        "address": last.address,
        "over": "TLS" if last.is_tls else "plain",
        "reason": last.reason.value,
        "because": last.because,
        "admit": advice(refused),
    }
