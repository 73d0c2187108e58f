"""Douyin (ByteDance): tt-ide-cli behind a bridge, and the calls that check a credential."""
