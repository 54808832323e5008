"""OAuth2 and OpenID Connect endpoints, pages for integrations, and sign-in from a portal."""
