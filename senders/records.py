"""The DNS records that an office's own sender needs, and what the answers of DNS say about them."""

from collections.abc import Iterable
from typing import NamedTuple

from outbox.senders import get_own_address
from senders.dns_lookup import DnsLookup
from senders.domains import find_registrable_domain, get_envelope_domain
from senders.models import DkimKey, OfficeSender, RecordKind, RecordState
from senders.signing import is_signed_by_provider

_POLICIES = ("none", "quarantine", "reject")


class Findings(NamedTuple):
    """State by kind, and by selector for the keys of the office."""

    states: dict[RecordKind, RecordState]
    keys: dict[str, RecordState]


class RequiredRecord(NamedTuple):
    """A TXT record to publish."""

    kind: RecordKind
    name: str
    value: str


def build_ownership_record(sender: OfficeSender) -> RequiredRecord:
    return RequiredRecord(
        RecordKind.OWNERSHIP, f"_loket.{sender.domain}", f"loket-domain-verification={sender.challenge}"
    )


def build_dkim_record(domain: str, key: DkimKey) -> RequiredRecord:
    return RequiredRecord(
        RecordKind.DKIM, _build_dkim_name(domain, key.selector), f"v=DKIM1; k=rsa; p={key.public_key}"
    )


def build_dmarc_record(domain: str) -> RequiredRecord:
    """Return the record for a domain that has no policy yet: the mildest."""
    return RequiredRecord(RecordKind.DMARC, f"_dmarc.{domain}", "v=DMARC1; p=none")


def find_records(sender: OfficeSender, keys: Iterable[DkimKey]) -> Findings:
    """Ask DNS for the records; takes at most `dns_lookup.CHECK_SECONDS`, so call it outside a transaction."""
    lookup = DnsLookup()
    ownership = build_ownership_record(sender)
    states = {RecordKind.OWNERSHIP: _judge_ownership(lookup.find_texts(ownership.name), ownership.value)}
    found: dict[str, RecordState] = {}
    if is_signed_by_provider():
        states[RecordKind.DKIM] = _find_provider_key(sender, lookup)
    else:
        for key in keys:
            texts = lookup.find_texts(_build_dkim_name(sender.domain, key.selector))
            found[key.selector] = _judge_dkim(texts, key.public_key)
        states[RecordKind.DKIM] = _choose_dkim_state(list(found.values()))
        states[RecordKind.SPF] = _judge_spf(lookup.find_texts(get_envelope_domain()))
    states[RecordKind.DMARC] = _find_dmarc(sender.domain, lookup)
    return Findings(states, found)


def find_own_records() -> dict[RecordKind, RecordState]:
    """Ask DNS for the records of our own sender, as `find_records` does for that of an office."""
    lookup = DnsLookup()
    return {
        RecordKind.SPF: _judge_spf(lookup.find_texts(get_envelope_domain())),
        RecordKind.DMARC: _find_dmarc(get_own_address().rpartition("@")[2].lower(), lookup),
    }


def _build_dkim_name(domain: str, selector: str) -> str:
    return f"{selector}._domainkey.{domain}"


def _choose_dkim_state(found: list[RecordState]) -> RecordState:
    """Return that of the key that can sign, else that of the oldest, which signed until now."""
    return RecordState.HOLDS if RecordState.HOLDS in found else found[-1] if found else RecordState.MISSING


def _judge_ownership(texts: list[str] | None, value: str) -> RecordState:
    if texts is None:
        return RecordState.NO_ANSWER
    if value in (text.strip() for text in texts):
        return RecordState.HOLDS
    return RecordState.WRONG if any("loket-domain-verification" in text for text in texts) else RecordState.MISSING


def _find_provider_key(sender: OfficeSender, lookup: DnsLookup) -> RecordState:
    """Return whether there is a key at the selector of the e-mail provider, which alone knows the key."""
    if not sender.provider_selector:
        return RecordState.MISSING
    return _judge_dkim(lookup.find_texts(_build_dkim_name(sender.domain, sender.provider_selector)), "")


def _judge_dkim(texts: list[str] | None, public_key: str) -> RecordState:
    """Return whether the one record at a selector has this key, or any without `public_key` (RFC 6376, 3.6.1)."""
    if texts is None:
        return RecordState.NO_ANSWER
    if not texts:
        return RecordState.MISSING
    tags = _parse_tags(texts[0])
    published = "".join(tags.get("p", "").split())
    is_whole = len(texts) == 1 and published and tags.get("v", "DKIM1") == "DKIM1" and "y" not in tags.get("t", "")
    is_ours = published == public_key and tags.get("k", "rsa") == "rsa" and "sha256" in tags.get("h", "sha256")
    return RecordState.HOLDS if is_whole and (is_ours or not public_key) else RecordState.WRONG


def _find_dmarc(domain: str, lookup: DnsLookup) -> RecordState:
    """Return the state of the policy of a domain, or else of the registered domain above it (RFC 7489, 6.6.3)."""
    state = _judge_dmarc(lookup.find_texts(f"_dmarc.{domain}"))
    above = find_registrable_domain(domain)
    if state == RecordState.MISSING and above != domain:
        return _judge_dmarc(lookup.find_texts(f"_dmarc.{above}"))
    return state


def _judge_dmarc(texts: list[str] | None) -> RecordState:
    if texts is None:
        return RecordState.NO_ANSWER
    policies = [tags for tags in map(_parse_tags, texts) if tags.get("v") == "DMARC1"]
    if not policies:
        return RecordState.MISSING
    is_valid = len(policies) == 1 and policies[0].get("p", "").lower() in _POLICIES
    return RecordState.HOLDS if is_valid else RecordState.WRONG


def _judge_spf(texts: list[str] | None) -> RecordState:
    """Return whether there is one SPF record (RFC 7208, 4.5)."""
    if texts is None:
        return RecordState.NO_ANSWER
    policies = [text for text in texts if text.lower().split(" ")[0] == "v=spf1"]
    return [RecordState.MISSING, RecordState.HOLDS, RecordState.WRONG][min(len(policies), 2)]


def _parse_tags(text: str) -> dict[str, str]:
    """Return the tags of a list such as `v=DKIM1; p=…` (RFC 6376, 3.2)."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip(): value.strip() for name, _equals, value in pairs}
