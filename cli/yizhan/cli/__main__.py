"""``python -m yizhan.cli``: the command where no script is installed."""

from yizhan.cli.main import main

if __name__ == "__main__":
    main()
