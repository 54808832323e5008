"""The guards, by the number of the invariant; 0 means that the guard protects every page."""

from typing import NamedTuple


class Guard(NamedTuple):
    """A guard: the text in `file` that prevents something, and its replacement without the guard."""

    rule: int
    name: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]


GUARDS = [
    # 1. An office sees only itself.
    Guard(
        1, "users of another office", "accounts/models.py",
        'other users do not exist for them (rule 1)."""\n        return self.filter(build_office_filter(user))',
        'other users do not exist for them (rule 1)."""\n        return self',
        ("users/test_user_detail.py",),
    ),
    Guard(
        1, "tenants of another office", "accounts/models.py",
        'return self.filter(build_office_filter(user))\n\n    def proved',
        'return self\n\n    def proved',
        ("users/test_tenants.py",),
    ),
    Guard(
        1, "choices among rows of another office", "permissions/forms.py",
        "field.queryset.filter(build_office_filter(user))", "field.queryset.all()",
        ("teams/test_sets.py", "teams/test_team_list.py"),
    ),
    Guard(
        1, "teams and employers of another office", "permissions/office_models.py",
        "return self.filter(build_office_filter(user))", "return self",
        ("teams/test_team_detail.py", "teams/test_employers.py"),
    ),
    Guard(
        1, "messages of another office", "users/messages.py",
        "Message.objects.filter(provider_id=viewer.office.pk, channel__in=_CHANNELS)",
        "Message.objects.filter(channel__in=_CHANNELS)",
        ("users/test_messages.py",),
    ),
    Guard(
        1, "an action in another office", "permissions/checks.py",
        "if not by.is_operator and (provider_id is None or by.user is None or by.user.provider_id != provider_id):",
        "if False:",
        ("permissions/test_escalation.py", "invitations/test_actions.py", "users/test_tenants.py"),
    ),
    Guard(
        1, "a row that connects two offices", "core/composite_keys.py",
        "for name in self.fields], quote),\n            to_table=Table(parent.db_table, quote),\n"
        "            to_column=Columns(parent.db_table, [parent.get_field(name).column for name in self.to_fields]",
        "for name in self.fields[:1]], quote),\n            to_table=Table(parent.db_table, quote),\n"
        "            to_column=Columns(parent.db_table, [parent.get_field(name).column for name in self.to_fields[:1]]",
        ("accounts/test_constraints.py",),
    ),
    Guard(
        1, "a reference without the office", "permissions/models.py",
        '            SameOfficeForeignKey("team"),\n            SameOfficeForeignKey("employer"),\n',
        '            SameOfficeForeignKey("team"),\n',
        ("core/test_composite_keys.py",),
    ),
    Guard(
        1, "a form that connects two offices", "core/composite_keys.py",
        "if None not in values and not self._parent", "if False and not self._parent",
        ("core/test_composite_keys.py",),
    ),
    Guard(
        1, "a key that PostgreSQL would refuse", "core/composite_keys.py",
        "        return [Error(text, obj=model", "        return [] and [Error(text, obj=model",
        ("core/test_composite_keys.py",),
    ),
    Guard(
        1, "the web service of another office", "api/auth.py",
        "if request.caller.user.provider_id != provider_id:", "if False:",
        ("api/test_auth.py",),
    ),
    # 2. A login method is complete.
    Guard(
        2, "a complete login method", "accounts/migrations/0001_initial.py",
        "_connector='OR'), name='user_kind_is_whole')",
        "('id__isnull', False), _connector='OR'), name='user_kind_is_whole')",
        ("accounts/test_constraints.py",),
    ),
    Guard(
        2, "two-factor required of website users only", "accounts/migrations/0001_initial.py",
        "_connector='OR'), name='user_two_factor_website_only')",
        "('id__isnull', False), _connector='OR'), name='user_two_factor_website_only')",
        ("accounts/test_constraints.py",),
    ),
    Guard(
        2, "a unique username", "accounts/migrations/0001_initial.py",
        "compute_username_key, editable=False, max_length=None, null=True, unique=True",
        "compute_username_key, editable=False, max_length=None, null=True",
        ("accounts/test_constraints.py",),
    ),
    Guard(
        2, "no update that leaves a stale key", "core/key_fields.py",
        "if not {field.name, *field.sources}.isdisjoint(values)", "if False", ("core/test_key_fields.py",),
    ),
    Guard(
        2, "keys are saved with their sources", "core/key_fields.py",
        '{"update_fields": fields and _add_keys(type(self), fields)}', '{"update_fields": fields}',
        ("core/test_key_fields.py",),
    ),
    Guard(
        2, "keys are inserted with their sources", "core/key_fields.py",
        'options["update_fields"] = _add_keys(self.model, options["update_fields"])', "pass",
        ("core/test_key_fields.py",),
    ),
    Guard(
        2, "no model whose keys can be stale", "core/key_fields.py",
        "if issubclass(self.model, KeyedModel) and all(isinstance(rows, KeyedQuerySet) for rows in querysets):",
        "if True:", ("core/test_key_fields.py",),
    ),
    Guard(
        2, "a look-alike username", "core/keys.py", "while not key.isascii() and", "while False and",
        ("core/test_keys.py", "loket/test_equality.py"),
    ),
    Guard(
        2, "a character that leaves no mark", "core/keys.py", "    if is_ignorable(char):\n", "    if False:\n",
        ("core/test_keys.py", "loket/test_equality.py"),
    ),
    Guard(
        2, "a username of three visible characters", "accounts/validators.py",
        "len(compute_username_key(username)) < 3", "len(username) < 3", ("loket/test_equality.py",),
    ),
    Guard(
        2, "a blank end of a username", "accounts/validators.py",
        "if is_blank(username[0]) or is_blank(username[-1]):", "if False:",
        ("loket/test_equality.py", "invitations/test_create_account.py"),
    ),
    Guard(
        2, "a name of invisible characters", "core/text.py", "if any(unseen) or", "if", ("core/test_text.py",),
    ),
    Guard(
        1, "two tenants of one name", "authentication/microsoft/tenants.py",
        '    require_free_name(tenant, _("Another tenant has this name. Choose another one."))\n'
        "    tenant.save(force_insert=True)",
        "    tenant.save(force_insert=True)",
        ("loket/test_equality.py",),
    ),
    Guard(
        2, "one team of a name", "permissions/migrations/0001_initial.py",
        "fields=('provider', 'name_key'), name='team_name_once'", "fields=('provider', 'id'), name='team_name_once'",
        ("loket/test_equality.py",),
    ),
    # 3. Each login method has its own entry point.
    Guard(
        3, "one verification for an unknown username", "accounts/passwords.py",
        "matches = check_password(normalize_password(password), usable or _make_dummy_hash())",
        "matches = usable is not None and check_password(password, usable)",
        ("authentication/test_login.py",),
    ),
    Guard(
        0, "a package that was not audited", "tests/tools/dependency_audit.py",
        'if entry.get("version") != version or "vulns" not in entry:', "if False:",
        ("loket/test_dependency_audit.py",),
    ),
    Guard(
        0, "passwords that are easy to guess", "accounts/passwords.py",
        "elif guessed := password_strength.explain_weakness(password, about):", "elif guessed := None:",
        ("accounts/test_password_strength.py",),
    ),
    Guard(
        3, "the login method on the login page", "authentication/actions.py",
        'if user.login_method != kind:', "if False:",
        ("authentication/test_login.py", "oauth/test_client_credentials.py"),
    ),
    Guard(
        3, "a key of a bounded username", "authentication/forms.py", "[: MAX_USERNAME_LENGTH + 1]", "",
        ("authentication/test_login.py",),
    ),
    Guard(
        3, "attempts per username and network", "authentication/actions.py",
        "throttle.consume_attempt_pair(_build_network_key(by), account)", "pass",
        ("authentication/test_login.py",),
    ),
    Guard(
        3, "attempts per browser", "authentication/actions.py",
        "if device:\n        throttle.consume_attempt(*account)", "if device:\n        pass",
        ("authentication/test_login.py",),
    ),
    Guard(
        3, "the nonce of an ID token", "authentication/microsoft/id_tokens.py",
        'if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):', "if False:",
        ("authentication/microsoft/test_id_tokens.py",),
    ),
    Guard(
        3, "the issuer of an ID token", "authentication/microsoft/id_tokens.py",
        'if claims["iss"] != issuer.replace("{tenantid}", str(identity.tid)):', "if False:",
        ("authentication/microsoft/test_id_tokens.py",),
    ),
    Guard(
        3, "the tenant of a user who signs in with Microsoft", "authentication/microsoft/callback.py",
        "users.filter(external_tid=tid, external_user_id=oid,", "users.filter(external_user_id=oid,",
        ("authentication/microsoft/test_sign_in.py",),
    ),
    Guard(
        3, "an Azure user with an SSO ticket", "oauth/sso_tickets.py", "if user.is_azure_user:", "if False:",
        ("oauth/test_sso_tickets.py",),
    ),
    Guard(
        3, "one verification for two passwords", "authentication/actions.py",
        "matches = passwords.verify_password(bounded, stored, previous=previous)",
        "matches = passwords.verify_password(bounded, stored) or passwords.verify_password(bounded, previous)",
        ("users/test_password_overlap.py",),
    ),
    Guard(
        3, "the previous password after its last moment", "accounts/previous_password.py",
        "until is not None and until > timezone.now()", "until is not None",
        ("users/test_password_overlap.py",),
    ),
    Guard(
        3, "a job that would end the next overlap", "users/password_overlap.py",
        " or locked.previous_password != user.previous_password", "",
        ("users/test_password_overlap.py",),
    ),
    Guard(
        3, "tokens of a password that is ended early", "users/password_overlap.py",
        "        end_sessions(locked, by=by)\n", "        pass\n",
        ("users/test_password_overlap.py",),
    ),
    # 4. Nothing has effect before acceptance, while blocked, after the end date, or without a required factor.
    Guard(
        4, "rights that rest", "permissions/inactive.py",
        'f"(SELECT ({INACTIVE_REASON_SQL}) IS NULL FROM', 'f"(SELECT true FROM',
        ("permissions/test_effective.py",),
    ),
    Guard(
        4, "one right of an inactive user", "permissions/effective.py",
        "return rows == [(True,)]", "return bool(rows)", ("permissions/test_effective.py",),
    ),
    Guard(
        4, "a right whose product is off", "permissions/effective.py",
        "OR products && %(needed)s::smallint[]", "OR true", ("permissions/test_effective.py",),
    ),
    Guard(
        4, "the office rights of an inactive user", "permissions/effective.py",
        "resolve_office_rights(code for code, is_active in rows if is_active)",
        "resolve_office_rights(code for code, is_active in rows)",
        ("permissions/test_effective.py",),
    ),
    Guard(
        4, "the rights of an inactive user at an employer", "permissions/effective.py",
        "codes = [code for code, _products, is_active in rows if is_active]",
        "codes = [code for code, _products, is_active in rows]",
        ("permissions/test_effective.py",),
    ),
    Guard(
        4, "a product that is off", "permissions/effective.py",
        "rights_from_codes(codes) & EMPLOYER_LEVEL_RIGHTS if right.works_with(products))",
        "rights_from_codes(codes) & EMPLOYER_LEVEL_RIGHTS)",
        ("permissions/test_effective.py",),
    ),
    Guard(
        4, "a blocked user is refused", "accounts/models.py",
        "return self.blocked_at is not None or self.has_ended() or self.office_is_suspended",
        "return self.has_ended() or self.office_is_suspended",
        (
            "invitations/test_open_link.py",
            "invitations/test_resend_revoke.py",
            "authentication/test_forgot_password.py",
        ),
    ),
    Guard(
        4, "a user whose access has ended is refused", "accounts/models.py",
        "return self.blocked_at is not None or self.has_ended() or self.office_is_suspended",
        "return self.blocked_at is not None or self.office_is_suspended",
        ("oauth/test_tokens.py", "authentication/test_login.py"),
    ),
    Guard(
        4, "a suspended office is refused", "accounts/models.py",
        "return self.blocked_at is not None or self.has_ended() or self.office_is_suspended",
        "return self.blocked_at is not None or self.has_ended()",
        ("support/test_offices.py",),
    ),
    Guard(
        4, "enrollment of a second factor", "authentication/middleware.py",
        'if must_enroll(user) and not policy.during_enrollment:', "if False:",
        ("authentication/mfa/test_second_step.py", "authentication/mfa/test_devices.py"),
    ),
    Guard(
        4, "a second factor that is not shown", "authentication/middleware.py",
        'is_open = user.is_verified() or policy.before_second_factor',
        "is_open = True",
        ("authentication/mfa/test_second_step.py",),
    ),
    Guard(
        4, "a second factor before the session", "authentication/views/passwords.py",
        "if user.second_factor_at is not None:\n        step = session_state.start_second_step",
        "if False:\n        step = session_state.start_second_step",
        ("authentication/mfa/test_second_step.py",),
    ),
    Guard(
        4, "an integration for a user who must enroll", "oauth/tokens.py",
        "return user.may_sign_in and not must_enroll(user)", "return user.may_sign_in",
        ("oauth/test_tokens.py",),
    ),
    # 5. No escalation.
    Guard(
        5, "the right that a page requires", "permissions/access.py",
        "if isinstance(access, Right) and access not in request.rights:", "if False:",
        ("teams/test_team_list.py", "users/test_user_list.py"),
    ),
    Guard(
        5, "a page without a policy", "core/access.py",
        'policy = getattr(view, "policy", None)',
        'policy = getattr(view, "policy", page(Access.PUBLIC)(lambda: None).policy)',
        ("permissions/test_checks.py", "core/test_middleware.py"),
    ),
    Guard(
        5, "a page of support", "permissions/access.py",
        "if not user.is_support and access == Access.SUPPORT:", "if False:",
        ("support/test_admin.py",),
    ),
    Guard(
        5, "the right that an action requires", "permissions/checks.py",
        "if not by.is_operator and not (by.user and has_right(by.user, right)):", "if False:",
        ("permissions/test_escalation.py",),
    ),
    Guard(
        5, "granting a right without having it", "permissions/checks.py",
        "if found is None:\n        return\n", "return\n",
        ("permissions/test_escalation.py",),
    ),
    Guard(
        5, "giving at an employer what one does not hold there", "permissions/checks.py",
        "return MissingRight(right, elsewhere.first())", "return None",
        ("permissions/test_escalation.py",),
    ),
    Guard(
        5, "changing one's own rights", "permissions/checks.py",
        "if by.user is not None and by.user.pk in set(user_ids):", "if False:",
        ("permissions/test_escalation.py",),
    ),
    Guard(
        5, "changing a team of one's own", "permissions/checks.py",
        "if by.user is not None and team.members.filter(user=by.user).exists():", "if False:",
        ("permissions/test_escalation.py",),
    ),
    Guard(
        5, "authority over oneself", "permissions/checks.py",
        "if by.is_user(user.pk):\n            raise", "if False:\n            raise",
        ("users/test_user_detail.py", "permissions/test_escalation.py"),
    ),
    Guard(
        5, "authority over who holds more", "permissions/checks.py",
        "        if user.pk in with_more_rights:", "        if False:",
        ("permissions/test_escalation.py", "users/test_user_detail.py"),
    ),
    Guard(
        5, "authority over who holds more at an employer", "permissions/checks.py",
        'SELECT DISTINCT user_id FROM permissions_grant\nWHERE',
        'SELECT DISTINCT user_id FROM permissions_grant\nWHERE NOT at_employer AND',
        ("permissions/test_escalation.py",),
    ),
    Guard(
        5, "authority over who is renamed", "users/actions.py",
        "if user.pk != own or changes.keys() - PROFILE_FIELDS]", "if changes.keys() - PROFILE_FIELDS]",
        ("users/test_user_detail.py", "imports/test_user_plans.py"),
    ),
    Guard(
        5, "authority over a user renamed by an import", "imports/plans/user_plans.py",
        "PROFILE_FIELDS | NOTIFICATION_FIELDS if is_own else NOTIFICATION_FIELDS\n",
        "PROFILE_FIELDS | NOTIFICATION_FIELDS\n",
        ("imports/test_user_plans.py",),
    ),
    Guard(
        5, "authority over a user whose username is e-mailed", "users/actions.py",
        "checks.require_authority_over(by, user)\n    if user.username is None:", "if user.username is None:",
        ("users/test_user_detail.py",),
    ),
    Guard(
        5, "a new address after losing authority over the user", "users/email_changes.py",
        "if not checks.has_right(requester, Right.MANAGE_USERS) or not checks.has_authority_over(by, found.user):",
        "if False:",
        ("users/test_profile.py", "permissions/test_escalation.py"),
    ),
    Guard(
        5, "support without a reason", "permissions/checks.py",
        "if helper is None or get_inactive_reason(helper) is not None or not by.reason.strip():",
        "if helper is None or get_inactive_reason(helper) is not None:",
        ("support/test_permissions.py", "support/test_actions.py"),
    ),
    Guard(
        5, "authority asked again at acceptance", "invitations/acceptance.py",
        "if not has_sender_authority(stored):", "if False:",
        ("invitations/test_sender_authority.py",),
    ),
    Guard(
        5, "the office locked while an invitation is accepted", "invitations/acceptance.py",
        "lock_provider(invitation.provider_id)  # so that no", "pass  # so that no",
        ("invitations/test_sender_authority.py",),
    ),
    Guard(
        5, "support lends no authority", "invitations/sender_authority.py",
        "if not by.is_support or by.is_operator:", "if True:",
        ("invitations/test_sender_authority.py",),
    ),
    Guard(
        5, "support resends to the same address only", "invitations/actions.py",
        "checks.require_office(by, user.provider_id)  # support must", "pass  # support must",
        ("invitations/test_sender_authority.py",),
    ),
    Guard(
        5, "the sender may still manage users", "invitations/sender_authority.py",
        "if sender is None or not checks.has_right(sender, Right.MANAGE_USERS):", "if sender is None:",
        ("invitations/test_sender_authority.py",),
    ),
    Guard(
        0, "the number of messages to one address", "outbox/message_limits.py",
        "if (refused := throttle.consume_attempts(counts)) is not None:",
        "if (refused := None) is not None:",
        ("outbox/test_message_limits.py",),
    ),
    Guard(
        0, "password links counted separately", "outbox/message_limits.py",
        'f"{message.kind} {message.to}" if message.kind == "password_link" else message.to', "message.to",
        ("outbox/test_message_limits.py",),
    ),
    Guard(
        10, "scheduled invitations kept until their time", "outbox/actions.py",
        "impossible = Q(attempts=0) & (Q(scheduled_at=None) | Q(created_at__gt=latest))", "impossible = Q(attempts=0)",
        ("imports/test_bulk_invitations.py",),
    ),
    Guard(
        0, "the hourly number of invitations of imports", "outbox/message_limits.py",
        "at = now if len(self._latest) < self._limit else", "at = now if True else",
        ("imports/test_bulk_invitations.py",),
    ),
    Guard(
        4, "no invitation to a blocked user", "users/actions.py",
        'outbox.actions.cancel_emails("invitation", [user.pk for user in users], provider_id=office.pk)', "pass",
        ("imports/test_bulk_invitations.py",),
    ),
    Guard(
        0, "messages of a bulk action counted", "outbox/message_limits.py",
        "    if batch.requested:\n", "    if False:\n",
        ("outbox/test_message_limits.py",),
    ),
    Guard(
        5, "the office locked while a new address is authorized", "users/email_changes.py",
        "lock_provider(get_email_change(token).provider_id)", "get_email_change(token)",
        ("users/test_profile.py",),
    ),
    Guard(
        5, "consent on behalf of users with more rights", "oauth/office_decisions.py",
        "return _IDENTITY_SCOPES.issuperset(scopes) or checks.holds_every_right(by)", "return True",
        ("oauth/test_office_access.py",),
    ),
    Guard(
        5, "where users with the consent of their office are sent", "oauth/applications.py",
        "            office_decisions.require_authority_over_consent(application, by)\n", "            pass\n",
        ("oauth/test_office_access.py",),
    ),
    Guard(
        5, "where users who consented themselves are sent", "oauth/office_decisions.py",
        "chain.from_iterable([*agreed, *agreed_by_users.distinct()])", "chain.from_iterable(agreed)",
        ("oauth/test_office_access.py",),
    ),
    Guard(
        5, "how an integration with consents proves who it is", "oauth/applications.py",
        "_PROOF_DETAILS & changes.keys() or ", "",
        ("oauth/test_office_access.py",),
    ),
    Guard(
        5, "the secret of an integration with consents", "oauth/applications.py",
        "    office_decisions.require_authority_over_consent(application, by)\n    application.previous_secret",
        "    application.previous_secret",
        ("oauth/test_office_access.py",),
    ),
    Guard(
        5, "conflicts of duties", "permissions/duty_guard.py",
        "        if refused:\n", "        if not refused:\n",
        ("permissions/test_duty_guard.py",),
    ),
    Guard(
        5, "a reviewer's own access", "reviews/item_models.py", ".exclude(subject__person_id=user.pk)", "",
        ("reviews/test_decisions.py",),
    ),
    Guard(
        5, "access of the reviewer of one's own team", "reviews/item_models.py",
        "items.exclude(subject__person_id__in=own_reviewers)", "items",
        ("reviews/test_decisions.py",),
    ),
    Guard(
        5, "access of who decided about the reviewer", "reviews/item_models.py",
        "        items = items.exclude(subject__person_id__in=decided_about_them)\n", "",
        ("reviews/test_decisions.py",),
    ),
    Guard(
        5, "paths that nobody appointed the reviewer for", "reviews/item_models.py",
        "items.filter(Exists(appointed.filter(team=None)) | Q(kind=ReviewItem.Kind.TEAM, object_id__in=teams))",
        "items",
        ("reviews/test_decisions.py",),
    ),
    Guard(
        5, "a second user for an exception", "reviews/duties.py", "    require_another_user(stored, by)\n", "",
        ("reviews/test_duty_pages.py",),
    ),
    Guard(
        5, "exceptions to a rule that was changed", "reviews/duties.py",
        "        _end_all(stored, by)  # they were approved for something else\n", "        pass\n",
        ("permissions/test_duty_intruders.py",),
    ),
    Guard(
        5, "exceptions to a rule that refuses now", "reviews/duties.py", "if refuses_now or ", "if ",
        ("permissions/test_duty_intruders.py",),
    ),
    Guard(
        5, "conflicts of duties in a plan that was reviewed", "imports/plans/plan.py",
        "        self._conflicts[rule_name] += 1\n", "",
        ("permissions/test_duty_intruders.py",),
    ),
    # 6. No office without an administrator.
    Guard(
        6, "the last administrator", "permissions/checks.py", "if None not in ends:", "if False:",
        ("permissions/test_escalation.py",),
    ),
    Guard(
        6, "an SSO/Webservice user as administrator", "permissions/checks.py",
        "if any(user.is_webservice_user for user in users):", "if False:",
        ("permissions/test_escalation.py", "permissions/test_checks.py"),
    ),
    Guard(
        6, "two administrators who leave at once", "accounts/locks.py",
        "return Provider.objects.select_for_update(no_key=True).get(pk=provider_id)",
        "return Provider.objects.get(pk=provider_id)",
        ("permissions/test_escalation.py",),
    ),
    # 7. No secret is stored in readable form.
    Guard(
        7, "tokens hashed", "core/encryption.py", "return hashlib.sha256(token.encode()).hexdigest()", "return token",
        ("core/test_encryption.py", "invitations/test_secrets.py"),
    ),
    Guard(
        7, "encryption bound to one context", "core/encryption.py",
        "_get_cipher(key).encrypt(nonce, data, context.encode())\n\n\ndef decrypt(",
        "nonce + data + nonce[:4]\n\n\ndef decrypt(",
        ("core/test_encryption.py",),
    ),
    Guard(
        7, "session keys hashed", "authentication/session_store.py",
        "return encryption.hash_token(session_key)[:_KEY_COLUMN_LENGTH]", "return session_key[:_KEY_COLUMN_LENGTH]",
        ("authentication/test_session_store.py",),
    ),
    Guard(
        7, "secrets in events", "audit/actions.py", "redaction.redact_changes(changes)", "changes",
        ("audit/test_record.py",),
    ),
    Guard(
        7, "the mobile number of an ended invitation", "invitations/actions.py",
        "invitation.state, invitation.encrypted_phone = state, None", "invitation.state = state",
        ("invitations/test_actions.py",),
    ),
    # 8. GET changes nothing; a link or code works once, for a limited time.
    Guard(
        8, "POST only", "users/views/users.py",
        "@page(Right.MANAGE_USERS, methods=POST)\ndef unblock_user",
        "@page(Right.MANAGE_USERS)\ndef unblock_user",
        ("users/test_user_detail.py",),
    ),
    Guard(
        8, "an invitation works once", "invitations/acceptance.py",
        "close_invitation(invitation, Invitation.State.ACCEPTED)", "cancel_all = None",
        ("invitations/test_create_account.py",),
    ),
    Guard(
        8, "an invitation expires", "invitations/models.py",
        "return self.state == self.State.OPEN and timezone.now() < self.expires_at",
        "return self.state == self.State.OPEN",
        ("invitations/test_open_link.py",),
    ),
    Guard(
        8, "five attempts per code", "invitations/models.py",
        "self.verified_at is None and self.wrong_tries < MAX_TRIES_PER_CODE", "self.verified_at is None",
        ("invitations/test_enter_code.py",),
    ),
    Guard(
        8, "fifteen attempts in total", "invitations/acceptance.py",
        "if invitation.wrong_tries() >= MAX_TRIES_PER_INVITATION:", "if False:",
        ("invitations/test_enter_code.py",),
    ),
    Guard(
        8, "a code for this browser only", "invitations/acceptance.py",
        "return encryption.verify_keyed_hash(browser, row.browser_hash, purpose=_BROWSER_PURPOSE)", "return True",
        ("invitations/test_enter_code.py",),
    ),
    Guard(
        8, "three codes per hour", "invitations/models.py",
        "MAX_CODES_PER_HOUR - len(lately)", "MAX_CODES_PER_HOUR",
        ("invitations/test_enter_code.py",),
    ),
    Guard(
        8, "a password link works once", "authentication/actions.py",
        "    user.password_resets.all().delete()\n", "",
        ("authentication/test_reset_password.py",),
    ),
    Guard(
        8, "a code of the app works once", "authentication/totp.py", ", code) and step > after:", ", code):",
        ("authentication/mfa/test_actions.py",),
    ),
    Guard(
        8, "a recovery code works once", "authentication/models.py",
        "self.code_hashes.remove(matches[0])", "pass",
        ("authentication/mfa/test_actions.py",),
    ),
    Guard(
        8, "a ticket works once", "oauth/sso_tickets.py",
        "SsoTicket.objects.filter(pk=ticket.pk).delete()[0]", "True",
        ("oauth/test_sso_tickets.py",),
    ),
    Guard(
        8, "an access token expires", "oauth/tokens.py", "found.is_expired() or", "",
        ("oauth/test_tokens.py",),
    ),
    Guard(
        8, "tokens end with the sessions", "oauth/tokens.py", " or not found.is_valid_for(found.user)", "",
        ("oauth/test_tokens.py",),
    ),
    Guard(
        8, "an integration that was turned off", "oauth/tokens.py", "found.application.is_usable() and ", "",
        ("oauth/test_tokens.py",),
    ),
    # 9. Every change records an event.
    Guard(
        9, "an event outside the transaction", "audit/actions.py",
        "if not transaction.get_connection().in_atomic_block:", "if False:",
        ("audit/test_record.py",),
    ),
    Guard(
        9, "immutable events", "audit/append_only.py",
        "RAISE EXCEPTION 'the history cannot be changed' USING ERRCODE = 'restrict_violation';", "RETURN NEW;",
        ("audit/test_append_only.py",),
    ),
    Guard(
        9, "the chain", "audit/chain.py",
        "verify.hash_event(serialize_event(event), previous, sequence)",
        "verify.hash_event(serialize_event(event), verify.ZERO_HASH, sequence)",
        ("audit/test_chain.py",),
    ),
    Guard(
        9, "the event of a block", "users/actions.py",
        "        record_many(Verb.USER_BLOCKED, ((user, {}) for user in users), by=by, provider_id=office.pk)\n", "",
        ("users/test_user_detail.py",),
    ),
    Guard(
        9, "impersonation in a read-only transaction", "support/middleware.py",
        'cursor.execute("SET TRANSACTION READ ONLY")', 'cursor.execute("SELECT 1")',
        ("support/test_impersonation.py",),
    ),
    Guard(
        9,
        "impersonation with GET only",
        "support/middleware.py",
        "is not DuringImpersonation.READ_ONLY or not safe:",
        "is not DuringImpersonation.READ_ONLY:",
        ("support/test_impersonation.py",),
    ),
    # 10. No acknowledged message is lost.
    Guard(
        10, "a claimed message becomes due again", "outbox/actions.py",
        "message.due = now + sending.get_max_duration(message.channel) + CLAIM_GRACE * message.attempts",
        "message.due = now + CLAIM_GRACE * 10**6",
        ("outbox/test_sending.py", "outbox/test_worker.py"),
    ),
    Guard(
        10, "one worker per message", "outbox/actions.py", ".filter(pk=claimed.pk, attempts=claimed.attempts)",
        ".filter(pk=claimed.pk)", ("outbox/test_sending.py", "outbox/test_worker.py"),
    ),
    Guard(
        10, "a refusal that may pass is tried again", "outbox/actions.py",
        "is_last = error.permanent or message.attempts >= MAX_ATTEMPTS or message.encrypted_body is None",
        "is_last = True",
        ("outbox/test_sending.py",),
    ),
    Guard(
        10, "an SMS that may have arrived is not resent", "outbox/actions.py", "if error.no_response:", "if False:",
        ("outbox/test_sending.py",),
    ),
    Guard(
        10, "an SMS whose worker died is not resent", "outbox/actions.py",
        "if message.is_being_sent:\n        _finish_message(", "if False:\n        _finish_message(",
        ("outbox/test_sending.py",),
    ),
    Guard(
        10, "an SMS canceled while it is being sent", "outbox/actions.py",
        "locked.expires_at = timezone.now()", "pass",
        ("outbox/test_sending.py",),
    ),
    Guard(
        10, "a proxy without an answer", "outbox/request_tracking.py",
        "self.no_response |= status in _GATEWAY_ERROR_STATUSES", "pass",
        ("outbox/test_sending.py",),
    ),
    Guard(
        10, "the timeout of the SMS gateway", "outbox/request_tracking.py",
        'options["timeout"] = tracker.timeout', "pass",
        ("outbox/test_sending.py",),
    ),
    Guard(
        10, "concurrent SMS messages", "outbox/worker.py", "MAX_CONCURRENT_SMS = 48", "MAX_CONCURRENT_SMS = 2",
        ("outbox/test_worker.py",),
    ),
    Guard(
        7, "the body of an unsendable message is deleted", "outbox/actions.py",
        "message.state, message.error, message.encrypted_body = state, error, None",
        "message.state, message.error = state, error",
        ("outbox/test_sending.py",),
    ),
    Guard(
        10, "messages scheduled by a clock that ran ahead", "outbox/actions.py",
        "impossible |= Q(attempts=attempts, due__gt=latest + pause)", "pass",
        ("core/test_clock_skew.py",),
    ),
    Guard(
        0, "tries of a clock that ran ahead", "core/throttle.py",
        "CASE WHEN stored.full_at > {impossible} THEN %(now)s ELSE", "CASE WHEN {impossible} IS NULL THEN %(now)s ELSE",
        ("core/test_clock_skew.py",),
    ),
    Guard(
        0, "attempts on two servers whose clocks differ", "core/throttle.py",
        "return now + limit.burst * limit.every + MAX_CLOCK_SKEW", "return now + limit.burst * limit.every",
        ("core/test_clock_skew.py",),
    ),
    Guard(
        0, "sessions created by a clock that ran ahead", "authentication/session_timeouts.py",
        "if clock_skew.is_in_future(self.began_at) or clock_skew.is_in_future(self.used_at):", "if False:",
        ("core/test_clock_skew.py",),
    ),
    Guard(
        0, "codes and links from a clock that ran ahead", "core/clock_skew.py", "<= now + within + MAX_CLOCK_SKEW", "",
        ("core/test_clock_skew.py",),
    ),
    Guard(
        0, "the time for sending a body", "loket/rsgi.py",
        "asyncio.timeout_at(began + BODY_GRACE_SECONDS + received / MIN_BODY_BYTES_PER_SECOND)",
        "asyncio.timeout_at(None)",
        ("loket/test_slow_clients.py",),
    ),
    Guard(
        0, "the number of bodies from one address", "loket/rsgi.py",
        " or self._open_bodies[address] + weight > MAX_BODIES_PER_ADDRESS", "",
        ("loket/test_slow_clients.py",),
    ),
    Guard(
        0, "memory for anonymous uploads", "loket/rsgi.py",
        "weight = FILE_WEIGHT if is_kept and", "weight = 1 if is_kept and",
        ("loket/test_slow_clients.py",),
    ),
    Guard(
        0, "a header that imitates another", "loket/rsgi.py", 'if "_" in name:', "if False:",
        ("loket/test_slow_clients.py",),
    ),
    # 0. Every page.
    Guard(
        0, "forged forms", "loket/settings.py", '    "django.middleware.csrf.CsrfViewMiddleware",\n', "",
        ("authentication/test_logout.py",),
    ),
    Guard(
        0, "the scheme that a client claims", "loket/settings.py",
        '    "core.middleware.forwarded_scheme_middleware",\n', "",
        ("core/test_client_address.py",),
    ),
    Guard(
        0, "probes through a proxy", "monitoring/probes.py",
        'None if "X-Forwarded-For" in request.headers else known', "known",
        ("monitoring/test_probes.py",),
    ),
    Guard(
        0, "pages in caches", "permissions/access.py",
        "add_never_cache_headers(response)  #", "pass  #",
        ("core/test_middleware.py",),
    ),
    Guard(
        0, "the content security policy", "loket/settings.py", '    "csp.middleware.CSPMiddleware",\n', "",
        ("support/test_admin.py", "oauth/test_authorize.py"),
    ),
    Guard(
        0, "a body that is too large", "core/middleware.py", "or not _is_body_allowed(request, int(length)):", ":",
        ("core/test_middleware.py",),
    ),
    Guard(
        0, "client addresses from untrusted proxies", "core/client_address.py",
        "while hops and _is_trusted(address):", "while hops:",
        ("core/test_client_address.py",),
    ),
    Guard(
        0, "a page of another user after logging in", "authentication/next_url.py",
        'if not (is_ours and target.startswith("/") and', "if not (",
        ("authentication/test_login.py",),
    ),
    Guard(
        0, "a page of another user after a ticket", "oauth/sso_tickets.py",
        "        and url_has_allowed_host_and_scheme(path, allowed_hosts=None)\n", "",
        ("oauth/test_sso_tickets.py",),
    ),
    Guard(
        0, "the mailbox outside the demo", "demo/access.py", "if not settings.LOKET_DEMO or forwarded", "if forwarded",
        ("demo/test_mailbox.py",),
    ),
    Guard(
        0, "Django's error pages in production", "loket/dev_settings.py",
        'if "DATA_DIR" not in DATABASES["default"] or not', "if not", ("demo/test_dev.py",),
    ),
    Guard(
        0, "Django's error pages at an address", "loket/dev_settings.py", "or not set(ALLOWED_HOSTS) <= _LOOPBACK", "",
        ("demo/test_dev.py",),
    ),
    Guard(
        0, "Django's error pages for other machines", "loket/dev_settings.py",
        'if request.META["REMOTE_ADDR"] not in INTERNAL_IPS or', "if", ("demo/test_dev.py",),
    ),
    Guard(
        0, "a new session key after login", "authentication/session_store.py", "        self.delete(old)\n", "",
        ("authentication/test_session_store.py", "authentication/test_sessions.py"),
    ),
    Guard(
        0, "a block ends sessions", "users/actions.py",
        'blocked_at=timezone.now(), session_version=F("session_version") + 1', "blocked_at=timezone.now()",
        ("users/test_user_detail.py", "oauth/test_tokens.py"),
    ),
    Guard(
        0, "recent re-authentication", "authentication/reauthentication.py",
        "return type(confirmed_at) is int and clock_skew.is_recent(confirmed_at, within=seconds)",
        "return True",
        ("authentication/test_reauthentication.py",),
    ),
    Guard(
        0, "the re-authentication that a page requires", "authentication/middleware.py",
        "if not policy.reauthentication:", "if policy.reauthentication or not policy.reauthentication:",
        ("authentication/test_reauthentication.py",),
    ),
    Guard(
        0, "the HTTP method of a page", "permissions/access.py",
        "if policy.methods is not None and request.method not in policy.methods:", "if False:",
        ("core/test_middleware.py", "users/test_user_detail.py"),
    ),
    Guard(
        0, "re-authentication with the second factor", "authentication/reauthentication.py",
        "if is_enough and (not with_factor or request.session.get(_WITH_FACTOR_KEY) is True):", "if is_enough:",
        (
            "authentication/test_reauthentication.py",
            "authentication/mfa/test_office_policy.py",
            "authentication/mfa/test_reset.py",
        ),
    ),
    Guard(
        0, "the re-authentication that an action requires", "audit/actors.py",
        'cast(Actor, kwargs["by"]).require_reauthentication(proof)', "pass",
        ("loket/test_reauthentication_matrix.py",),
    ),
    Guard(
        0, "the re-authentication of a session", "authentication/reauthentication.py",
        "    if session_state.get_pending_user(request) is not None:\n        return ReauthenticationLevel.NONE\n", "",
        ("loket/test_reauthentication_matrix.py",),
    ),
    Guard(
        0, "a session of a portal proves nothing", "authentication/sessions.py",
        "    if not reauthentication.is_sso_session(request) or device is None or isinstance(device, Passkey):",
        "    if True:",
        ("oauth/test_sso_tickets.py",),
    ),
    Guard(
        0, "the re-authentication of an import", "imports/runner.py",
        "proof=ReauthenticationLevel(job.proof)", "proof=ReauthenticationLevel.FIVE_MINUTES",
        ("loket/test_reauthentication_matrix.py",),
    ),
    Guard(
        0, "a plan that changes how users sign in", "imports/actions.py",
        '        if summary.get("signs_in", True):  # not stored by the previous release\n'
        "            by.require_reauthentication(ReauthenticationLevel.FIVE_MINUTES)\n", "",
        ("loket/test_reauthentication_matrix.py", "imports/test_team_jobs.py"),
    ),
    Guard(
        0, "the proof for two-factor of a colleague", "users/actions.py",
        '    if "two_factor_required" in changed_fields:\n'
        "        by.require_reauthentication(ReauthenticationLevel.FIVE_MINUTES)\n",
        "",
        ("loket/test_reauthentication_matrix.py",),
    ),
    Guard(
        0, "re-authentication for a new address of an invitation", "invitations/actions.py",
        "        by.require_reauthentication(ReauthenticationLevel.FIVE_MINUTES)\n    outbox.actions.cancel_message",
        "        pass\n    outbox.actions.cancel_message",
        ("loket/test_reauthentication_matrix.py",),
    ),
    Guard(
        0, "re-authentication for the sessions of a colleague", "authentication/sessions.py",
        "        by.require_reauthentication(ReauthenticationLevel.HALF_HOUR)\n",
        "",
        ("loket/test_reauthentication_matrix.py",),
    ),
    Guard(
        0, "re-authentication for the integrations of a colleague", "oauth/consents.py",
        "        by.require_reauthentication(ReauthenticationLevel.HALF_HOUR)\n",
        "",
        ("loket/test_reauthentication_matrix.py",),
    ),
    Guard(
        0, "the integrations of a user with more rights, by a program", "api/integrations.py",
        "checks.require_authority_over(request.by, user)", "pass",
        ("api/test_published_shapes.py",),
    ),
    Guard(
        0, "the scope of a field that a filter names", "api/filters.py",
        "if field.scope is not None and field.scope not in self.scopes:", "if False:",
        ("api/test_published_shapes.py",),
    ),
    Guard(
        0, "a concurrent change", "users/actions.py",
        "    if user.version != version:\n        raise EditConflict\n", "",
        ("users/test_user_detail.py",),
    ),
    Guard(
        0, "If-Match", "api/etags.py", """if not {"*", f'"{etag}"'} & set(parse_etags(header)):""", "if False:",
        ("api/test_concurrency.py",),
    ),
    Guard(
        0, "a login method that a PUT would change", "api/users.py", "if found != user.login_method:", "if False:",
        ("api/test_published_shapes.py",),
    ),
    Guard(
        0, "the profile of another user", "api/me.py",
        "if user_schemas.get_user_or_404(request, user_id).pk != request.caller.user.pk:", "if False:",
        ("api/test_published_shapes.py",),
    ),
    Guard(
        0, "the same request twice", "api/idempotency.py", "if stored.encrypted_response:", "if False:",
        ("api/test_concurrency.py",),
    ),
    Guard(
        0, "the scope of a client", "api/auth.py",
        "if self.scope not in request.caller.scopes:", "if False:",
        ("api/test_auth.py",),
    ),
    Guard(
        0, "the right of the caller", "api/auth.py",
        "if self.right is not None and not checks.has_right(request.caller.user, self.right):", "if False:",
        ("api/test_auth.py",),
    ),
    Guard(
        0, "calls per second", "api/auth.py", "        _apply_rate_limit(request)\n", "",
        ("api/test_auth.py",),
    ),
    Guard(
        0, "PKCE", "oauth/authorization_requests.py",  # the library asks for it as well, less exactly
        'if method != "S256" or not _CODE_CHALLENGE_PATTERN.fullmatch(challenge):',
        "if False:",
        ("oauth/test_authorize.py",),
    ),
    Guard(
        0, "an exact redirect URI with TLS", "oauth/client_settings.py",
        'safe = parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK_HOSTS)', "safe = True",
        ("oauth/test_applications.py",),
    ),
    Guard(
        0, "an app that others can imitate asks for consent", "oauth/client_settings.py",
        'return not self.is_public or redirect_uri.startswith("https://")', "return True",
        ("oauth/test_public_clients.py",),
    ),
    Guard(
        0, "PKCE taken out of a request", "oauth/validator.py",
        "if challenge is None and request.code_verifier is not None:", "if False:",
        ("oauth/test_public_clients.py",),
    ),
    Guard(
        0, "PKCE of public clients", "oauth/client_settings.py",
        'if is_public and values["pkce_optional"]:', "if False:",
        ("oauth/test_public_clients.py",),
    ),
    Guard(
        0, "a private-use scheme for apps only", "oauth/client_settings.py",
        "private = is_public and bool(", "private = bool(",
        ("oauth/test_public_clients.py", "oauth/test_authorize.py"),
    ),
    Guard(
        0, "tokens end with another way of authentication", "oauth/applications.py",
        'if "authentication" in changes:', "if False:",
        ("oauth/test_public_clients.py",),
    ),
    Guard(
        0, "origins of registered browser clients only", "oauth/middleware.py",
        "is_allowed = is_open or is_registered_origin(origin)", "is_allowed = True",
        ("oauth/test_cors.py",),
    ),
    Guard(
        0, "an assertion works once", "oauth/client_assertions.py", "    return is_new\n", "    return True\n",
        ("oauth/test_client_assertions.py",),
    ),
    Guard(
        0, "an assertion for other servers too", "oauth/client_assertions.py",
        "return claims if set(named) <= set(audiences) else None", "return claims",
        ("oauth/test_client_assertions.py",),
    ),
    Guard(
        0, "how long an assertion lives", "oauth/client_assertions.py",
        "if expires > issued + (longest + _LEEWAY).total_seconds():", "if False:",
        ("oauth/test_client_assertions.py",),
    ),
    Guard(
        0, "a used assertion is kept as long as it is valid", "oauth/client_assertions.py",
        ' if claims.get("iat") else expires  # not later', "  # not later",
        ("oauth/test_client_assertions.py",),
    ),
    Guard(
        7, "a private key is refused", "oauth/client_assertions.py", "if _PRIVATE_MEMBERS & key.keys():", "if False:",
        ("oauth/test_client_assertions.py",),
    ),
    Guard(
        1, "introspection of another office", "oauth/views/introspection.py",
        "return is_named and application.is_available_to(found.user)", "return is_named",
        ("oauth/test_resource_servers.py",),
    ),
    Guard(
        0, "introspection without a secret", "oauth/views/introspection.py",
        "if application is None or application.is_public:", "if application is None:",
        ("oauth/test_public_clients.py",),
    ),
    Guard(
        0, "a token for another service", "oauth/tokens.py",
        " or not resources.includes_this_site(found.resource)", "",
        ("oauth/test_resource_servers.py",),
    ),
    Guard(
        0, "tokens keep the audience of the code", "oauth/validator.py",
        "        self._check_and_set_request_resource(request)\n", "",
        ("oauth/test_resource_servers.py",),
    ),
    Guard(
        0, "a pushed request of another client", "oauth/pushed_requests.py",
        ", application__client_id=client_id)", ")",
        ("oauth/test_pushed_requests.py",),
    ),
    Guard(
        7, "pushed requests for a public client", "oauth/views/pushed_requests.py",
        "    if application.is_public:", "    if False:",
        ("oauth/test_pushed_requests.py",),
    ),
    Guard(
        7, "only known parameters of a pushed request", "oauth/pushed_requests.py",
        "    for name in names:", "    for name in body:",
        ("oauth/test_pushed_requests.py",),
    ),
    Guard(
        7, "the length of a pushed request", "oauth/pushed_requests.py",
        "return len(_encode(parameters)) > _MAX_LENGTH", "return False",
        ("oauth/test_pushed_requests.py",),
    ),
    Guard(
        0, "only pushed requests", "oauth/authorization_requests.py",
        "if application.pushed_requests_required and not is_pushed:", "if False:",
        ("oauth/test_pushed_requests.py",),
    ),
    Guard(
        0, "unauthenticated reports", "outbox/views.py",
        'if not settings.ANYMAIL.get("WEBHOOK_SECRET") or backend', "if backend",
        ("outbox/test_webhooks.py",),
    ),
    Guard(
        0, "forged return paths", "outbox/return_path.py",
        "if not match or not verify_keyed_hash(match[1], match[2], purpose=_PURPOSE, digits=_DIGITS):", "if not match:",
        ("outbox/test_bounces.py",),
    ),
    Guard(
        0, "answers to who left the office", "invitations/emails.py",
        "sender is None or sender.is_denied_access", "sender is None",
        ("invitations/test_email.py",),
    ),
    Guard(
        0, "forged SMS receipts", "outbox/sms_reference.py",
        "if not match or not verify_keyed_hash(match[1], match[2], purpose=_PURPOSE, digits=_DIGITS):", "if not match:",
        ("outbox/test_sms_receipts.py",),
    ),
    Guard(
        0, "the first SMS receipt counts", "outbox/sms_receipts.py",
        "state__in=[state.SENT, state.NO_RESPONSE], delivered_at=None)", ")", ("outbox/test_sms_receipts.py",),
    ),
    Guard(
        0, "an undelivered invitation is reported once", "notifications/undelivered.py",
        "pk=message_id, is_reported=False).update", "pk=message_id).update", ("notifications/test_undelivered.py",),
    ),
    Guard(
        0, "late bounces", "outbox/bounces.py",
        "sent_at__lt=timezone.now() - REPORTS_ACCEPTED_FOR", "sent_at=None",
        ("outbox/test_bounces.py",),
    ),
    Guard(
        0, "an idle session", "authentication/session_timeouts.py",
        "return SessionEndReason.IDLE if now >= self.used_at + get_idle_timeout() else None", "return None",
        ("authentication/test_session_expiry.py",),
    ),
    Guard(
        0, "the maximum lifetime of a session", "authentication/session_timeouts.py",
        "if now >= self.began_at + get_absolute_timeout(by_sso=self.by_sso):", "if False:",
        ("authentication/test_session_expiry.py",),
    ),
    Guard(
        0, "only a sign-in starts a session", "authentication/sessions.py",
        "    return UserSession.objects.update_or_create(session_id=", "    from django.utils import timezone\n"
        "    values |= {'created_at': timezone.now()}\n    return UserSession.objects.update_or_create(session_id=",
        ("authentication/test_session_expiry.py",),
    ),
    Guard(
        0, "an ended session opens nothing", "authentication/session_store.py",
        "return {session_timeouts.ENDED_KEY: [data[SESSION_KEY], reason]}",
        "return data | {session_timeouts.ENDED_KEY: [data[SESSION_KEY], reason]}",
        ("authentication/test_session_expiry.py",),
    ),
    Guard(
        0, "ended sessions in the list", "authentication/models.py",
        "in_time, last_used_at__gt=now - session_timeouts.get_idle_timeout(), session__expire_date__gt=now",
        "session__expire_date__gt=now",
        ("authentication/test_session_expiry.py",),
    ),
    Guard(
        0, "a page that reloads itself", "authentication/sessions.py",
        "if is_activity and found is not None", "if found is not None",
        ("authentication/test_session_expiry.py",),
    ),
    Guard(
        0, "the target of a saved form", "authentication/reauthentication.py",
        "        target = saved.url", "        pass",
        ("authentication/test_reauthentication.py",),
    ),
    Guard(
        0, "a form of another user", "authentication/pending_forms.py",
        "    if own != forms:\n", "    if False:\n",
        ("authentication/test_session_expiry.py",),
    ),
    Guard(
        0, "a form of another browser", "authentication/pending_forms.py",
        "if encryption.hash_token(key) != stored.key_hash:", "if False:",
        ("loket/test_account_takeover.py",),
    ),
    Guard(
        0, "a form of a page that another user opened", "authentication/last_user.py",
        "if get_last_user_id(request) != str(user.pk):", "if False:",
        ("authentication/test_late_forms.py",),
    ),
    Guard(
        0, "a form without the token of an earlier page", "authentication/ended_sessions.py",
        "if not last_user.is_from_earlier_page(request):", "if False:",
        ("authentication/test_late_forms.py",),
    ),
    Guard(
        0, "cookies of sign-ins that fill a request", "core/cookies.py",
        "length = sum(len(name) + len(morsel.value) for name, morsel in response.cookies.items())", "length = 0",
        ("authentication/microsoft/test_sign_in.py",),
    ),
    Guard(
        0, "cookies of trusted browsers that fill a request", "authentication/trusted_devices.py",
        "cookies.delete_oldest_cookies(response, request, _COOKIE_NAME, most=_MAX_CHARACTERS)", "pass",
        ("authentication/test_login.py",),
    ),
    Guard(
        0, "long addresses without end", "authentication/next_url.py",
        "throttle.consume_attempt(LONG_URL_LIMIT, throttle.build_network_key(get_client_address(request)))", "pass",
        ("authentication/test_login.py",),
    ),
    Guard(
        8, "a used code of the app at a slower server", "authentication/totp.py",
        "after if after <= now + _MAX_STEPS_AHEAD else 0", "after if after <= now + 1 else 0",
        ("core/test_clock_skew.py",),
    ),
    Guard(
        0, "a second step of another tab", "authentication/mfa/session_state.py",
        'return name if name in steps else ""', 'return next(reversed(steps), "")',
        ("authentication/mfa/test_second_step.py",),
    ),
    Guard(
        0, "late forms without end", "authentication/ended_sessions.py",
        "throttle.consume_attempt(LATE_FORM_LIMIT, str(user_id))", "pass",
        ("authentication/test_late_forms.py",),
    ),
    Guard(
        8, "a code for HEAD", "oauth/views/authorize.py",
        'if request.method == "HEAD":', "if False:",
        ("oauth/test_authorize.py",),
    ),
    Guard(
        0, "a consent page of an earlier version", "oauth/authorization_requests.py",
        'return http.POST.get("shown_version") == str(application.version)', "return True",
        ("oauth/test_authorize.py",),
    ),
    Guard(
        0, "a change while the user agrees", "oauth/views/authorize.py",
        "if application.version != authorization.application.version:", "if False:",
        ("oauth/test_authorize.py",),
    ),
    Guard(
        8, "a flow that HEAD finishes", "authentication/views/microsoft.py",
        'if request.method == "HEAD":', "if False:",
        ("authentication/microsoft/test_sign_in.py",),
    ),
    Guard(
        0, "a passkey challenge that works twice", "authentication/mfa/passkeys.py",
        ".pop(_read_challenge(credential), None)", ".get(_read_challenge(credential), None)",
        ("authentication/mfa/test_passkeys.py",),
    ),
    Guard(
        0, "consent long after signing in", "oauth/interactions.py",
        "_READING_SECONDS if is_consent else 0", "10**9 if is_consent else 0",
        ("loket/test_account_takeover.py",),
    ),
    Guard(
        0, "a new proof for prompt=login", "oauth/interactions.py",
        "_identify_proof(request) == note[\"proof\"]", "False",
        ("oauth/test_interactions.py",),
    ),
    Guard(
        0, "a proof that another browser was asked for", "oauth/interactions.py",
        "is_asked_here and ", "",
        ("oauth/test_interactions.py",),
    ),
    Guard(
        0, "any port is for public clients only", "oauth/models.py",
        "_is_readable_address(uri) if self.is_public else uri in registered.split()", "_is_readable_address(uri)",
        ("oauth/test_public_clients.py",),
    ),
    Guard(
        4, "integrations that are turned off are told that sessions ended", "oauth/applications.py",
        "        if not enabled:\n            backchannel_logout.end_application_sessions(application, by=by)", "",
        ("oauth/test_backchannel_logout.py",),
    ),
    Guard(
        4, "sessions of users outside the teams of an integration", "oauth/office_decisions.py",
        "        backchannel_logout.end_client_sessions(others, by=by)", "        pass",
        ("oauth/test_backchannel_logout.py",),
    ),
    Guard(
        0, "an essential second factor", "oauth/authentication_context.py",
        "return is_essential and not met & set(values)", "return False",
        ("oauth/test_authentication_context.py",),
    ),
    Guard(
        0, "an ID token hint of another user", "oauth/views/authorize.py",
        "if not authorization.wanted_subjects <= {oidc.compute_subject(user)}:", "if False:",
        ("oauth/test_interactions.py",),
    ),
    Guard(
        0, "a passkey without user verification, without a password", "authentication/mfa/passkeys.py",
        "is_alone = user is None or BY_SSO_KEY in request.session", "is_alone = user is None",
        ("loket/test_account_takeover.py",),
    ),
    Guard(
        0, "the state of a second step", "authentication/mfa/session_state.py",
        "pending_forms.flush_session_except_forms(request, user)", "request.session.flush()",
        ("authentication/test_session_expiry.py",),
    ),
    Guard(
        0, "the session of support", "support/models.py",
        "is_ongoing = session is not None and session.lifetime.get_end_reason() is None", "is_ongoing = True",
        ("support/test_impersonation.py",),
    ),
    Guard(
        0, "cookie names", "loket/settings.py",
        'LOKET_COOKIE_PREFIX = "__Host-" if _https else ""', 'LOKET_COOKIE_PREFIX = ""',
        ("core/test_cookies.py",),
    ),
    Guard(
        0, "browser data after logging out", "authentication/ended_sessions.py",
        'response["Clear-Site-Data"] = \'"cache", "storage"\'', "pass",
        ("authentication/test_session_expiry.py",),
    ),
    Guard(
        0, "formulas in a workbook", "core/sheets.py",
        'cell.data_type = "s"\n    if str(cell.value).startswith(_FORMULA_PREFIXES):', "if False:",
        ("core/test_sheets.py",),
    ),
    Guard(
        0, "formulas in CSV", "core/sheets.py",
        '''return f"'{text}" if _GUARDED_PATTERN.match(text) else text''', "return text",
        ("core/test_sheets.py",),
    ),
    Guard(
        0, "columns of a strict workbook", "imports/files/xlsx_scan.py",
        "with self._open_transitional(name) as part:", "with super().open(name) as part:",
        ("imports/test_workbook_parts.py",),
    ),
    Guard(
        0, "a secret in a column without a heading", "imports/files/user_rows.py",
        'CellProblem(column, "…", build', 'CellProblem(column, " ".join(file_row.cells), build',
        ("imports/test_left_out.py",),
    ),
    Guard(
        0, "columns of a workbook", "imports/files/xlsx_scan.py", "if self._widest > MAX_COLUMNS:", "if False:",
        ("imports/test_file_limits.py",),
    ),
    Guard(
        0, "cells counted by reference", "imports/files/xlsx_scan.py",
        "self._budget.count_cells(self._row_number, self._widest)", "self._budget.count_cells(self._row_number, 0)",
        ("imports/test_file_limits.py",),
    ),
    Guard(
        0, "the length of a cell", "imports/files/readers.py", "budget.count_cells(number, len(cells))", "pass",
        ("imports/test_file_limits.py",),
    ),
    Guard(
        0, "rows of a file", "imports/files/budget.py", "if self._rows > self.limits.rows:", "if False:",
        ("imports/test_file_limits.py",),
    ),
    Guard(
        0, "the time for reading", "imports/files/budget.py",
        "if self._spent_seconds + running > self.limits.seconds:", "if False:",
        ("imports/test_file_limits.py",),
    ),
    Guard(
        0, "shared strings of a workbook", "imports/files/budget.py",
        "if self._characters > self.limits.unpacked_bytes:", "if False:",
        ("imports/test_file_limits.py",),
    ),
    Guard(
        0, "sheets of a workbook", "imports/files/xlsx_scan.py",
        "if self._sheet_count > self._limits.sheets:", "if False:", ("imports/test_file_limits.py",),
    ),
    Guard(
        0, "files read in the web process", "imports/actions.py", "if is_small and not job.has_files:",
        "if is_small:", ("imports/test_quotas.py",),
    ),
    Guard(
        0, "queued jobs per user", "imports/quotas.py",
        "if users.count(job.user_id) >= MAX_WAITING_JOBS_PER_USER:", "if False:",
        ("imports/test_quotas.py",),
    ),
    Guard(
        0, "queued jobs per office", "imports/quotas.py", "if len(users) >= MAX_WAITING_JOBS_PER_OFFICE:", "if False:",
        ("imports/test_quotas.py",),
    ),
    Guard(
        0, "turns of offices", "imports/scheduling.py", "sorted(offices, key=self._last_turns.__getitem__)", "offices",
        ("imports/test_scheduling.py",),
    ),
    Guard(
        0, "one job of an office at a time", "imports/scheduling.py", "if not _try_lock_office(office):", "if False:",
        ("imports/test_scheduling.py",),
    ),
    Guard(
        0, "turns with a limit", "imports/scheduling.py", "signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)", "None",
        ("imports/test_scheduling.py",),
    ),
    Guard(
        0, "a job that kills the worker", "imports/runner.py", "if job.progress.turns >= MAX_ATTEMPTS:", "if False:",
        ("imports/test_scheduling.py",),
    ),
    Guard(
        0, "another plan than was looked at", "imports/plans/plan.py",
        "if digest is not None and plan.digest != digest and not plan.is_empty:", "if False:",
        ("imports/test_outdated_plans.py", "imports/test_user_plans.py"),
    ),
    Guard(
        0, "a form with an ID of its own", "users/form_tokens.py",
        "return UUID(signing.loads(text, salt=_build_salt(user, method)))",
        'return UUID(signing.loads(text, salt=_build_salt(user, method)) if ":" in text else text)',
        ("users/test_create_webservice_user.py", "users/test_create_azure_user.py"),
    ),
    Guard(
        0, "the re-authentication of a token", "api/auth.py",
        "request.proof = caller.proof", "request.proof = ReauthenticationLevel.FIVE_MINUTES",
        ("api/test_step_up.py",),
    ),
    Guard(
        0, "a token of an old sign-in", "oauth/tokens.py",
        "return -MAX_CLOCK_SKEW <= age < timedelta(seconds=LEVEL_MAX_AGE_SECONDS[level])", "return True",
        ("api/test_step_up.py",),
    ),
    Guard(
        0, "a token of a sign-in without a second factor", "oauth/tokens.py",
        "MissingEvidence.FACTOR: not self.with_factor", "MissingEvidence.FACTOR: False",
        ("api/test_step_up.py",),
    ),
    Guard(
        0, "a refresh token whose successor was used", "oauth/validator.py",
        "found.revoked is not None and found.is_successor_used()", "False",
        ("oauth/test_authorization_code.py",),
    ),
    Guard(
        0, "a refresh that asks for another resource", "oauth/validator.py",
        "if issued is None or set(issued.resource) != set(request.resource):", "if issued is None:",
        ("oauth/test_authorization_code.py",),
    ),
    Guard(
        0, "teams that may use an integration, at each door", "oauth/models.py",
        "return self.serves_office_of(user) and not is_closed_to(self, user)", "return self.serves_office_of(user)",
        ("oauth/test_office_access.py",),
    ),
    Guard(
        0, "teams that may use an integration, at each call", "oauth/tokens.py",
        " and not found.is_closed", "",
        ("oauth/test_office_access.py",),
    ),
    Guard(
        0, "teams that may use an integration, at the authorization page", "oauth/views/authorize.py",
        "if office_access.is_closed_to(authorization.application, user):", "if False:",
        ("oauth/test_office_access.py",),
    ),
    Guard(
        0, "a token beyond what is consented to", "oauth/consents.py",
        "        )\n    return _is_covered(user, application, scopes)", "        )\n    return True",
        ("oauth/test_office_access.py",),
    ),
    Guard(
        0, "refreshing is no sign-in", "oauth/validator.py",
        "created.copy_evidence(self._source)", "created.authenticated_at, created.with_factor = timezone.now(), True",
        ("api/test_step_up.py",),
    ),
    Guard(
        0, "an outdated value that removes a factor", "api/users.py",
        "        etags.require_if_match_header(request)\n", "",
        ("api/test_step_up.py",),
    ),
    Guard(
        0, "a new factor raises the version", "authentication/mfa/actions.py",
        'user.version += 1\n    user.save(update_fields=["second_factor_at", "version"])',
        'user.save(update_fields=["second_factor_at", "version"])',
        ("api/test_step_up.py",),
    ),
    Guard(
        0, "an ETag over every field", "api/user_schemas.py",
        'return f"{user.version}-{etags.hash_ordered(str(other) for other in others)[:16]}"',
        'return f"{user.version}"',
        ("api/test_step_up.py",),
    ),
    Guard(
        0, "one's own profile by scope", "api/user_schemas.py",
        "_FIELD_SCOPES.get(name, Scope.ACCOUNT_READ) in scopes", "True",
        ("oauth/test_scopes.py",),
    ),
    Guard(
        0, "anonymous users see the redirect target", "oauth/redirects.py",
        "    if trusted:", "    if True:",
        ("oauth/test_redirects.py",),
    ),
    Guard(
        0, "a page waiting for a database that hangs", "core/db_availability.py",
        "return super().should_give_up() or is_database_down()", "return super().should_give_up()",
        ("core/test_db_availability.py",),
    ),
    Guard(
        0, "a page requested while the database is down", "core/postgresql/base.py",
        "        if self._is_down():\n            raise", "        if False:\n            raise",
        ("core/test_db_availability.py",),
    ),
    Guard(
        8, "a cross-site form on the database error page", "loket/views.py",
        "page[\"sent\"] and is_ours and", "page[\"sent\"] and",
        ("core/test_db_unavailable.py",),
    ),
    Guard(
        7, "secrets on the database error page", "authentication/pending_forms.py",
        "request.POST.lists() if not _EXCLUDED_FIELDS.fullmatch(name)}", "request.POST.lists()}",
        ("core/test_db_unavailable.py",),
    ),
    Guard(
        0, "a counter that needs a block on a full disk", "monitoring/metric_files.py",
        "            os.posix_fallocate(self._f.fileno(), 0, size)", "            pass",
        ("monitoring/test_metrics.py",),
    ),
    Guard(
        0, "the first blocks of the counters on a full disk", "monitoring/metric_files.py",
        "os.posix_fallocate(descriptor, 0, max(size, INITIAL_FILE_BYTES))",
        "os.truncate(descriptor, INITIAL_FILE_BYTES)",
        ("monitoring/test_metrics.py",),
    ),
    Guard(
        0, "a counter that fails", "monitoring/metric_files.py",
        "except Exception as error:\n            _disable_counting(error)",
        "except ZeroDivisionError:\n            pass",
        ("monitoring/test_metrics.py",),
    ),
    Guard(
        0, "Microsoft that hangs", "authentication/microsoft/oidc.py",
        "session.request = _limit_concurrency(", "session.request = (",
        ("core/test_db_availability.py",),
    ),
    Guard(
        0, "two migrations at once", "loket/management/commands/migrate.py",
        'while not _call_lock_function("pg_try_advisory_lock"):', "while False:",
        ("loket/test_migrate_command.py",),
    ),
    Guard(
        0, "a database that cannot be upgraded", "loket/management/commands/migrate.py",
        "if not _ABANDONED.isdisjoint(MigrationRecorder(connection).applied_migrations()):", "if False:",
        ("loket/test_migrate_command.py",),
    ),
    Guard(
        0, "a replica that hangs", "core/replica.py",
        "        with limit_database_wait(_STATUS_TIMEOUT_SECONDS):", "        if True:",
        ("core/test_replica.py",),
    ),
    Guard(
        0, "the time for a readiness check", "monitoring/probes.py",
        "    with db_availability.limit_database_wait(READINESS_TIMEOUT_SECONDS):", "    if True:",
        ("monitoring/test_probes.py",),
    ),
    # 0. Failures do not hold up anything else.
    Guard(
        0, "isolated failures of jobs", "core/periodic_jobs.py",
        "            if is_server_unreachable(error):\n                raise\n            self.failures += 1",
        "            raise\n            self.failures += 1",
        ("core/test_periodic_jobs.py",),
    ),
    Guard(
        0, "isolated failures of offices and rows", "core/periodic_jobs.py",
        "if not job or is_server_unreachable(error):", "if True:",
        ("core/test_periodic_jobs.py",),
    ),
    Guard(
        0, "a pause after a failed item", "core/periodic_jobs.py",
        "if failed is not None and failed.retry_at > now:", "if False:",
        ("core/test_periodic_jobs.py",),
    ),
    Guard(
        0, "a batch not filled with failed rows", "authentication/actions.py",
        ".exclude(pk__in=periodic_jobs.list_deferred_items())", "",
        ("core/test_periodic_jobs.py",),
    ),
    Guard(
        0, "a lock that another office holds", "core/periodic_jobs.py",
        "SET lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'", "SET lock_timeout = 0",
        ("core/test_periodic_jobs.py",),
    ),
    Guard(
        7, "tracebacks without values", "core/logs.py",
        "lines.append(f\"{type(error).__module__}.{type(error).__qualname__} {constraint}\".rstrip())",
        "lines.append(repr(error))",
        ("core/test_periodic_jobs.py",),
    ),
    Guard(
        0, "jobs that are late", "monitoring/health.py",
        "for name, text in periodic_jobs.describe_late_jobs().items()) or STATUS_OK",
        "for name, text in ()) or STATUS_OK",
        ("core/test_periodic_jobs.py",),
    ),
    Guard(
        0, "offices take turns", "outbox/fair_queue.py",
        "return sorted(offices, key=lambda office: self._last_claims.get(office, 0.0))",
        "return sorted(offices, key=str)",
        ("outbox/test_fair_queue.py",),
    ),
    Guard(
        0, "urgent messages go first", "outbox/actions.py", '.order_by("urgency", "due")', '.order_by("due")',
        ("outbox/test_fair_queue.py",),
    ),
    Guard(
        0, "at most half of the senders for one office", "outbox/fair_queue.py",
        "if self._senders_by_office[office] >= limit:", "if False:",
        ("outbox/test_fair_queue.py", "outbox/test_worker.py"),
    ),
    Guard(
        0, "a pause for domains that hang", "outbox/fair_queue.py",
        "if is_sent or seconds < HANG_SECONDS:", "if True:",
        ("outbox/test_fair_queue.py",),
    ),
    Guard(
        0, "one sender for domains that hang", "outbox/fair_queue.py",
        "if probed or until > now", "if until > now",
        ("outbox/test_fair_queue.py",),
    ),
    Guard(
        0, "a sender for urgent messages", "outbox/worker.py",
        "ONLY_URGENT if number < URGENT_ONLY_SENDERS else ANY_URGENCY", "ANY_URGENCY",
        ("outbox/test_fair_queue.py",),
    ),
    Guard(
        7, "no POST into a private network", "outbox/posts.py",
        "if not all(is_public_ip(address) for address in found):", "if False:",
        ("oauth/test_backchannel_logout.py",),
    ),
    Guard(
        7, "private addresses within IPv6", "core/public_addresses.py",
        "if isinstance(found, IPv6Address) and found not in _GLOBAL_IPV6:", "if False:",
        ("oauth/test_backchannel_logout.py",),
    ),
    Guard(
        7, "addresses of a cloud and of the network itself", "core/public_addresses.py",
        " and not any(found in network for network in _NOT_PUBLIC)", "",
        ("oauth/test_backchannel_logout.py",),
    ),
    Guard(
        7, "no redirect of a POST is followed", "outbox/posts.py",
        "adapter.send(request, stream=True, timeout=timeout)",
        "requests.post(address, form, timeout=timeout)",
        ("outbox/test_posts.py",),
    ),
    Guard(
        7, "a receiver has a limited time in all", "outbox/posts.py", "        timer.start()\n", "",
        ("outbox/test_posts.py",),
    ),
    Guard(
        7, "a response that was cut off is none", "outbox/posts.py", "if monotonic() >= end:", "if False:",
        ("outbox/test_posts.py",),
    ),
    Guard(
        4, "integrations are told that sessions ended", "accounts/sessions.py",
        "    sessions_ended.send(None, users=users, by=by, session_id=None)", "",
        ("oauth/test_backchannel_logout.py",),
    ),
    Guard(
        4, "no tokens for a session that ended", "oauth/validator.py",
        "and not ClientSession.objects.touch(sid) and used is None:", "and used is None and False:",
        ("oauth/test_backchannel_logout.py",),
    ),
    Guard(
        4, "tickets end with the consent", "oauth/consents.py",
        "(AuthorizationCode, RefreshToken, AccessToken, SsoTicket)", "(AuthorizationCode, RefreshToken, AccessToken)",
        ("oauth/test_office_access.py",),
    ),
    Guard(
        4, "sessions end with the consent", "oauth/consents.py",
        "    backchannel_logout.end_application_sessions(application, by=by, **conditions)", "",
        ("oauth/test_backchannel_logout.py",),
    ),
    Guard(
        0, "no e-mail loses its facts or link", "outbox/placeholders.py",
        "if placeholder.need == Need.REQUIRED]", "if False]",
        ("outbox/test_placeholders.py", "users/test_email_texts.py"),
    ),
    Guard(
        0, "the button of an e-mail keeps its link", "outbox/emails.py",
        "pattern = re.escape(link) if link else", "pattern =", ("outbox/test_placeholders.py",),
    ),
    Guard(
        4, "a suspension does not hold back a logout", "outbox/models.py",
        'KINDS_SENT_WHEN_SUSPENDED = ("office_closed", "looked_along", "logout")',
        'KINDS_SENT_WHEN_SUSPENDED = ("office_closed", "looked_along")',
        ("oauth/test_backchannel_logout.py",),
    ),
    Guard(
        1, "a sender stops when its records break", "senders/actions.py",
        "    elif not _is_silence(sender):", "    elif False:", ("senders/test_sender.py",),
    ),
    Guard(
        1, "no sender before its records hold", "senders/signing.py",
        "    if not chosen.is_in_use:", "    if False:", ("senders/test_sender.py",),
    ),
    Guard(
        1, "no sender at a public suffix", "senders/forms.py",
        "        if not find_registrable_domain(domain):", "        if False:", ("senders/test_sender.py",),
    ),
    Guard(
        1, "replies go to the proved domain", "senders/forms.py",
        "        if len(set(domains)) > 1:", "        if False:", ("senders/test_sender.py",),
    ),
    Guard(
        1, "another office is told of a claim", "senders/actions.py",
        "            _report_conflict(sender)\n", "", ("senders/test_sender.py",),
    ),
    Guard(
        10, "a key signs only once its record is seen", "senders/signing.py",
        "filter(provider=provider_id, seen_at__isnull=False)", "filter(provider=provider_id)",
        ("senders/test_sender.py",),
    ),
    Guard(
        9, "a restored history that was tampered with", "audit/chain.py",
        "if link.hash != verify.hash_event(serialize_event(event), before.hash, number):", "if False:",
        ("monitoring/test_backup.py",),
    ),
    Guard(
        0, "a changed backup", "monitoring/backup/restore.py",
        "if digest != manifest.dump_sha256:", "if False:", ("monitoring/test_backup.py",),
    ),
    Guard(
        0, "a changed manifest", "monitoring/backup/manifest.py",
        "if not encryption.verify_keyed_hash(text, signature, purpose=_PURPOSE):", "if False:",
        ("monitoring/test_backup.py",),
    ),
    Guard(
        0, "a restore into a database in use", "monitoring/backup/restore.py",
        "    if count:\n", "    if False:\n", ("monitoring/test_backup.py",),
    ),
    Guard(
        0, "a backup whose key is missing", "monitoring/backup/manifest.py",
        "if missing := [key for key in needed if key not in present]:", "if missing := []:",
        ("monitoring/test_backup.py",),
    ),
    Guard(
        9, "an application that can change the history is reported", "monitoring/diagnosis/database.py",
        "    elif missing or excess:", "    elif False:", ("monitoring/test_doctor.py",),
    ),
    Guard(
        9, "what comes before the freeze of a review", "reviews/campaigns.py",
        "    chain.append_pending(provider.pk)\n    head =", "    head =",
        ("reviews/test_population.py",),
    ),
    Guard(
        9, "what comes between the freeze and the start of a review", "reviews/campaigns.py",
        "changes=what)\n    chain.append_pending(provider.pk)\n", "changes=what)\n",
        ("reviews/test_proof.py",),
    ),
    Guard(
        9, "access that was given again after the decision", "reviews/plans.py",
        "row_id >= build_min_uuid7(since)", "False",
        ("reviews/test_intruders.py",),
    ),
    Guard(
        9, "names that are no rights", "audit/verify_access.py",
        "        if field in RIGHT_CODES:\n", '        if "given" in (old, new):\n',
        ("audit/test_verify_review.py",),
    ),
    Guard(
        9, "an execution that gives access", "audit/verify_access.py",
        "    if not any(new for _old, new in pairs.values()):\n", "    if True:\n",
        ("audit/test_verify_review.py",),
    ),
    Guard(
        9, "a freeze of an earlier moment", "audit/verify_review.py",
        "        if late:\n", "        if False:\n",
        ("audit/test_verify_review.py",),
    ),
    Guard(
        9, "a history without the begin of the office", "audit/verify_review.py",
        'what["changes"]["up_to"][1] == self.first - 1', "True",
        ("audit/test_verify_review.py",),
    ),
    Guard(
        9, "paths that were taken out of the scope", "audit/verify_review.py",
        'if asked is not None and leaf["in_scope"] is not asked:', "if False:",
        ("audit/test_verify_review.py",),
    ),
    Guard(
        9, "a decision about the own access", "audit/verify_review.py",
        'if event["actor_id"] in (None, event["target_id"]):', "if False:",
        ("audit/test_verify_review.py",),
    ),
    Guard(
        9, "two who decide about each other", "audit/verify_review.py",
        "if mutual := [pair for pair in pairs if pair[::-1] in pairs]:", "if mutual := []:",
        ("audit/test_verify_review.py",),
    ),
    Guard(
        9, "a decision outside the review", "audit/verify_review.py",
        "if not started < number < (closed or number + 1):", "if False:",
        ("audit/test_verify_review.py",),
    ),
    Guard(
        9, "a decision that nobody took", "audit/verify_review.py",
        "            if said != expected:\n", "            if recorded.get(key) and said != expected:\n",
        ("audit/test_verify_review.py",),
    ),
    Guard(
        9, "what is said to be gone", "audit/verify_review.py",
        '(fact in present) is (result in ("gone", "revoked"))', "False",
        ("audit/test_verify_review.py",),
    ),
    Guard(
        4, "a leaver whose directory sends a wrong address", "scim/account_changes.py",
        "    elif not row.active:\n", "    elif not row.active and not has_other_email(row, row.user):\n",
        ("scim/test_users.py",),
    ),
    Guard(
        5, "a connection that changed while its call waited", "scim/endpoint.py",
        'for name in same}).exists():', 'for name in same}).exists() or by:',
        ("scim/test_limits.py",),
    ),
    Guard(
        0, "the limit on calls of a directory", "scim/endpoint.py",
        "    throttle.consume_attempt(CALL_LIMIT, str(connection.pk))\n", "",
        ("scim/test_protocol.py",),
    ),
    Guard(
        0, "users whom a filter with or finds", "scim/storage.py",
        "if isinstance(node, LogicalExpr) and node.op is LogicalOperator.and_:", "if isinstance(node, LogicalExpr):",
        ("scim/test_fuzz.py",),
    ),
]  # fmt: skip
