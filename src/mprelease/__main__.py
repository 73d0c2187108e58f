"""Let `python -m mprelease` be the command line."""

from mprelease.cli import main

main()
