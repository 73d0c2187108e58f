"""What a watcher sees: the hub within a node, between storage and whoever writes."""
