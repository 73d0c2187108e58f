"""Alipay's service for minidev, written from measurements of version 2.2.5."""

from mprelease.simulator.alipay.received import Received
from mprelease.simulator.alipay.rejections import Refusal
from mprelease.simulator.alipay.service import Alipay

__all__ = ["Alipay", "Received", "Refusal"]
