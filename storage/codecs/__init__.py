"""Frames decoded and encoded: the one place that knows what transfer syntaxes do to pixels.

Start at `frame` (what a frame is), then `decoding` and `encoding` (pure functions over bytes), `codestream`
(what compressed bytes claim, read before a codec sees them) and `workers` (the processes in which codecs run,
so that one that crashes or never ends takes nobody with it: docs/decisions/0039). Whoever wants frames or
instances in another syntax asks `storage.transcoding`, not these.
"""
