"""Live updates of logs and states, for the watchers of one node and between nodes."""
