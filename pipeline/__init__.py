"""Events in motion: wire format, bus, binning, brain, labels, telemetry, sessions, command line."""
