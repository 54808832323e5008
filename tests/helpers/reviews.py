"""Campaigns for the tests, and the proof of one as an auditor checks it."""

import subprocess
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

import audit.export
from accounts.models import Provider, User
from audit import checkpoints, verify, verify_access, verify_review
from reviews import campaigns, proof
from reviews.campaigns import CampaignDetails, Reviewers
from reviews.models import Campaign
from tests.helpers.users import actor


def make_campaign(
    office: Provider, *reviewers: User, by: User | None = None, by_team: Any = None, **details: Any
) -> Campaign:
    """Prepare a campaign as `by`, or as the operator."""
    values = {"name": "Najaar", "deadline": timezone.localdate() + timedelta(days=14), **details}
    named = Reviewers(tuple(reviewers), by_team or {})
    return campaigns.create_campaign(office, CampaignDetails(**values), named, by=actor(by))


def start(office: Provider, *reviewers: User, **details: Any) -> Campaign:
    return campaigns.start_campaign(make_campaign(office, *reviewers, **details), by=actor())


def export_chain(office: Provider, folder: Path) -> list[str]:
    """Write the history, a checkpoint and the public key; return their names."""
    export = audit.export.begin_export(office, by=actor())
    (folder / "history.jsonl").write_bytes(b"".join(export.lines()))
    head = checkpoints.sign_head(office.pk, export.last)
    (folder / "checkpoint.json").write_bytes(verify.encode_canonical_json(head))
    (folder / "public.pem").write_bytes(checkpoints.get_public_key_pem())
    return [str(folder / name) for name in ("history.jsonl", "checkpoint.json", "public.pem")]


def write_review(campaign: Campaign, folder: Path) -> Path:
    path = folder / "review.json"
    path.write_bytes(proof.build_review_file(campaign))
    return path


def run_verifier(folder: Path, review: Path, names: Iterable[str]) -> tuple[int, str]:
    """Run the programs as an auditor does: copied to a folder of their own, without the application."""
    for module in (verify, verify_access, verify_review):
        source = Path(str(module.__file__))
        (folder / source.name).write_bytes(source.read_bytes())
    command = [sys.executable, str(folder / "verify.py"), "--review", str(review), *names]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    return done.returncode, done.stdout + done.stderr
