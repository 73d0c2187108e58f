"""Client of a mprelease server's API and live socket, for the command line."""
