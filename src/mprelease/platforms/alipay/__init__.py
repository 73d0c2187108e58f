"""Alipay: minidev run by a bridge, and direct requests to the platform."""
