"""Telling e-Xchange, the shared care record: what it is to hear, and that it has heard."""
