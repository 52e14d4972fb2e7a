"""`python -m pipeline` is `wigwag`: how a session starts its children."""

import sys

try:
    from pipeline.cli import main
except KeyboardInterrupt:  # Ctrl-C before anything has begun
    sys.exit(130)

main()
