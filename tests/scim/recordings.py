"""What directories send in a whole cycle, as their vendors document it, and a player of it.

A recording has the calls of each step; `{eva}` stands for the id that the answer of the call with `"keep": "eva"` had,
`total` is the `totalResults` of the answer.
"""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.scim.conftest import Directory

FOLDER = Path(__file__).parent / "dialogues"
RECORDINGS = sorted(path.stem for path in FOLDER.glob("*.json"))


def load_recording(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


class Player:
    """Plays a recording to the connection of `directory`; `ids` are those kept so far."""

    def __init__(self, directory: Directory, name: str) -> None:
        self.directory, self.recording = directory, load_recording(name)
        self.ids: dict[str, str] = {}

    def play(self, step: str) -> None:
        for call in self.recording["steps"][step]:
            self._send(call)

    def _send(self, call: dict[str, Any]) -> None:
        text = json.dumps(call)
        for name, pk in self.ids.items():
            text = text.replace(f"{{{name}}}", pk)
        sent = json.loads(text)
        path = quote(sent["path"], safe="/?&=")
        answer = self.directory.call(sent["method"], path, sent.get("body"), sent.get("status", 200))
        if "keep" in sent:
            self.ids[sent["keep"]] = answer["id"]
        if "total" in sent:
            assert answer["totalResults"] == sent["total"], sent

    def read_user(self) -> dict[str, Any]:
        return self.directory.call("GET", f"/Users/{self.ids['eva']}")

    def list_groups(self) -> set[str]:
        """Return the names of the groups in which the directory reads the user."""
        groups = self.directory.call("GET", "/Groups")["Resources"]
        members = {one["displayName"]: {member["value"] for member in one.get("members", [])} for one in groups}
        return {name for name, ids in members.items() if self.ids["eva"] in ids}
