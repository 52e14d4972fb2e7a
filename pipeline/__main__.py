"""`python -m pipeline` is `wigwag`: how a session starts its children."""

from pipeline.cli import main

main()
