"""Which benchmarks there are; imports nothing, for the sake of `--help`."""

BENCHMARKS = (
    "step",
    "agreement",
    "decode",
    "binning",
    "bus",
    "burst",
    "latency",
    "memory",
)
