"""Douyin (ByteDance): tt-ide-cli run by a bridge, and the requests that check a credential."""
