"""``python -m gbflux`` is the command ``gbflux``."""

from gbflux.cli.main import main

if __name__ == "__main__":
    main()
