"""Delivery reports as common mail servers write them, for `p.deboer@devries.example`."""

RETURNED = """Received: from loket.example (localhost [127.0.0.1])
From: Loket <loket@loket.example>
To: p.deboer@devries.example
Subject: Uitnodiging
Auto-Submitted: auto-generated
"""


def build_dsn(  # the skeleton of RFC 3464
    text: str, status: str, *, sender: str = "Mail Delivery System <MAILER-DAEMON@mx.example>", headers: str = ""
) -> bytes:
    mail = f"""Return-Path: <>
Date: Sat, 28 Nov 2026 08:00:00 +0100
From: {sender}
To: bounce@loket.example
Subject: Undelivered Mail Returned to Sender
{headers}MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
    boundary="B1"

This is a MIME-encapsulated message.

--B1
Content-Type: text/plain; charset=us-ascii

{text}

--B1
Content-Description: Delivery report
Content-Type: message/delivery-status

{status}

--B1
Content-Type: text/rfc822-headers

{RETURNED}
--B1--
"""
    return mail.replace("\n", "\r\n").encode()


POSTFIX_UNKNOWN = build_dsn(
    "I'm sorry to have to inform you that your message could not be delivered.\n\n"
    "<p.deboer@devries.example>: host mail.devries.example[192.0.2.10] said: 550 5.1.1 User unknown",
    """Reporting-MTA: dns; mx.loket.example
X-Postfix-Queue-ID: 4XyZ0123
Arrival-Date: Sat, 28 Nov 2026 07:59:58 +0100 (CET)

Final-Recipient: rfc822; p.deboer@devries.example
Original-Recipient: rfc822;p.deboer@devries.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; mail.devries.example
Diagnostic-Code: smtp; 550 5.1.1 <p.deboer@devries.example>: Recipient address
    rejected: User unknown in virtual mailbox table""",
    headers="Auto-Submitted: auto-replied\n",
)
POSTFIX_DELAYED = build_dsn(
    "THIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR MESSAGE.",
    """Reporting-MTA: dns; mx.loket.example

Final-Recipient: rfc822; p.deboer@devries.example
Action: delayed
Status: 4.4.1
Diagnostic-Code: X-Postfix; connect to mail.devries.example[192.0.2.10]:25: Connection timed out
Will-Retry-Until: Thu, 3 Dec 2026 07:59:58 +0100 (CET)""",
    headers="Auto-Submitted: auto-replied\n",
)
POSTFIX_GAVE_UP = build_dsn(
    "could not be delivered",
    """Reporting-MTA: dns; mx.loket.example

Final-Recipient: rfc822; p.deboer@devries.example
Action: failed
Status: 4.4.1
Diagnostic-Code: X-Postfix; connect to mail.devries.example[192.0.2.10]:25: Connection timed out""",
)
EXIM = build_dsn(
    "A message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error.",
    """Reporting-MTA: dns; mx.example

Action: failed
Final-Recipient: rfc822;p.deboer@devries.example
Status: 5.0.0
Remote-MTA: dns; mail.devries.example
Diagnostic-Code: smtp; 552 5.2.2 Mailbox p.deboer is over quota""",
    sender="Mail Delivery System <Mailer-Daemon@mx.example>",
    headers="Auto-Submitted: auto-replied\nX-Failed-Recipients: p.deboer@devries.example\n",
)
EXCHANGE = build_dsn(
    "Your message to p.deboer@devries.example couldn't be delivered.",
    """Reporting-MTA: dns;AM0PR01MB0001.eurprd01.prod.exchangelabs.com
Received-From-MTA: dns;mx.loket.example
Arrival-Date: Sat, 28 Nov 2026 06:59:59 +0000

Final-Recipient: rfc822;p.deboer@devries.example
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient p.deboer@devries.example not found by SMTP
    address lookup""",
    sender='"Microsoft Outlook" <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@devries.example>',
)
GMAIL = build_dsn(
    "** Address not found **\n\nYour message wasn't delivered to p.deboer@devries.example",
    """Reporting-MTA: dns; googlemail.com
Arrival-Date: Fri, 27 Nov 2026 22:59:59 -0800 (PST)
X-Original-Message-ID: <0193@loket.example>

Final-Recipient: rfc822; p.deboer@devries.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please try
 550-5.1.1 double-checking the recipient's email address for typos or
 550 5.1.1 unnecessary spaces. https://support.google.com/mail/?p=NoSuchUser a1-2 - gsmtp
Last-Attempt-Date: Fri, 27 Nov 2026 22:59:59 -0800 (PST)""",
    sender="Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
    headers="Auto-Submitted: auto-replied\n",
)
DELIVERED = build_dsn("delivered", "Reporting-MTA: dns; x\n\nAction: delivered\nStatus: 2.0.0")
QMAIL = b"""Return-Path: <>
From: MAILER-DAEMON@mail.devries.example
To: bounce@loket.example
Subject: failure notice

Hi. This is the qmail-send program at mail.devries.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<p.deboer@devries.example>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.
"""
OUT_OF_OFFICE = b"""Return-Path: <>
From: "P. de Boer" <p.deboer@devries.example>
Subject: Automatisch antwoord: Uitnodiging
Auto-Submitted: auto-replied
Content-Type: text/plain; charset=utf-8

Ik ben er niet. Bel 550 5.1.1.
"""
VACATION = OUT_OF_OFFICE.replace(b"Auto-Submitted: auto-replied", b"Precedence: auto_reply")
ANSWER = b"From: p.deboer@devries.example\nSubject: Re: Uitnodiging\n\nDank je. 550 5.1.1\n"
# A reply that holds the bounce of another mail.
FORWARDED = (
    b'From: postmaster@devries.example\nContent-Type: multipart/mixed; boundary="F"\n\n--F\n'
    b"Content-Type: message/rfc822\n\n" + POSTFIX_UNKNOWN + b"\n--F--\n"
)
COMPLAINT = POSTFIX_UNKNOWN.replace(b"delivery-status", b"feedback-report")
BROKEN = [
    b"",
    b"\x00\xff" * 1000,
    b"Content-Type: multipart/report; boundary=\n\n--\n",
    b'Content-Type: multipart/report; boundary="B"\nContent-Transfer-Encoding: base64\n\nxx',
    EXCHANGE[:600],
    POSTFIX_UNKNOWN.replace(b"Action: failed", b"Action: \xff\xfe"),
    b"From: " + b"(" * 50_000 + b"\n\n5.1.1",
    b"".join(b'Content-Type: multipart/report; boundary="%d"\n\n--%d\n' % (n, n) for n in range(3000)),
    b"Content-Type: text/plain; charset=nonsense\nFrom: mailer-daemon@x.example\n\n\xff\xff",
]
