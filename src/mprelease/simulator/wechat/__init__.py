"""WeChat's service for miniprogram-ci, written from measurements of version 2.1.42."""

from mprelease.simulator.wechat.packages import Received
from mprelease.simulator.wechat.service import WeChat

__all__ = ["Received", "WeChat"]
