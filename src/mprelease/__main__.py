"""Run the command line as `python -m mprelease`."""

from mprelease.cli import main

main()
