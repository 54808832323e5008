"""OAuth2 and OpenID Connect, the programs of the office, and coming in from a portal."""
