"""Every knob, and the one place that reads the environment."""
