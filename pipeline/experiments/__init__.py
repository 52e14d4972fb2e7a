"""Experiments: the paper's figures, and what else is worth knowing, each by one command."""
