"""The command ``lineament``: thin, one file a command."""

import sys


def main() -> None:
    """Run the command line; every error of ours is two lines and exit code 2."""
    from lineament.cli.app import run

    sys.exit(run(sys.argv[1:]))
