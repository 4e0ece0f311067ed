"""What the HL7 door counts. No label holds a name or an identifier."""

from prometheus_client import Counter, Gauge

MESSAGES = Counter("imx_hl7_messages", "HL7 messages answered.", ("answer",))
CONNECTIONS = Gauge("imx_hl7_connections", "HL7 connections open now.", multiprocess_mode="livesum")
TURNED_AWAY = Counter(
    "imx_hl7_turned_away", "HL7 connections closed before a message was taken.", ("because",)
)
