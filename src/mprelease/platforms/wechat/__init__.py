"""WeChat: miniprogram-ci run by a bridge, and the two requests that check an upload key."""
