"""`python -m takd`: the command line."""

from takd.cli import main

if __name__ == "__main__":
    main()
