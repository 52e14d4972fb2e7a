"""Where events come from now: one vocabulary, cameras, a simulated person and sensor."""
