"""Models of access reviews; those of segregation of duties are in `permissions.duty_models`."""

from reviews.campaign_models import Campaign as Campaign
from reviews.campaign_models import CampaignReviewer as CampaignReviewer
from reviews.campaign_models import ReviewedTeam as ReviewedTeam
from reviews.campaign_models import ReviewedUser as ReviewedUser
from reviews.item_models import Decision as Decision
from reviews.item_models import Outcome as Outcome
from reviews.item_models import ReviewItem as ReviewItem
