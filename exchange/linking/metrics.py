"""What the linker counts, for /metrics. No label says anything of anybody."""

from prometheus_client import Counter, Gauge, Histogram

DECIDED = Counter(
    "imx_links_decided", "Decisions of the linker over a study, by how it stands since", ["state"]
)
FAILED = Counter("imx_links_failed", "Studies that the linker could not look at: a fault that nobody foresaw")
FAILING = Gauge(
    "imx_links_failing",
    "Studies that are tried again, since a fault kept them from being decided (imx links failing)",
    multiprocess_mode="livemostrecent",
)
LAG = Histogram(
    "imx_link_lag_seconds",
    "From the keeping of an instance to the decision whose its study is",
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300),
)
WAITING = Gauge(
    "imx_links_waiting",
    "Studies that wait for a person, by how they stand; linked: facts changed since a person decided",
    ["state"],
    multiprocess_mode="livemostrecent",
)
