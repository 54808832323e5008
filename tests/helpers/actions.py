"""Every action of the product, and a value for each of its parameters."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from datetime import date
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from django.utils import timezone

import accounts
import api
import authentication
import history
import invitations
import notifications
import oauth
import outbox
import permissions
import reviews
import scim
import senders
import support
import teams
import users
from accounts.models import ExternalTenant, LoginMethod, Provider, User
from audit.actors import Actor
from audit.models import Event, Verb
from authentication.mfa.office_policy import MfaPolicy
from authentication.totp import TotpEnrollment
from core.export_files import FileFormat
from notifications.catalog import NotificationType
from notifications.models import Notification, NotificationSet
from oauth.models import Application
from permissions.checks import Right
from permissions.models import AuthorizationSet, DutyExemption, DutyRule, Employer, Team
from reviews.campaigns import CampaignDetails, Reviewers
from reviews.models import Campaign, CampaignReviewer, Decision, ReviewedUser, ReviewItem
from scim.directory_groups import GroupMapping, GroupRecord
from scim.directory_rows import DirectoryRecord
from scim.models import ConnectionToken, DirectoryConnection, DirectoryGroup, DirectoryUser
from support.models import Impersonation
from teams.deviations import SharedRightsGroup
from tests.helpers import mfa as factors
from tests.helpers.invited_users import DETAILS, NUMBER, STANDARD_TEXT, invite
from users.dormant_accounts import ReviewThresholds

NO_ACTIONS = (".migrations", ".management", ".views", ".checks", ".forms", ".emails")
PACKAGES = (
    accounts,
    api,
    authentication,
    history,
    invitations,
    notifications,
    oauth,
    outbox,
    permissions,
    reviews,
    scim,
    senders,
    support,
    teams,
    users,
)
QUESTIONS = {"authentication.mfa.office_policy.require_policy_allowed"}  # they take the actor, and change nothing


# They take the actor, but are parts of other actions, which check it.
PARTS = {
    "audit.actions.record", "audit.actions.record_many", "permissions.action_helpers.record_export",
    "permissions.duty_guard.guard_duties",
    "accounts.sessions.end_sessions", "oauth.backchannel_logout.end_client_sessions",
    "oauth.backchannel_logout.handle_ended_sessions", "oauth.backchannel_logout.end_application_sessions",
    "oauth.consents.end_access",
    "history.snapshots.record_snapshot", "history.retention.trim_events", "imports.plans.plan.plan_and_apply",
    "imports.plans.plan.apply_plan", "imports.job_plans.execute_job", "imports.job_plans.plan_job",
    "imports.declarative.reconcile.reconcile_office",
    "imports.declarative.reconcile.reconcile_offices", "users.office_setup.set_up_office",
    "imports.actions.create_user_import", "imports.actions.create_team_import", "imports.actions.create_revert",
    "imports.actions.create_bulk_action", "imports.actions.replan_job", "imports.plans.user_plans.plan_user_file",
    "imports.runner.plan_and_store", "imports.bulk_actions.plan_bulk_action", "imports.files.team_export.export_teams",
    "imports.plans.team_plans.plan_team_files", "imports.plans.reverts.plan_team_revert",
    "imports.plans.reverts.plan_user_revert", "users.login_methods.add_azure_user",
}  # fmt: skip


def list_actions(packages: tuple[ModuleType, ...] = PACKAGES) -> dict[str, Callable[..., Any]]:
    """Return every public function that takes an actor, without questions, e-mails and parts of other actions."""
    found = list_functions(packages)
    return {name: function for name, function in found.items() if name not in QUESTIONS | PARTS}


def list_functions(packages: tuple[ModuleType, ...]) -> dict[str, Callable[..., Any]]:
    """Return every public function that takes an actor, without e-mails."""
    found: dict[str, Callable[..., Any]] = {}
    for package in packages:
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if any(part in info.name for part in NO_ACTIONS):
                continue
            module = importlib.import_module(info.name)
            for name, function in inspect.getmembers(module, inspect.isfunction):
                wrapped = inspect.unwrap(function)
                if wrapped.__module__ != info.name or name.startswith("_"):
                    continue
                parameter = inspect.signature(wrapped).parameters.get("by")
                if parameter is not None and parameter.kind is parameter.KEYWORD_ONLY:
                    found[f"{info.name}.{name}"] = function
    return found


@pytest.fixture
def action_arguments(office: Provider, alice: User, bob: User, dora: User) -> dict[str, Any]:
    """A value of the office for every parameter name."""
    invited = invite(alice)
    team = Team.objects.create(provider=office, name="Loon")
    employer = Employer.objects.create(provider=office, number=1, name="Bakker")
    made = AuthorizationSet.objects.create(provider=office, name="Set")
    tenant = ExternalTenant.objects.create(
        provider=office,
        name="T",
        tenant_id=uuid4(),
        confirmed_at=timezone.now(),
        confirmation_method=ExternalTenant.ConfirmationMethod.MICROSOFT,
    )
    factors.give_app(bob)
    offer = TotpEnrollment.generate()
    calm = NotificationSet.objects.create(provider=office, name="Rustig")
    program = Application.objects.create(
        provider=office, name="P", redirect_uris="https://x.example/", scopes=["openid"]
    )
    rule = DutyRule.objects.create(
        provider=office, name="Regel", first=["view_users"], second=["view_audit"], severity="warn", reason="Controle"
    )
    exemption = DutyExemption.objects.create(
        provider=office, rule=rule, user=alice, reason="Klein kantoor", until=timezone.localdate()
    )
    campaign = Campaign.objects.create(provider=office, name="Najaar", deadline=timezone.localdate())
    CampaignReviewer.objects.create(provider=office, campaign=campaign, user=alice)
    subject = ReviewedUser.objects.create(provider=office, campaign=campaign, person_id=bob.pk, user=bob)
    item = ReviewItem.objects.create(
        provider=office, campaign=campaign, subject=subject, kind="right", code="view_users", rights=["view_users"],
        in_scope=True,
    )  # fmt: skip
    connection = DirectoryConnection.objects.create(
        provider=office, name="Okta", owner=alice, login_method=LoginMethod.WEBSITE_SSO
    )
    said = DirectoryUser.objects.create(
        provider=office, connection=connection, user_name="eva@x.example", attributes={"active": True}
    )
    group = DirectoryGroup.objects.create(provider=office, connection=connection, name="Lonen")
    impersonation = Impersonation.objects.create(provider=office, user=alice, supporter=dora, reason="x")
    return {
        "target": team, "to": [team], "required": True, "contents": [], "ceremony": None, "credential": None, "left": 1,
        "group": SharedRightsGroup([bob], frozenset({Right.VIEW_USERS}), []),
        "provider": office, "user": bob, "users": [bob], "colleague": alice, "team": team, "teams": [team],
        "employer": employer, "employers": [employer], "tenant": tenant, "invitation": invited.invitation,
        "authorization_set": made, "set_": made, "one": made, "add": [bob], "remove": [], "version": 1,
        "details": DETAILS,
        "email": "x@x.example", "name": "Naam", "mobile_number": NUMBER, "desired": [Right.VIEW_USERS],
        "rights": [Right.VIEW_USERS], "right": Right.VIEW_USERS, "individual": [Right.VIEW_USERS], "tenant_id": uuid4(),
        "external_user_id": uuid4(), "username": "nieuw", "password": "Zonnebloem-43",
        "text": STANDARD_TEXT._replace(subject="Kom"), "kind": "invitation", "language": "nl", "version_number": 0,
        "email_language": "en", "before": "", "how": "support", "reason": "x", "offer": offer,
        "consent_id": uuid4(), "device_id": uuid4(), "session_id": uuid4(),
        "code": factors.code_now(offer.secret),
        "invitation_days": 4, "number": 2, "products": [], "browser": "b", "token": "t", "initials": "X.", "prefix": "",
        "last_name": "X", "two_factor_required": True, "expected": None, "note": "", "values": {}, "subject": "s",
        "people": [], "new_users": [], "erase_after_months": 1, "checkpoint_addresses": "", "given": [Right.VIEW_USERS],
        "policy": MfaPolicy(True, None, None, None), "seen": "", "form": FileFormat.CSV, "filters": {},
        "fingerprint": "",
        "notification_set": calm, "notification_type": NotificationType.BIRTHDAY, "event_date": date(2030, 1, 1),
        "mail": {},
        "until": uuid4(), "notice": Notification(user=bob), "application": program, "secret": "s", "hours": 1,
        "enabled": True, "thresholds": ReviewThresholds(), "impersonation": impersonation, "support_may_look": True,
        "person": bob, "session": None,
        "event": Event(provider_id=office.pk, verb=Verb.TEAM_CHANGED, target_id=team.pk),
        "address": "x@x.example", "reply_to": "", "domain": "x.example", "selector": "s",
        "logo": None, "columns": ["email"], "has_shortcuts": True,
        "rule": rule, "exemption": exemption, "campaign": campaign, "item": item, "item_ids": [item.pk],
        "chosen": CampaignDetails("Najaar", timezone.localdate()), "reviewers": Reviewers((alice,), {}),
        "decision": Decision.KEEP,
        "rule_values": {
            "name": "Nieuw", "first": ["view_users"], "first_all": False, "second": ["view_teams"], "second_all": False,
            "level": "office", "severity": "warn", "reason": "Controle",
        },
        "connection": connection, "shown": "", "connection_token": ConnectionToken(connection=connection),
        "pk": bob.pk, "row": said, "directory_group": group, "mapping": GroupMapping(team), "newest": UUID(int=0),
        "group_record": GroupRecord("Groep", None, frozenset()),
        "record": DirectoryRecord("eva.new@x.example", None, {"active": True}),
        "first_day": date(2026, 1, 1), "last_day": date(2026, 1, 31),
    }  # fmt: skip


def call(function: Callable[..., Any], action_arguments: dict[str, Any], by: Actor) -> Any:
    """Call an action with a fitting value for each parameter."""
    arguments, named = [], {}
    for name, parameter in inspect.signature(inspect.unwrap(function)).parameters.items():
        if name == "by":
            continue
        if parameter.default is not parameter.empty and name not in ("add", "teams", "individual"):
            continue
        if parameter.kind is parameter.KEYWORD_ONLY:
            named[name] = action_arguments[name]
        else:
            arguments.append(action_arguments[name])
    return function(*arguments, by=by, **named)


def outcome(function: Callable[..., Any], action_arguments: dict[str, Any], by: Actor) -> str:
    """Return the name of the exception class that `function` raises for `by`, or "done"; changes are rolled back."""
    try:
        with transaction.atomic():
            made = call(function, action_arguments, by)
            if hasattr(made, "close"):
                made.close()  # an export
            transaction.set_rollback(True)
    except Exception as error:  # the argument decides the answer
        return type(error).__name__
    return "done"
