"""`python -m portico` is the program `portico`."""

from portico.cli.app import main

if __name__ == "__main__":
    main()
