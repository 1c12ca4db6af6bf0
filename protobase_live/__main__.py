"""``python -m protobase_live``: the command line."""

from protobase_live.cli import main

if __name__ == "__main__":
    main()
