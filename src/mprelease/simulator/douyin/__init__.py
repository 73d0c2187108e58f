"""Douyin's service for tt-ide-cli, written from measurements of version 0.1.33."""

from mprelease.simulator.douyin.service import Douyin
from mprelease.simulator.douyin.versions import QrCode, Received

__all__ = ["Douyin", "QrCode", "Received"]
