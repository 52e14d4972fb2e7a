"""Which benchmarks there are; imports nothing, for the sake of `--help`."""

BENCHMARKS = (
    "step",
    "binning",
    "bus",
    "latency",
    "memory",
)
