"""Douyin's service for tt-ide-cli, written from measurements of version 0.1.33."""

from mprelease.simulator.douyin.received import Code, Received
from mprelease.simulator.douyin.rejections import Refusal
from mprelease.simulator.douyin.service import Douyin

__all__ = ["Code", "Douyin", "Received", "Refusal"]
