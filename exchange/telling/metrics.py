"""What is counted of the telling. No label holds a name or an identifier of anybody."""

from prometheus_client import Counter, Gauge

STEPS = Counter("imx_record_steps", "What subscribers of the record answered for.", ("subscriber", "act"))
REFUSED = Counter("imx_record_refused", "Studies that a subscriber did not take.", ("subscriber",))
NOT_HEARD = Counter("imx_record_not_heard", "Times a subscriber could not be told anything.", ("subscriber",))
TELLINGS = Gauge(
    "imx_record_tellings",
    "Studies of which a subscriber is still to be told, and dead letters",
    ("subscriber", "state"),
    multiprocess_mode="livemostrecent",
)
OLDEST = Gauge(
    "imx_record_oldest_seconds",
    "How long the study that waits longest has waited to be told",
    ("subscriber",),
    multiprocess_mode="livemostrecent",
)
OPEN = Gauge(
    "imx_record_open",
    "1 where the circuit breaker of a subscriber holds back what is for it",
    ("subscriber",),
    multiprocess_mode="livemostrecent",
)
OUTBOX = Gauge(
    "imx_record_outbox", "Changes that no telling was made of yet", multiprocess_mode="livemostrecent"
)
