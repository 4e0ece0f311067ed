"""Counters of the DIMSE edge, for /metrics.

Labels are peers of the registry, never what a stranger calls itself.
"""

from prometheus_client import Counter, Gauge

#: The label of whoever the registry does not know, and of everybody in an open service.
STRANGER = "unknown"

ASSOCIATIONS = Counter("imx_router_associations", "Associations, by how they ended", ["peer", "ending"])
INSTANCES = Counter(
    "imx_router_instances", "Instances that peers asked us to keep, by outcome", ["peer", "outcome"]
)
BYTES = Counter("imx_router_data_set_bytes", "Bytes of data sets received", ["peer"])
ACTIVE = Gauge(
    "imx_router_associations_active", "Associations that are established now", multiprocess_mode="livesum"
)
CUT = Counter("imx_router_silent", "Connections that were cut for others: they said nothing")
REFUSED = Counter("imx_router_refused", "Callers that were turned away, by reason", ["reason"])
TLS_RELOADS = Counter("imx_tls_reloads", "TLS files that changed, by whether they could be used", ["outcome"])
