"""E-mail: one letter as a message, handed to Django's backend; the sender calls it in a thread.

The Message-ID is the letter's own on every try, so a mail program that gets it twice may show it once. Marketing
says how to get no more of it in the headers too (RFC 2369, one press by RFC 8058).
"""

import smtplib
import time

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.mail.message import BadHeaderError
from django.core.validators import validate_email

from notifications.letters import preferences
from notifications.letters.models import About, Letter
from notifications.letters.rendering import page
from notifications.letters.settling import Answer, Claimed

FOR_EVER = 500  # SMTP answers from here on are definite (RFC 5321, 4.2.1)


def send(claimed: Claimed) -> Answer:
    """Hand one letter over. Never raises for what the mail server does."""
    began = time.monotonic()
    error, is_final = "", False
    try:
        message(claimed.letter, claimed.to).send()
    except (ValidationError, BadHeaderError):
        error, is_final = "not an e-mail address", True
    except smtplib.SMTPRecipientsRefused as refused:
        error, is_final = "the address was refused", all(code >= FOR_EVER for code, _ in refused.recipients.values())
    except smtplib.SMTPResponseException as answer:
        error, is_final = f"the mail server said {answer.smtp_code}", _is_final(answer)
    except (smtplib.SMTPException, OSError) as failed:
        error = f"no mail server: {type(failed).__name__}"
    return Answer(error, is_final=is_final, ms=round((time.monotonic() - began) * 1000))


def message(letter: Letter, to: str) -> EmailMultiAlternatives:
    """The whole message. Raises ValidationError for what is no address, with a line break in it or otherwise."""
    validate_email(to)
    host = settings.PUBLIC_URL.partition("://")[2].partition(":")[0]
    headers = {
        "Message-ID": f"<{letter.public_id}@{host}>",
        "Auto-Submitted": "auto-generated",
        "Content-Language": "zh-Hans" if letter.language == "zh-hans" else "en",
    }
    if letter.about == About.MARKETING:
        link = page("account:unsubscribe", preferences.unsubscribe_token(letter.person))
        headers |= {"List-Unsubscribe": f"<{link}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    made = EmailMultiAlternatives(letter.subject, letter.text, None, [to], headers=headers)
    made.attach_alternative(letter.html, "text/html")
    return made


def _is_final(answer: smtplib.SMTPResponseException) -> bool:
    """Definite for this letter; a refused log-in is our own fault and ends when it is mended."""
    return answer.smtp_code >= FOR_EVER and not isinstance(answer, smtplib.SMTPAuthenticationError)
