"""`python -m pipeline` is `wigwag`: how it is installed, and how a session starts its children."""

import sys


def main() -> None:
    """Run `wigwag`; Ctrl-C is heard while it is still being loaded, too."""
    try:
        from pipeline.cli import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
