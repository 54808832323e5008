"""Name of browser and system from a User-Agent header. It proves nothing; users recognize their sessions by it."""

import re

# In this order: each browser also claims to be some of those below it.
_BROWSERS = {
    "Edge": r"Edg(e|A|iOS)?/",
    "Opera": r"OPR/|Opera",
    "Samsung Internet": r"SamsungBrowser/",
    "Firefox": r"Firefox/|FxiOS/",
    "Chrome": r"Chrome/|CriOS/|Chromium/",
    "Safari": r"Safari/",
}
_SYSTEMS = {
    "Windows": r"Windows",
    "iPhone": r"iPhone",
    "iPad": r"iPad",
    "Android": r"Android",
    "ChromeOS": r"CrOS",
    "macOS": r"Macintosh|Mac OS X",
    "Linux": r"Linux",
}
_LOOKED_AT = 1000  # characters


def in_words(user_agent: str) -> tuple[str, str]:
    """Return the names of browser and system, "" for an unknown one."""
    return _first(_BROWSERS, user_agent[:_LOOKED_AT]), _first(_SYSTEMS, user_agent[:_LOOKED_AT])


def _first(names: dict[str, str], text: str) -> str:
    return next((name for name, pattern in names.items() if re.search(pattern, text)), "")
