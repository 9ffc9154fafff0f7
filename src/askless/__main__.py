"""`python -m askless` is the `askless` command."""

from askless.cli import main

if __name__ == "__main__":
    main()
