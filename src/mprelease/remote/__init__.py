"""A mprelease that runs elsewhere: its API and its live socket, for the command line."""
