"""The file of a campaign that `audit/verify_review.py` checks against the history."""

from typing import Any

from audit import verify, verify_review
from reviews.campaign_models import Campaign
from reviews.campaigns import iter_decisions
from reviews.plans import iter_results
from reviews.population import iter_leaves


def build_review_file(campaign: Campaign) -> bytes:
    """Return the file; a campaign that is not closed has no decisions yet."""

    def sort(leaves: Any) -> list[dict[str, Any]]:
        return sorted(leaves, key=verify.encode_canonical_json)

    content = {
        "campaign": str(campaign.pk),
        "decisions": sort(iter_decisions(campaign)),
        "format": verify_review.REVIEW_FORMAT,
        "population": sort(iter_leaves(campaign)),
        "provider_id": str(campaign.provider_id),
        "results": sort(iter_results(campaign)),
    }
    return verify.encode_canonical_json(content) + b"\n"
