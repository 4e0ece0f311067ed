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

FORWARDED = Counter("imx_forwarded_instances", "Instances that a destination answered for", ["destination"])
FORWARDING_FAILED = Counter(
    "imx_destination_failures", "Times that a destination could not be used", ["destination"]
)
DELIVERIES = Gauge(
    "imx_deliveries",
    "Deliveries that are not at their end, and dead letters",
    ["destination", "state"],
    multiprocess_mode="livemostrecent",
)
OLDEST = Gauge(
    "imx_delivery_oldest_seconds",
    "How long the oldest delivery to a destination has waited",
    ["destination"],
    multiprocess_mode="livemostrecent",
)
OPEN = Gauge(
    "imx_destination_open",
    "1 where the circuit breaker of a destination holds its deliveries back",
    ["destination"],
    multiprocess_mode="livemostrecent",
)
