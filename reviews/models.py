"""Models of segregation of duties and of access reviews."""

from reviews.campaign_models import Campaign as Campaign
from reviews.campaign_models import CampaignReviewer as CampaignReviewer
from reviews.campaign_models import Decision as Decision
from reviews.campaign_models import Outcome as Outcome
from reviews.campaign_models import ReviewedTeam as ReviewedTeam
from reviews.campaign_models import ReviewedUser as ReviewedUser
from reviews.campaign_models import ReviewItem as ReviewItem
