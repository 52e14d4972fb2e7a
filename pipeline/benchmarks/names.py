"""Which benchmarks there are; imports nothing, for the sake of `--help`."""

BENCHMARKS = (
    "step",
    "streams",
    "agreement",
    "decode",
    "binning",
    "filters",
    "film",
    "bus",
    "burst",
    "latency",
    "memory",
)
