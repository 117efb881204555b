"""The one error tree of the project: every error says what happened and what to do about it.

`slug` is stable and becomes the RFC 9457 problem type; `detail` describes this occurrence; `hint` tells the reader what
to do. Neither ever carries a biometric or biographic value: messages name positions, sizes and codes only.
"""

from __future__ import annotations


class CrosscheckError(Exception):
    """Base of all errors that Crosscheck raises on purpose."""

    slug: str = "internal-error"
    hint: str = "Report this to the operator with the time it happened."

    def __init__(self, detail: str, *, hint: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field: str | None = None  # set by whoever knows which part of a request the error is about
        if hint is not None:
            self.hint = hint


class InvalidInput(CrosscheckError):
    """The caller sent something that cannot be used as it is."""

    slug = "invalid-input"
    hint = "Correct the request and send it again."


class MalformedImage(InvalidInput):
    """The bytes are not a complete image of a supported format."""

    slug = "malformed-image"
    hint = "Send one complete JPEG, PNG, WebP or JPEG 2000 file."


class ImageTooLarge(InvalidInput):
    """The image is over the byte or pixel cap; it was not decoded."""

    slug = "image-too-large"
    hint = "Scale the image down before sending it; 1000 pixels on the long side are plenty."


class MalformedTemplate(InvalidInput):
    """A fingerprint record broke its own format.

    Args:
        offset: byte offset of the first field that is wrong.
        reason: what is wrong with it.
    """

    slug = "malformed-template"
    hint = "Export the template again from the scanner software; the record is damaged or incomplete."

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"fingerprint record is malformed at byte {offset}: {reason}")
        self.offset = offset
        self.reason = reason


class UnsupportedTemplate(InvalidInput):
    """The bytes are not a fingerprint record of a format that is read here."""

    slug = "unsupported-template"
    hint = "Send a finger minutiae record of ISO/IEC 19794-2:2005 or :2011, or ANSI/INCITS 378-2004 or 378-2009."


class ModelFileError(CrosscheckError):
    """A model file is missing or is not the file that the manifest names."""

    slug = "model-file"
    hint = "Run `crosscheck models prepare`."
