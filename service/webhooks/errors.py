"""What can go wrong with an endpoint before anything is sent to it."""

from __future__ import annotations

from models.errors import CrosscheckError


class WebhookUrlInvalid(CrosscheckError):
    slug = "webhook-url"
    hint = (
        "Give the address of the receiver as https://host/path, without user, query and fragment: what is signed needs \
no other secret."
    )


class WebhookAddressRefused(CrosscheckError):
    slug = "webhook-address"
    hint = "Give a host with public addresses alone, or name it in CROSSCHECK_WEBHOOK_PRIVATE_HOSTS."


class WebhookUnknown(CrosscheckError):
    slug = "webhook-unknown"
    hint = "List the endpoints with `crosscheck webhook list`."


class WebhookNameTaken(CrosscheckError):
    slug = "webhook-name-taken"
    hint = "Choose another name, or remove the endpoint of that name first."


class WebhookCertificateUnusable(CrosscheckError):
    slug = "webhook-certificate"
    hint = "Check the file that CROSSCHECK_WEBHOOK_AUTHORITIES names: PEM, readable."
