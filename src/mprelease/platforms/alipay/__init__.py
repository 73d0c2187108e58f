"""Alipay: minidev behind a bridge, and the calls that ask the platform without it."""
