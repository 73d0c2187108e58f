"""Folders on disk: where everything lies, who owns it, what is kept between releases."""
