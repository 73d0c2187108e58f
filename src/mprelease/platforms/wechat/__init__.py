"""WeChat: miniprogram-ci behind a bridge, and the two calls that check an upload key."""
