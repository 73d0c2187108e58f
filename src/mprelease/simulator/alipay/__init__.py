"""Alipay's service for minidev, written from measurements of version 2.2.5."""

from mprelease.simulator.alipay.service import Alipay
from mprelease.simulator.alipay.versions import Received

__all__ = ["Alipay", "Received"]
