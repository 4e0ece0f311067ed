"""`python -m imx`, the same as `imx`."""

from imx.main import main

main()
