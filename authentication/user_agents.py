"""Name of browser and system from a User-Agent header. It proves nothing; users recognize their sessions by it."""

import re

# In this order: each browser also claims to be some of those below it.
_BROWSER_PATTERNS = {
    "Edge": r"Edg(e|A|iOS)?/",
    "Opera": r"OPR/|Opera",
    "Samsung Internet": r"SamsungBrowser/",
    "Firefox": r"Firefox/|FxiOS/",
    "Chrome": r"Chrome/|CriOS/|Chromium/",
    "Safari": r"Safari/",
}
_SYSTEM_PATTERNS = {
    "Windows": r"Windows",
    "iPhone": r"iPhone",
    "iPad": r"iPad",
    "Android": r"Android",
    "ChromeOS": r"CrOS",
    "macOS": r"Macintosh|Mac OS X",
    "Linux": r"Linux",
}
_MAX_PARSED_CHARACTERS = 1000  # characters


def parse_user_agent(user_agent: str) -> tuple[str, str]:
    return _find_first_match(_BROWSER_PATTERNS, user_agent[:_MAX_PARSED_CHARACTERS]), _find_first_match(
        _SYSTEM_PATTERNS, user_agent[:_MAX_PARSED_CHARACTERS]
    )


def _find_first_match(names: dict[str, str], text: str) -> str:
    return next((name for name, pattern in names.items() if re.search(pattern, text)), "")
