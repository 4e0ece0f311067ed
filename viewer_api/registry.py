"""The registry over HTTP: trusts and peers for administrators, who was refused for co-ordinators too."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange.admitting import advice
from exchange.entries import peer_from, peer_said, trust_from, trust_said
from exchange.peers import Peer, UnknownPeer
from exchange.policy import Action
from exchange.refusals import Refused
from exchange.registry import PostgresRegistry, Trust, UnknownRefusal, UnknownTrust
from storage.errors import NotHeld
from viewer_api.desk import json_answer, json_body
from viewer_api.parts import Working

PREFIX = "/registry"


def registry_routes(work: Working) -> APIRouter:
    """List, look, put, delete, admit."""
    router = APIRouter(prefix=PREFIX)
    router.include_router(_trust_routes(work))
    router.include_router(_peer_routes(work))
    router.include_router(_refusal_routes(work))
    return router


def _trust_routes(work: Working) -> APIRouter:
    router = APIRouter(prefix="/trusts")
    known, ask = PostgresRegistry(work.desk.pool), work.desk.ask

    @router.get("")
    async def trusts(request: Request) -> Response:
        reader = await work.readers.admit(request, Action.CONFIGURE)
        await reader.record(detail={"registry": "trusts"})
        return json_answer([trust_said(each) for each in await ask(known.trusts)])

    @router.get("/{ods_code}")
    async def trust(request: Request, ods_code: str) -> Response:
        reader = await work.readers.admit(request, Action.CONFIGURE)
        await reader.record(detail={"registry": "trusts"})
        return json_answer(trust_said(await ask(_trust, known, ods_code)))

    @router.put("/{ods_code}")
    async def put_trust(request: Request, ods_code: str) -> Response:
        reader = await work.readers.admit(request, Action.CONFIGURE)
        entry = trust_from({**await json_body(request), "ods_code": ods_code})
        await ask(known.add_trust, entry, reader.look.actor.name)
        return json_answer(trust_said(entry))

    @router.delete("/{ods_code}")
    async def delete_trust(request: Request, ods_code: str) -> Response:
        reader = await work.readers.admit(request, Action.CONFIGURE)
        entry = await ask(_trust, known, ods_code)
        await ask(known.remove_trust, entry.ods_code, reader.look.actor.name)
        return json_answer(trust_said(entry))

    return router


def _peer_routes(work: Working) -> APIRouter:
    router = APIRouter(prefix="/peers")
    known, ask = PostgresRegistry(work.desk.pool), work.desk.ask

    @router.get("")
    async def peers(request: Request) -> Response:
        reader = await work.readers.admit(request, Action.CONFIGURE)
        await reader.record(detail={"registry": "peers"})
        return json_answer([_entry(each) for each in await ask(known.peers)])

    @router.post("")
    async def add_peer(request: Request) -> Response:
        """A new entry, or in the place of the one by the same title and addresses."""
        reader = await work.readers.admit(request, Action.CONFIGURE)
        entry = peer_from(await json_body(request), await ask(known.trusts))
        return json_answer(_entry(await ask(known.add_peer, entry, reader.look.actor.name)))

    @router.get("/{number}")
    async def peer(request: Request, number: int) -> Response:
        reader = await work.readers.admit(request, Action.CONFIGURE)
        await reader.record(detail={"registry": "peers"})
        return json_answer(_entry(await ask(_peer, known, number)))

    @router.put("/{number}")
    async def put_peer(request: Request, number: int) -> Response:
        """What is said changes; all else stays."""
        reader = await work.readers.admit(request, Action.CONFIGURE)
        before = await ask(_peer, known, number)
        said = await json_body(request)
        said.pop("id", None)  # as GET gave it
        entry = peer_from(said, await ask(known.trusts), before)
        return json_answer(_entry(await ask(known.add_peer, entry, reader.look.actor.name)))

    @router.delete("/{number}")
    async def delete_peer(request: Request, number: int) -> Response:
        reader = await work.readers.admit(request, Action.CONFIGURE)
        entry = await ask(_peer, known, number)
        await ask(known.remove_peer, number, reader.look.actor.name)
        return json_answer(_entry(entry))

    return router


def _refusal_routes(work: Working) -> APIRouter:
    router = APIRouter(prefix="/refusals")
    known, ask = PostgresRegistry(work.desk.pool), work.desk.ask

    @router.get("")
    async def refusals(request: Request) -> Response:
        reader = await work.readers.admit(request, Action.OPERATE)
        await reader.record(detail={"registry": "refusals"})
        return json_answer([_refusal(each) for each in await ask(known.refusals)])

    @router.post("/{number}/admission")
    async def admit(request: Request, number: int) -> Response:
        """Let it in, as it came, for the trust that the body names."""
        reader = await work.readers.admit(request, Action.CONFIGURE)
        trust = str((await json_body(request)).get("trust") or "").strip().upper()
        try:
            entry = await ask(known.admit, number, trust, reader.look.actor.name)
        except UnknownRefusal as error:
            raise NotHeld(f"refusal {number}") from error
        return json_answer(_entry(entry))

    return router


def _trust(known: PostgresRegistry, ods_code: str) -> Trust:
    try:
        return known.trust(ods_code.strip().upper())
    except UnknownTrust as error:
        raise NotHeld(f"trust {ods_code}") from error


def _peer(known: PostgresRegistry, number: int) -> Peer:
    try:
        return known.peer(number)
    except UnknownPeer as error:
        raise NotHeld(f"peer {number}") from error


def _entry(peer: Peer) -> dict[str, Any]:
    return {"id": peer.id, **peer_said(peer)}


def _refusal(refused: Refused) -> dict[str, Any]:
    last = refused.last
    return {
        "id": refused.id,
        "first_at": refused.first_at,
        "last_at": refused.last_at,
        "times": refused.times,
        "reason": last.reason,
        "calling": last.calling,
        "called": last.called,
        "address": last.address,
        "is_tls": last.is_tls,
        "fingerprint": last.fingerprint,
        "because": last.because,
        "admit": advice(refused),
    }
