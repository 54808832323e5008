"""Which browser it is, in words; what it says about itself proves nothing and serves to recognise one's own."""

import re

# Each says that it is some of those below it as well.
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
    """Return the names of the browser and the system that this User-Agent header speaks of, "" for an unknown one."""
    return _first(_BROWSERS, user_agent[:_LOOKED_AT]), _first(_SYSTEMS, user_agent[:_LOOKED_AT])


def _first(names: dict[str, str], text: str) -> str:
    return next((name for name, pattern in names.items() if re.search(pattern, text)), "")
