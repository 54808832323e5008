"""Models of directories, such as Entra ID or Okta."""

from scim.connection_models import MAX_ID_LENGTH as MAX_ID_LENGTH
from scim.connection_models import MAX_REFUSAL_LENGTH as MAX_REFUSAL_LENGTH
from scim.connection_models import MAX_TOKENS as MAX_TOKENS
from scim.connection_models import NEW_USER_METHODS as NEW_USER_METHODS
from scim.connection_models import ConnectionToken as ConnectionToken
from scim.connection_models import DirectoryConnection as DirectoryConnection
from scim.connection_models import DirectoryUser as DirectoryUser
from scim.connection_models import EmailSource as EmailSource
from scim.connection_models import MobileSource as MobileSource
from scim.connection_models import NameSource as NameSource
from scim.connection_models import ShadowStep as ShadowStep
from scim.group_models import STAYING as STAYING
from scim.group_models import DirectoryGroup as DirectoryGroup
from scim.group_models import DirectoryGroupMember as DirectoryGroupMember
from scim.group_models import JoinRefusal as JoinRefusal
from scim.journal_models import AccessLoss as AccessLoss
from scim.journal_models import AnnouncedStep as AnnouncedStep
from scim.journal_models import DirectoryCall as DirectoryCall
from scim.journal_models import DirectoryCycle as DirectoryCycle
