"""WeChat's service for miniprogram-ci, written from measurements of version 2.1.42."""

from mprelease.simulator.wechat.received import Received
from mprelease.simulator.wechat.rejections import Refusal
from mprelease.simulator.wechat.service import WeChat

__all__ = ["Received", "Refusal", "WeChat"]
