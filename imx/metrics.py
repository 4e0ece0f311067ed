"""Numbers of the background work, for /metrics."""

from prometheus_client import Counter, Gauge

#: Set by whichever worker looked last.
STAGED = Gauge(
    "imx_staged_objects",
    "Small objects that wait in the database for the object store",
    multiprocess_mode="livemostrecent",
)

TLS_ENDS = Gauge(
    "imx_tls_ends_timestamp_seconds",
    "When the first of our certificates, authorities or revocation lists ends",
    ["kind"],
    multiprocess_mode="livemostrecent",
)

FAULTS = Counter("imx_worker_faults", "Faults of the background work that nobody foresaw", ["task"])
