"""`python -m imx`, the same as `imx`."""

from imx.main import main

if __name__ == "__main__":  # processes that wrapping spawns import this module again
    main()
