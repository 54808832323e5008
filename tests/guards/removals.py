"""The guards, by the rules that always hold; 0 is what protects every page, whatever it is about."""

from typing import NamedTuple


class Guard(NamedTuple):
    """What keeps something from happening: the text in `file` that does so, and what stands there without it."""

    rule: int
    name: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]


GUARDS = [
    # 1. An office sees itself only.
    Guard(
        1, "people of another office", "accounts/models.py",
        'other users do not exist for them (rule 1)."""\n        return self.filter(in_office_of(user))',
        'other users do not exist for them (rule 1)."""\n        return self',
        ("test_accounts_user.py",),
    ),
    Guard(
        1, "tenants of another office", "accounts/models.py",
        'the tenants of the office of `user` (rule 1)."""\n        return self.filter(in_office_of(user))',
        'the tenants of the office of `user` (rule 1)."""\n        return self',
        ("test_accounts_tenants.py",),
    ),
    Guard(
        1, "teams and employers of another office", "teams/models.py",
        "return self.filter(in_office_of(user))", "return self",
        ("test_teams_team.py", "test_teams_employers.py"),
    ),
    Guard(
        1, "an action in another office", "teams/rights.py",
        "if not by.is_operator and (provider_id is None or by.user is None or by.user.provider_id != provider_id):",
        "if False:",
        ("test_teams_guards.py", "test_invitations_actions.py", "test_accounts_tenants.py"),
    ),
    Guard(
        1, "a row that joins two offices", "loket/tenant_keys.py",
        "for name in self.fields], quote),\n            to_table=Table(parent.db_table, quote),\n"
        "            to_column=Columns(parent.db_table, [parent.get_field(name).column for name in self.to_fields]",
        "for name in self.fields[:1]], quote),\n            to_table=Table(parent.db_table, quote),\n"
        "            to_column=Columns(parent.db_table, [parent.get_field(name).column for name in self.to_fields[:1]]",
        ("test_accounts_constraints.py",),
    ),
    Guard(
        1, "a reference without the office", "teams/models.py",
        '            SameOfficeForeignKey("team"),\n            SameOfficeForeignKey("employer"),\n',
        '            SameOfficeForeignKey("team"),\n',
        ("test_loket_tenant_keys.py",),
    ),
    Guard(
        1, "a form that joins two offices", "loket/tenant_keys.py",
        "if None not in values and not self._parent", "if False and not self._parent",
        ("test_loket_tenant_keys.py",),
    ),
    Guard(
        1, "a key that PostgreSQL would refuse", "loket/tenant_keys.py",
        "        return [Error(text, obj=model", "        return [] and [Error(text, obj=model",
        ("test_loket_tenant_keys.py",),
    ),
    Guard(
        1, "the web service of another office", "webservice/api/door.py",
        "if request.caller.user.provider_id != provider_id:", "if False:",
        ("test_webservice_door.py",),
    ),
    # 2. A kind is whole.
    Guard(
        2, "a kind is whole", "accounts/migrations/0001_initial.py",
        "_connector='OR'), name='user_kind_is_whole')",
        "('id__isnull', False), _connector='OR'), name='user_kind_is_whole')",
        ("test_accounts_constraints.py",),
    ),
    Guard(
        2, "two-factor is asked of website users only", "accounts/migrations/0001_initial.py",
        "_connector='OR'), name='user_two_factor_website_only')",
        "('id__isnull', False), _connector='OR'), name='user_two_factor_website_only')",
        ("test_accounts_constraints.py",),
    ),
    Guard(
        2, "a username is of one user", "accounts/migrations/0001_initial.py",
        "max_length=150, null=True, unique=True", "max_length=150, null=True",
        ("test_accounts_constraints.py",),
    ),
    # 3. Each kind has its own door.
    Guard(
        3, "one verification for an unknown name", "accounts/passwords.py",
        "matches = check_password(password, usable or _nobodys_hash())",
        "matches = usable is not None and check_password(password, usable)",
        ("test_signin_login.py",),
    ),
    Guard(
        0, "a package that was not audited", "tests/audit.py",
        'if one.get("version") != version or "vulns" not in one:', "if False:",
        ("test_loket_audit.py",),
    ),
    Guard(
        0, "passwords that are easy to guess", "accounts/passwords.py",
        "elif guessed := guessable.explain(password, about):", "elif guessed := None:",
        ("test_accounts_guessable.py",),
    ),
    Guard(
        3, "the kind at the login page", "signin/actions.py",
        'if user.login_method != kind:', "if False:",
        ("test_signin_login.py", "test_webservice_credentials.py"),
    ),
    Guard(
        3, "tries by username and network", "signin/actions.py",
        "throttle.charge_both(_network(by), account)", "pass",
        ("test_signin_login.py",),
    ),
    Guard(
        3, "tries by browser", "signin/actions.py",
        "if device:\n        throttle.charge(*account)", "if device:\n        pass",
        ("test_signin_login.py",),
    ),
    Guard(
        3, "the nonce of an ID token", "signin/id_tokens.py",
        'if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):', "if False:",
        ("test_signin_id_tokens.py",),
    ),
    Guard(
        3, "the issuer of an ID token", "signin/id_tokens.py",
        'if claims["iss"] != issuer.replace("{tenantid}", str(identity.tid)):', "if False:",
        ("test_signin_id_tokens.py",),
    ),
    Guard(
        3, "the tenant of who arrives from Microsoft", "signin/arrivals.py",
        "users.filter(external_tid=tid, external_user_id=oid,", "users.filter(external_user_id=oid,",
        ("test_signin_microsoft.py",),
    ),
    Guard(
        3, "an Azure user by SSO ticket", "webservice/actions.py", "if user.is_azure_user:", "if False:",
        ("test_webservice_sso.py",),
    ),
    # 4. Nothing is effective before acceptance, after blocking, after the end date, without a required factor.
    Guard(
        4, "rights that rest", "teams/evaluator.py",
        "WHERE id = %(user)s AND ({RESTS}) IS NULL{needs}", "WHERE id = %(user)s{needs}",
        ("test_teams_evaluator.py",),
    ),
    Guard(
        4, "a product that is off", "teams/evaluator.py",
        "known(codes) & EMPLOYER_RIGHTS if right.works_with(products))", "known(codes) & EMPLOYER_RIGHTS)",
        ("test_teams_evaluator.py",),
    ),
    Guard(
        4, "who was blocked is kept out", "accounts/models.py",
        "return self.blocked_at is not None or self.has_ended() or self.office_is_closed",
        "return self.has_ended() or self.office_is_closed",
        ("test_invitations_welcome.py", "test_invitations_resend.py", "test_signin_forgotten.py"),
    ),
    Guard(
        4, "whose access ended is kept out", "accounts/models.py",
        "return self.blocked_at is not None or self.has_ended() or self.office_is_closed",
        "return self.blocked_at is not None or self.office_is_closed",
        ("test_webservice_tokens.py", "test_signin_login.py"),
    ),
    Guard(
        4, "a closed office is kept out", "accounts/models.py",
        "return self.blocked_at is not None or self.has_ended() or self.office_is_closed",
        "return self.blocked_at is not None or self.has_ended()",
        ("test_support_offices.py",),
    ),
    Guard(
        4, "a duty to enrol", "signin/middleware.py",
        'if must_enrol(user) and not hasattr(view, "opens_while_enrolling"):', "if False:",
        ("test_signin_second_step.py", "test_signin_own_factors.py"),
    ),
    Guard(
        4, "a second factor that is not shown", "signin/middleware.py",
        'is_open = passing.is_passed(request) or hasattr(view, "opens_before_factor")', "is_open = True",
        ("test_signin_second_step.py",),
    ),
    Guard(
        4, "a second factor before the session", "signin/views/passwords.py",
        "if user.second_factor_at is not None:\n        passing.begin", "if False:\n        passing.begin",
        ("test_signin_second_step.py",),
    ),
    Guard(
        4, "a program for who must enrol", "webservice/tokens.py",
        "return user.may_sign_in and not must_enrol(user)", "return user.may_sign_in",
        ("test_webservice_tokens.py",),
    ),
    # 5. Nobody grows.
    Guard(
        5, "the right that a page asks", "teams/access.py",
        "if isinstance(rule, Right) and rule not in request.rights:", "if False:",
        ("test_teams_list.py", "test_accounts_list.py"),
    ),
    Guard(
        5, "a page that says nothing", "teams/access.py",
        "if rule is None:\n            raise", "if rule is None:\n            return None\n            raise",
        ("test_teams_rights.py", "test_loket_middleware.py"),
    ),
    Guard(
        5, "a page of support", "teams/access.py", 'elif rule == "for_support":', "elif False:",
        ("test_support_admin.py",),
    ),
    Guard(
        5, "the right that an action asks", "teams/rights.py",
        "if not by.is_operator and not (by.user and may(by.user, right)):", "if False:",
        ("test_teams_guards.py",),
    ),
    Guard(
        5, "giving what one does not hold", "teams/rights.py",
        "if found is None:\n        return\n", "return\n",
        ("test_teams_guards.py",),
    ),
    Guard(
        5, "giving at an employer what one does not hold there", "teams/rights.py",
        "return Lacking(Right(rows[0][0]), Employer.objects.filter(pk=rows[0][1]).first()) if rows else None",
        "return None",
        ("test_teams_guards.py",),
    ),
    Guard(
        5, "changing one's own rights", "teams/rights.py",
        "if by.user is not None and by.user.pk in set(user_ids):", "if False:",
        ("test_teams_guards.py",),
    ),
    Guard(
        5, "changing one's own team", "teams/rights.py",
        "if by.user is not None and team.members.filter(user=by.user).exists():", "if False:",
        ("test_teams_guards.py",),
    ),
    Guard(
        5, "authority over oneself", "teams/rights.py",
        "if by.user.pk == user.pk:\n        raise", "if False:\n        raise",
        ("test_accounts_user.py", "test_teams_guards.py"),
    ),
    Guard(
        5, "authority over who holds more", "teams/rights.py",
        "if not manages(by) and beyond(by.user, [user.pk]):", "if False:",
        ("test_teams_guards.py", "test_accounts_user.py"),
    ),
    Guard(
        5, "authority over who holds more at an employer", "teams/rights.py",
        " | {user_id for (user_id,) in elsewhere}", "",
        ("test_teams_guards.py",),
    ),
    Guard(
        5, "authority over who is renamed", "accounts/actions.py",
        "if not is_own or changes.keys() - OWN_FIELDS:", "if changes.keys() - OWN_FIELDS:",
        ("test_accounts_user.py", "test_bulk_users.py"),
    ),
    Guard(
        5, "authority over who is renamed by a file", "bulk/people_plans.py",
        "(OWN_FIELDS | SIGNALS if is_own else SIGNALS)", "(OWN_FIELDS | SIGNALS)",
        ("test_bulk_users.py",),
    ),
    Guard(
        5, "authority over whose username is sent", "accounts/actions.py",
        "rights.require_authority_over(by, user)\n    if user.username is None:", "if user.username is None:",
        ("test_accounts_user.py",),
    ),
    Guard(
        5, "a new address of whom one has no authority over any more", "accounts/email_changes.py",
        "if not rights.may(asker, Right.MANAGE_USERS) or not rights.has_authority_over(by, found.user):", "if False:",
        ("test_accounts_profile.py", "test_teams_guards.py"),
    ),
    Guard(
        5, "support without a reason", "teams/rights.py",
        "if helper is None or resting(helper) is not None or not by.reason.strip():",
        "if helper is None or resting(helper) is not None:",
        ("test_support_rights.py", "test_support_help.py"),
    ),
    Guard(
        5, "authority asked again at acceptance", "invitations/accepting.py",
        "if not is_vouched_for(fresh):", "if False:",
        ("test_invitations_senders.py",),
    ),
    Guard(
        5, "the office locked while an invitation is accepted", "invitations/accepting.py",
        "lock_provider(invitation.provider_id)  # so that nobody", "pass  # so that nobody",
        ("test_invitations_senders.py",),
    ),
    Guard(
        5, "support lends no authority", "invitations/senders.py",
        "if not by.is_support or by.is_operator:", "if True:",
        ("test_invitations_senders.py",),
    ),
    Guard(
        5, "support sends to no other address", "invitations/actions.py",
        "rights.require_office(by, user.provider_id)  # support lends", "pass  # support lends",
        ("test_invitations_senders.py",),
    ),
    Guard(
        5, "the sender may still manage users", "invitations/senders.py",
        "if sender is None or not rights.may(sender, Right.MANAGE_USERS):", "if sender is None:",
        ("test_invitations_senders.py",),
    ),
    Guard(
        0, "how many messages go to one address", "outbox/limits.py",
        "if (refused := throttle.charge_all(counts)) is not None:", "if (refused := None) is not None:",
        ("test_outbox_limits.py",),
    ),
    Guard(
        0, "password links counted apart", "outbox/limits.py",
        'f"{message.kind} {message.to}" if message.kind == "password_link" else message.to', "message.to",
        ("test_outbox_limits.py",),
    ),
    Guard(
        0, "messages of a bulk action counted", "outbox/limits.py",
        "    if kept:\n        _spend(kept)", "    if False:\n        _spend(kept)",
        ("test_outbox_limits.py",),
    ),
    Guard(
        5, "the office locked while the asker of an address is asked", "accounts/email_changes.py",
        "lock_provider(email_change_of(token).provider_id)", "email_change_of(token)",
        ("test_accounts_profile.py",),
    ),
    # 6. No office without an administrator.
    Guard(
        6, "the last administrator", "teams/rights.py", "if None not in ends:", "if False:",
        ("test_teams_guards.py",),
    ),
    Guard(
        6, "a machine that manages", "teams/rights.py",
        "if any(user.login_method == LoginMethod.SSO_WEBSERVICE for user in users):", "if False:",
        ("test_teams_guards.py", "test_teams_rights.py"),
    ),
    Guard(
        6, "two who leave at once", "accounts/locks.py",
        "return Provider.objects.select_for_update(no_key=True).get(pk=provider_id)",
        "return Provider.objects.get(pk=provider_id)",
        ("test_teams_guards.py",),
    ),
    # 7. A secret is never at rest readable.
    Guard(
        7, "tokens hashed", "loket/sealing.py", "return hashlib.sha256(token.encode()).hexdigest()", "return token",
        ("test_loket_sealing.py", "test_invitations_secrets.py"),
    ),
    Guard(
        7, "sealed for one context", "loket/sealing.py",
        "_cipher(key).encrypt(nonce, data, context.encode())\n\n\ndef unseal(",
        "nonce + data + nonce[:4]\n\n\ndef unseal(",
        ("test_loket_sealing.py",),
    ),
    Guard(
        7, "session keys hashed", "signin/store.py",
        "return sealing.token_hash(session_key)[:_COLUMN]", "return session_key[:_COLUMN]",
        ("test_signin_store.py",),
    ),
    Guard(
        7, "secrets in events", "audit/actions.py", "guard.checked(changes)", "changes",
        ("test_audit_record.py",),
    ),
    Guard(
        7, "the number of an invitation that ended", "invitations/actions.py",
        "invitation.state, invitation.sealed_phone = state, None", "invitation.state = state",
        ("test_invitations_actions.py",),
    ),
    # 8. GET changes nothing; a link or code works once, for a limited time.
    Guard(
        8, "POST only", "accounts/views/people.py",
        "@requires(Right.MANAGE_USERS)\n@require_POST\ndef unblock", "@requires(Right.MANAGE_USERS)\ndef unblock",
        ("test_accounts_user.py",),
    ),
    Guard(
        8, "an invitation works once", "invitations/accepting.py",
        "close(invitation, Invitation.State.ACCEPTED)", "cancel_all = None",
        ("test_invitations_account.py",),
    ),
    Guard(
        8, "an invitation expires", "invitations/models.py",
        "return self.state == self.State.OPEN and timezone.now() < self.expires_at",
        "return self.state == self.State.OPEN",
        ("test_invitations_welcome.py",),
    ),
    Guard(
        8, "five tries a code", "invitations/models.py",
        "self.verified_at is None and self.wrong_tries < TRIES_PER_CODE", "self.verified_at is None",
        ("test_invitations_code.py",),
    ),
    Guard(
        8, "fifteen tries in all", "invitations/accepting.py",
        "if invitation.wrong_tries() >= TRIES_IN_ALL:", "if False:",
        ("test_invitations_code.py",),
    ),
    Guard(
        8, "a code of this browser", "invitations/accepting.py",
        "return sealing.keyed_hash_matches(browser, row.browser_hash, purpose=_BROWSER)", "return True",
        ("test_invitations_code.py",),
    ),
    Guard(
        8, "three codes an hour", "invitations/models.py",
        "if len(lately) >= CODES_AN_HOUR:", "if False:",
        ("test_invitations_code.py",),
    ),
    Guard(
        8, "a password link works once", "signin/actions.py",
        "    user.password_resets.all().delete()\n", "",
        ("test_signin_reset.py",),
    ),
    Guard(
        8, "a code of the app works once", "signin/factors/totp.py", ", code) and step > after:", ", code):",
        ("test_signin_factors.py",),
    ),
    Guard(
        8, "a recovery code works once", "signin/factors/actions.py",
        "found[0].used_at = timezone.now()", "pass",
        ("test_signin_factors.py",),
    ),
    Guard(
        8, "a ticket works once", "webservice/actions.py",
        "Ticket.objects.filter(pk=ticket.pk).delete()[0]", "True",
        ("test_webservice_sso.py",),
    ),
    Guard(
        8, "an access token expires", "webservice/tokens.py", "found.is_expired() or", "",
        ("test_webservice_tokens.py",),
    ),
    Guard(
        8, "a token ends with the sessions", "webservice/tokens.py", " or not found.is_of(found.user)", "",
        ("test_webservice_tokens.py",),
    ),
    Guard(
        8, "a program that was switched off", "webservice/tokens.py", "found.application.is_usable() and ", "",
        ("test_webservice_tokens.py",),
    ),
    # 9. Every change leaves an event.
    Guard(
        9, "an event outside the transaction", "audit/actions.py",
        "if not transaction.get_connection().in_atomic_block:", "if False:",
        ("test_audit_record.py",),
    ),
    Guard(
        9, "events stay as they are", "audit/append_only.py",
        "RAISE EXCEPTION 'the history cannot be changed' USING ERRCODE = 'restrict_violation';", "RETURN NEW;",
        ("test_audit_append_only.py",),
    ),
    Guard(
        9, "the chain", "audit/chain.py",
        "verify.hash_of(exported(event), previous, sequence)", "verify.hash_of(exported(event), verify.ZERO, sequence)",
        ("test_audit_chain.py",),
    ),
    Guard(
        9, "the event of a block", "accounts/actions.py",
        "    record(Verb.USER_BLOCKED, user, by=by, provider_id=provider.pk)\n", "",
        ("test_accounts_user.py",),
    ),
    Guard(
        9, "looking along in a read-only transaction", "support/middleware.py",
        'cursor.execute("SET TRANSACTION READ ONLY")', 'cursor.execute("SELECT 1")',
        ("test_support_looking.py",),
    ),
    Guard(
        9, "looking along by GET only", "support/middleware.py", "if not (shown and safe):", "if not shown:",
        ("test_support_looking.py",),
    ),
    # 10. No acknowledged message is lost.
    Guard(
        10, "a message that was taken is due again", "outbox/actions.py",
        "message.due = now + GRACE * message.attempts", "message.due = now + GRACE * 10**6",
        ("test_outbox_sending.py", "test_outbox_worker.py"),
    ),
    Guard(
        10, "one worker for a message", "outbox/actions.py", ".filter(pk=taken.pk, attempts=taken.attempts)",
        ".filter(pk=taken.pk)", ("test_outbox_sending.py", "test_outbox_worker.py"),
    ),
    Guard(
        10, "a refusal that may pass is tried again", "outbox/actions.py",
        "if error.permanent or message.attempts >= MAX_ATTEMPTS or message.sealed_body is None:", "if True:",
        ("test_outbox_sending.py",),
    ),
    Guard(
        10, "an SMS that may have arrived is not sent again", "outbox/actions.py", "if error.unanswered:", "if False:",
        ("test_outbox_sending.py",),
    ),
    Guard(
        10, "an SMS whose worker died is not sent again", "outbox/actions.py",
        "if message.is_being_sent:\n        _end(", "if False:\n        _end(",
        ("test_outbox_sending.py",),
    ),
    Guard(
        10, "an SMS that is taken back while it is sent", "outbox/actions.py",
        "locked.expires_at = timezone.now()", "pass",
        ("test_outbox_sending.py",),
    ),
    Guard(
        10, "a proxy without an answer", "outbox/watching.py",
        "self.unanswered |= status in _NO_ANSWER_BEHIND", "pass",
        ("test_outbox_sending.py",),
    ),
    Guard(
        10, "the timeout of the SMS gateway", "outbox/watching.py", 'options["timeout"] = watch.timeout', "pass",
        ("test_outbox_sending.py",),
    ),
    Guard(
        10, "several SMS at once", "outbox/worker.py", "SMS_AT_ONCE = 48", "SMS_AT_ONCE = 2",
        ("test_outbox_worker.py",),
    ),
    Guard(
        7, "a body is gone once it cannot be sent", "outbox/actions.py",
        "message.state, message.error, message.sealed_body = state, error, None",
        "message.state, message.error = state, error",
        ("test_outbox_sending.py",),
    ),
    Guard(
        10, "messages of a clock that ran ahead", "outbox/actions.py",
        "impossible |= Q(attempts=attempts, due__gt=now + pause + SKEW)", "pass",
        ("test_loket_clocks.py",),
    ),
    Guard(
        0, "tries of a clock that ran ahead", "signin/throttle.py",
        "CASE WHEN kept.full_at > {impossible} THEN %(now)s ELSE", "CASE WHEN {impossible} IS NULL THEN %(now)s ELSE",
        ("test_loket_clocks.py",),
    ),
    Guard(
        0, "tries at two servers whose clocks differ", "signin/throttle.py",
        "return now + limit.burst * limit.every + SKEW", "return now + limit.burst * limit.every",
        ("test_loket_clocks.py",),
    ),
    Guard(
        0, "sessions of a clock that ran ahead", "signin/expiry.py",
        "if clocks.is_ahead(self.began_at) or clocks.is_ahead(self.used_at):", "if False:",
        ("test_loket_clocks.py",),
    ),
    Guard(
        0, "codes and links of a clock that ran ahead", "loket/clocks.py", "<= now + within + SKEW", "",
        ("test_loket_clocks.py",),
    ),
    Guard(
        0, "how slow a body may be", "loket/rsgi.py",
        "asyncio.timeout_at(began + FIRST_SECONDS + received / RATE)", "asyncio.timeout_at(None)",
        ("test_loket_slow_clients.py",),
    ),
    Guard(
        0, "how many bodies of one address", "loket/rsgi.py",
        " or self._bodies[address] + weight > OF_ONE_ADDRESS", "",
        ("test_loket_slow_clients.py",),
    ),
    Guard(
        0, "memory for files of strangers", "loket/rsgi.py",
        "weight = FILE_WEIGHT if is_kept and", "weight = 1 if is_kept and",
        ("test_loket_slow_clients.py",),
    ),
    Guard(
        0, "a header that passes for another", "loket/rsgi.py", 'if "_" in name:', "if False:",
        ("test_loket_slow_clients.py",),
    ),
    # 0. Every page.
    Guard(
        0, "forged forms", "loket/settings.py", '    "django.middleware.csrf.CsrfViewMiddleware",\n', "",
        ("test_signin_logout.py",),
    ),
    Guard(
        0, "pages in caches", "teams/access.py",
        "add_never_cache_headers(response)  #", "pass  #",
        ("test_loket_middleware.py",),
    ),
    Guard(
        0, "the policy on scripts", "loket/settings.py", '    "csp.middleware.CSPMiddleware",\n', "",
        ("test_support_admin.py", "test_webservice_authorize.py"),
    ),
    Guard(
        0, "too large a body", "loket/middleware.py", "or not _fits(request, int(length)):", ":",
        ("test_loket_middleware.py",),
    ),
    Guard(
        0, "addresses by proxies that nobody trusts", "loket/middleware.py",
        "while hops and _is_trusted(address):", "while hops:",
        ("test_loket_middleware.py",),
    ),
    Guard(
        0, "a page of somebody else after logging in", "signin/visitors.py",
        'return wanted if ours and wanted.startswith("/") and len(wanted) <= _LONGEST', "return wanted if wanted",
        ("test_signin_login.py",),
    ),
    Guard(
        0, "a page of somebody else after a ticket", "webservice/actions.py",
        "        and url_has_allowed_host_and_scheme(path, allowed_hosts=None)\n", "",
        ("test_webservice_sso.py",),
    ),
    Guard(
        0, "the mailbox outside the demo", "loket/local.py", "if not settings.LOKET_DEMO or forwarded", "if forwarded",
        ("test_outbox_mailbox.py",),
    ),
    Guard(
        0, "a session keeps its key", "signin/store.py", "        self.delete(old)\n", "",
        ("test_signin_store.py", "test_signin_own_sessions.py"),
    ),
    Guard(
        0, "a block ends sessions", "accounts/actions.py",
        "user.blocked_at = timezone.now()\n    user.session_version += 1", "user.blocked_at = timezone.now()",
        ("test_accounts_user.py", "test_webservice_tokens.py"),
    ),
    Guard(
        0, "a recent proof", "signin/reauthentication.py",
        "return type(confirmed_at) is int and -SKEW.total_seconds() <= time.time() - confirmed_at < seconds",
        "return True",
        ("test_signin_confirm.py",),
    ),
    Guard(
        0, "a proof with a factor", "signin/reauthentication.py",
        "if is_enough and (not with_factor or request.session.get(_WITH_FACTOR) is True):", "if is_enough:",
        ("test_signin_confirm.py", "test_signin_policies.py", "test_signin_reset_factors.py"),
    ),
    Guard(
        0, "the proof of an action", "audit/actors.py",
        'cast(Actor, kwargs["by"]).require_proof(proof)', "pass",
        ("test_acts_and_doors.py",),
    ),
    Guard(
        0, "the proof of a session", "signin/reauthentication.py",
        "    if passing.awaited(request) is not None:\n        return Proof.NONE\n", "",
        ("test_acts_and_doors.py",),
    ),
    Guard(
        0, "a session of a portal proves nothing", "signin/sessions.py",
        "    if not reauthentication.is_by_sso(request) or factor in (None, Factor.PASSKEY):", "    if True:",
        ("test_webservice_sso.py",),
    ),
    Guard(
        0, "the proof of an import", "bulk/running.py", "proof=Proof(operation.proof)", "proof=Proof.FIVE_MINUTES",
        ("test_acts_and_doors.py",),
    ),
    Guard(
        0, "a plan that changes how users sign in", "bulk/operations.py",
        '        if summary.get("signs_in", True):  # the release before did not note it\n'
        "            by.require_proof(Proof.FIVE_MINUTES)\n", "",
        ("test_acts_and_doors.py", "test_bulk_team_pages.py"),
    ),
    Guard(
        0, "the proof for two-factor of a colleague", "accounts/actions.py",
        '    if "two_factor_required" in changes:\n        by.require_proof(Proof.FIVE_MINUTES)\n', "",
        ("test_acts_and_doors.py",),
    ),
    Guard(
        0, "the proof for another address of an invitation", "invitations/actions.py",
        "        by.require_proof(Proof.FIVE_MINUTES)\n    outbox.actions.cancel",
        "        pass\n    outbox.actions.cancel",
        ("test_acts_and_doors.py",),
    ),
    Guard(
        0, "the proof for sessions of a colleague", "signin/sessions.py",
        "        by.require_proof(Proof.HALF_HOUR)\n", "", ("test_acts_and_doors.py",),
    ),
    Guard(
        0, "the proof for integrations of a colleague", "webservice/consents.py",
        "        by.require_proof(Proof.HALF_HOUR)\n", "", ("test_acts_and_doors.py",),
    ),
    Guard(
        0, "somebody else was first", "accounts/actions.py",
        "    if user.version != version:\n        raise Stale\n", "",
        ("test_accounts_user.py",),
    ),
    Guard(
        0, "If-Match", "webservice/api/etags.py", """if header not in ("*", f'"{etag}"'):""", "if False:",
        ("test_webservice_races.py",),
    ),
    Guard(
        0, "the same request twice", "webservice/api/idempotency.py", "if kept.sealed_answer:", "if False:",
        ("test_webservice_races.py",),
    ),
    Guard(
        0, "the scope of a program", "webservice/api/door.py",
        "if self.scope not in request.caller.scopes:", "if False:",
        ("test_webservice_door.py",),
    ),
    Guard(
        0, "the right of who calls", "webservice/api/door.py",
        "if self.right is not None and not rights.may(request.caller.user, self.right):", "if False:",
        ("test_webservice_door.py",),
    ),
    Guard(
        0, "calls a second", "webservice/api/door.py", "        _charge(request)\n", "",
        ("test_webservice_door.py",),
    ),
    Guard(
        0, "PKCE", "webservice/views/authorize.py",  # the library asks for it as well, less exactly
        'if details.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(',
        "if not isinstance(details, dict) and (",
        ("test_webservice_authorize.py",),
    ),
    Guard(
        0, "an exact address with TLS", "webservice/forms.py",
        'safe = parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)', "safe = True",
        ("test_webservice_clients.py",),
    ),
    Guard(
        0, "reports of nobody", "outbox/views.py",
        'if not settings.ANYMAIL.get("WEBHOOK_SECRET") or backend', "if backend",
        ("test_outbox_bounces.py",),
    ),
    Guard(
        0, "a session without use", "signin/expiry.py",
        "return Ended.IDLE if now >= self.used_at + idle() else None", "return None",
        ("test_signin_expiry.py",),
    ),
    Guard(
        0, "the longest session", "signin/expiry.py",
        "if now >= self.began_at + lifetime(by_sso=self.by_sso):", "if False:",
        ("test_signin_expiry.py",),
    ),
    Guard(
        0, "a sign-in begins a session", "signin/sessions.py",
        "OpenSession.objects.update_or_create(session_id=", "from django.utils import timezone\n"
        "    found |= {'created_at': timezone.now()}\n    OpenSession.objects.update_or_create(session_id=",
        ("test_signin_expiry.py",),
    ),
    Guard(
        0, "an ended session opens nothing", "signin/store.py",
        "return {expiry.ENDED: [data[SESSION_KEY], reason]}",
        "return data | {expiry.ENDED: [data[SESSION_KEY], reason]}",
        ("test_signin_expiry.py",),
    ),
    Guard(
        0, "ended sessions in the list", "signin/models.py",
        "return self.filter(in_time, last_used_at__gt=now - expiry.idle(), session__expire_date__gt=now)",
        "return self.filter(session__expire_date__gt=now)",
        ("test_signin_expiry.py",),
    ),
    Guard(
        0, "a page that loads itself", "signin/sessions.py", "if counts and found is not None", "if found is not None",
        ("test_signin_expiry.py",),
    ),
    Guard(
        0, "where a kept form leads", "signin/reauthentication.py",
        "target = f\"{reverse('signin:go_on')}?{urlencode({'next': target})}\"", "pass",
        ("test_signin_confirm.py",),
    ),
    Guard(
        0, "a form of another user", "signin/pending_forms.py",
        "if kept and kept[0] != str(user.pk):\n        forget(request)", "if False:\n        forget(request)",
        ("test_signin_expiry.py",),
    ),
    Guard(
        0, "a form of another browser", "signin/pending_forms.py",
        "if sealing.token_hash(key) != kept[3]:", "if False:",
        ("test_story_takeover.py",),
    ),
    Guard(
        0, "agreeing long after signing in", "webservice/views/authorize.py",
        "_READING if request.method == \"POST\" else 0", "10**9 if request.method == \"POST\" else 0",
        ("test_story_takeover.py",),
    ),
    Guard(
        0, "a key that is not unlocked, without a password", "signin/factors/passkeys.py",
        "is_alone = user is None or BY_SSO in request.session", "is_alone = user is None",
        ("test_story_takeover.py",),
    ),
    Guard(
        0, "what a second step carries", "signin/factors/passing.py",
        "pending_forms.flush_session(request, user)", "request.session.flush()",
        ("test_signin_expiry.py",),
    ),
    Guard(
        0, "support's session", "support/models.py",
        "goes_on = session is not None and session.life.ended() is None", "goes_on = True",
        ("test_support_looking.py",),
    ),
    Guard(
        0, "names of cookies", "loket/settings.py",
        'LOKET_COOKIE_PREFIX = "__Host-" if _https else ""', 'LOKET_COOKIE_PREFIX = ""',
        ("test_loket_cookies.py",),
    ),
    Guard(
        0, "the browser after logging out", "signin/signed_out.py",
        'response["Clear-Site-Data"] = \'"cache", "storage"\'', "pass",
        ("test_signin_expiry.py",),
    ),
    Guard(
        0, "formulas in a workbook", "loket/sheets.py",
        'cell.data_type = "s"\n    if str(cell.value).startswith(_FORMULA):', "if False:",
        ("test_loket_sheets.py",),
    ),
    Guard(
        0, "formulas in CSV", "loket/sheets.py",
        '''return f"'{text}" if _GUARDED.match(text) else text''', "return text",
        ("test_loket_sheets.py",),
    ),
    Guard(
        0, "columns of a workbook", "bulk/packed.py", "if self._widest > MAX_COLUMNS:", "if False:",
        ("test_bulk_budget.py",),
    ),
    Guard(
        0, "cells by their reference", "bulk/packed.py",
        "self._budget.take_cells(self._row, self._widest)", "self._budget.take_cells(self._row, 0)",
        ("test_bulk_budget.py",),
    ),
    Guard(
        0, "cells of a text", "bulk/reading.py", "budget.take_cells(number, len(cells))", "pass",
        ("test_bulk_budget.py",),
    ),
    Guard(
        0, "rows of a file", "bulk/budget.py", "if self._rows > self.limits.rows:", "if False:",
        ("test_bulk_budget.py",),
    ),
    Guard(
        0, "time for reading", "bulk/budget.py",
        "if self._spent + running > self.limits.seconds:", "if False:",
        ("test_bulk_budget.py",),
    ),
    Guard(
        0, "texts that cells share", "bulk/budget.py", "if self._characters > self.limits.unpacked:", "if False:",
        ("test_bulk_budget.py",),
    ),
    Guard(
        0, "sheets of a workbook", "bulk/packed.py", "if self._sheets > self._limits.sheets:", "if False:",
        ("test_bulk_budget.py",),
    ),
    Guard(
        0, "files in the web process", "bulk/operations.py", "if is_small and not operation.is_of_files:",
        "if is_small:", ("test_bulk_limits.py",),
    ),
    Guard(
        0, "what waits of a user", "bulk/limits.py",
        "if users.count(operation.user_id) >= MAX_WAITING_OF_USER:", "if False:",
        ("test_bulk_limits.py",),
    ),
    Guard(
        0, "what waits of an office", "bulk/limits.py", "if len(users) >= MAX_WAITING_OF_OFFICE:", "if False:",
        ("test_bulk_limits.py",),
    ),
    Guard(
        0, "turns of offices", "bulk/turns.py", "sorted(offices, key=self._turns.__getitem__)", "offices",
        ("test_bulk_turns.py",),
    ),
    Guard(
        0, "one thing of an office at a time", "bulk/turns.py", "if not _try_lock(office):", "if False:",
        ("test_bulk_turns.py",),
    ),
    Guard(
        0, "turns that end", "bulk/turns.py", "signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)", "None",
        ("test_bulk_turns.py",),
    ),
    Guard(
        0, "what kills the worker", "bulk/running.py", "if operation.progress.turns >= MAX_TURNS:", "if False:",
        ("test_bulk_turns.py",),
    ),
    Guard(
        0, "another plan than was looked at", "bulk/applying.py",
        "if digest is not None and plan.digest != digest and not plan.is_empty:", "if False:",
        ("test_bulk_refusals.py", "test_bulk_users.py"),
    ),
    Guard(
        0, "a form that brings its own id", "accounts/once.py",
        "return UUID(signing.loads(text, salt=_salt(user, kind)))",
        'return UUID(signing.loads(text, salt=_salt(user, kind)) if ":" in text else text)',
        ("test_accounts_new_webservice.py", "test_accounts_new_azure.py"),
    ),
    Guard(
        0, "what a token proves", "webservice/api/door.py",
        "request.proof = caller.proof", "request.proof = Proof.FIVE_MINUTES",
        ("test_webservice_proof.py",),
    ),
    Guard(
        0, "a token of a sign-in of long ago", "webservice/tokens.py",
        "is_recent = -SKEW <= age < timedelta(seconds=most)", "is_recent = True",
        ("test_webservice_proof.py",),
    ),
    Guard(
        0, "a token of a sign-in without factor", "webservice/tokens.py",
        "Lack.FACTOR: not self.with_factor", "Lack.FACTOR: False",
        ("test_webservice_proof.py",),
    ),
    Guard(
        0, "refreshing is no sign-in", "webservice/validator.py",
        "made.take_evidence(self._source)", "made.authenticated_at, made.with_factor = timezone.now(), True",
        ("test_webservice_proof.py",),
    ),
    Guard(
        0, "an old value removes a factor", "webservice/api/users.py",
        "        etags.require_given(request)\n", "",
        ("test_webservice_proof.py",),
    ),
    Guard(
        0, "a new factor raises the version", "signin/factors/actions.py",
        'user.version += 1\n    user.save(update_fields=["second_factor_at", "version"])',
        'user.save(update_fields=["second_factor_at", "version"])',
        ("test_webservice_proof.py",),
    ),
    Guard(
        0, "an ETag of all that is shown", "webservice/api/people.py",
        'return f"{user.version}-{etags.digest(str(other) for other in others)[:16]}"', 'return f"{user.version}"',
        ("test_webservice_proof.py",),
    ),
    Guard(
        0, "own profile by scope", "webservice/api/people.py",
        "_BY_SCOPE.get(name, Scope.ACCOUNT_READ) in scopes", "True",
        ("test_webservice_scopes.py",),
    ),
    Guard(
        0, "strangers see where they go", "webservice/leaving.py",
        "    if trusted:", "    if True:",
        ("test_webservice_leaving.py",),
    ),
    Guard(
        0, "a page that waits for a database that hangs", "loket/availability.py",
        "return super().gives_up() or is_down()", "return super().gives_up()",
        ("test_loket_availability.py",),
    ),
    Guard(
        0, "a page that begins while the database is down", "loket/postgresql/base.py",
        "        if self._is_down():\n            raise", "        if False:\n            raise",
        ("test_loket_availability.py",),
    ),
    Guard(
        8, "a form of another site on the page that says try again", "loket/views.py",
        "page[\"sent\"] and is_ours and", "page[\"sent\"] and",
        ("test_loket_away.py",),
    ),
    Guard(
        7, "secrets on the page that says try again", "signin/pending_forms.py",
        "request.POST.lists() if not _NEVER_KEPT.fullmatch(name)}", "request.POST.lists()}",
        ("test_loket_away.py",),
    ),
    Guard(
        0, "a count that needs a block of a full disk", "loket/request_counts.py",
        "            os.posix_fallocate(self._f.fileno(), 0, size)", "            pass",
        ("test_loket_metrics.py",),
    ),
    Guard(
        0, "the first blocks of the counts on a full disk", "loket/request_counts.py",
        "os.posix_fallocate(descriptor, 0, max(size, FIRST_BYTES))", "os.truncate(descriptor, FIRST_BYTES)",
        ("test_loket_metrics.py",),
    ),
    Guard(
        0, "a count that fails", "loket/request_counts.py",
        "except Exception as error:\n            _switch_off(error)", "except ZeroDivisionError:\n            pass",
        ("test_loket_metrics.py",),
    ),
    Guard(
        0, "Microsoft that hangs", "signin/microsoft.py", "session.request = _limited(", "session.request = (",
        ("test_loket_availability.py",),
    ),
    Guard(
        0, "two migrate at once", "loket/management/commands/migrate.py",
        'while not _ask("pg_try_advisory_lock"):', "while False:",
        ("test_loket_migrate.py",),
    ),
    Guard(
        0, "a database that cannot be upgraded", "loket/management/commands/migrate.py",
        "if _ABANDONED in MigrationRecorder(connection).applied_migrations():", "if False:",
        ("test_loket_migrate.py",),
    ),
    Guard(
        0, "a replica that hangs", "loket/replica.py",
        "        with time_limit(_ANSWER):", "        if True:",
        ("test_loket_replica.py",),
    ),
    Guard(
        0, "how long readiness takes", "loket/probes.py",
        "    with availability.time_limit(READY_SECONDS):", "    if True:",
        ("test_loket_probes.py",),
    ),
    # 0. Nothing waits for what is stuck.
    Guard(
        0, "jobs that fail by themselves", "loket/periodic.py",
        "            if is_unreachable(error):\n                raise\n            self.failures += 1",
        "            raise\n            self.failures += 1",
        ("test_loket_periodic.py",),
    ),
    Guard(
        0, "offices and rows that fail by themselves", "loket/periodic.py",
        "if not job or is_unreachable(error):", "if True:",
        ("test_loket_periodic.py",),
    ),
    Guard(
        0, "an item that failed rests", "loket/periodic.py",
        "if failed is not None and failed.retry_at > now:", "if False:",
        ("test_loket_periodic.py",),
    ),
    Guard(
        0, "a batch that is not full of rows that failed", "signin/actions.py",
        ".exclude(pk__in=periodic.resting())", "",
        ("test_loket_periodic.py",),
    ),
    Guard(
        0, "a lock that another office holds", "loket/periodic.py",
        "SET lock_timeout = '{LOCK_SECONDS}s'", "SET lock_timeout = 0",
        ("test_loket_periodic.py",),
    ),
    Guard(
        7, "tracebacks without values", "loket/logs.py",
        "        found.append(type(error).__name__)", "        found.append(repr(error))",
        ("test_loket_periodic.py",),
    ),
    Guard(
        0, "jobs that are late", "loket/health.py",
        "for name, text in periodic.late().items()) or OK", "for name, text in ()) or OK",
        ("test_loket_periodic.py",),
    ),
    Guard(
        0, "offices take turns", "outbox/turns.py",
        "return sorted(offices, key=lambda office: self._last.get(office, 0.0))", "return sorted(offices, key=str)",
        ("test_outbox_turns.py",),
    ),
    Guard(
        0, "what is urgent goes first", "outbox/actions.py", '.order_by("urgency", "due")', '.order_by("due")',
        ("test_outbox_turns.py",),
    ),
    Guard(
        0, "half of the senders for an office", "outbox/turns.py",
        "if self._at_work[office] >= limit:", "if False:",
        ("test_outbox_turns.py", "test_outbox_worker.py"),
    ),
    Guard(
        0, "domains that hang rest", "outbox/turns.py",
        "if is_sent or seconds < HANGS:", "if True:",
        ("test_outbox_turns.py",),
    ),
    Guard(
        0, "domains that hang have one sender", "outbox/turns.py",
        "if probed or until > now", "if until > now",
        ("test_outbox_turns.py",),
    ),
    Guard(
        0, "a sender for what is urgent", "outbox/worker.py",
        "URGENT if number < URGENT_ONLY else ANY", "ANY",
        ("test_outbox_turns.py",),
    ),
]  # fmt: skip
