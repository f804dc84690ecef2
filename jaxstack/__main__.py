"""`python -m jaxstack`: the command line."""

from jaxstack.cli import main

if __name__ == "__main__":
    main()
