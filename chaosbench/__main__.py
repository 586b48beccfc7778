"""``python -m chaosbench``: the command line."""

from chaosbench.cli import main

if __name__ == "__main__":
    main()
