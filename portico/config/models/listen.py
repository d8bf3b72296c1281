"""Settings of where the gateway accepts connections, and of TLS there."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, Strict, WithJsonSchema

from portico.config.addresses import LISTEN_SCHEMA, Listen, ListenAddress
from portico.config.models.model import SettingsModel
from portico.config.substitution import typed
from portico.config.values import Form, Maybe, Pem, PemFile, refuse

Port = Annotated[int, Strict(), Field(ge=0, le=65_535), BeforeValidator(typed)]


def _version(value: object) -> object:
    value = typed(value)
    if isinstance(value, float):
        value = str(value)
    if value in ("1.0", "1.1", "1"):
        raise refuse("TLS {written} is not safe any more (RFC 8996)", value, "write 1.2 or 1.3")
    return value


def _version_schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "enum": ["1.2", "1.3", 1.2, 1.3], "type": ["string", "number"]}


TlsVersion = Annotated[Literal["1.2", "1.3"], Form(_version, _version_schema)]


class CertificateSettings(SettingsModel):
    """A certificate that the gateway shows. The names that it is shown for are read from it."""

    cert: PemFile = Field(
        description="File with the certificate in PEM form, and behind it those that lead to its authority."
    )
    key: PemFile = Field(description="File with the key of that certificate, in PEM form without password.")


class ClientCertificateSettings(SettingsModel):
    """Whether clients show a certificate, and whose."""

    ca: PemFile = Field(description="File with the authorities that clients' certificates come from.")
    verify: Literal["required", "optional"] = Field(
        default="required",
        description="Whether a client without a certificate is turned away; a wrong one always is.",
    )


class ListenTlsSettings(SettingsModel):
    """TLS for clients. Either ``cert`` and ``key`` or ``certificates`` is set."""

    cert: Maybe[PemFile] = Field(
        default=None,
        description="The only certificate, with those that lead to its authority, as a file in PEM form.",
    )
    key: Maybe[PemFile] = Field(
        default=None, description="The key of that certificate, as a file in PEM form without password."
    )
    certificates: tuple[CertificateSettings, ...] = Field(
        default=(),
        description="Several certificates, by the name that a client asks for; the first for any other name.",
    )
    min_version: TlsVersion = Field(default="1.2", description="The oldest version that is spoken.")
    client: Maybe[ClientCertificateSettings] = Field(
        default=None, description="Certificates of clients; none are asked for by default."
    )

    @property
    def shown(self) -> tuple[tuple[Pem, Pem], ...]:
        """Certificate and key of each, the default first."""
        if self.cert is not None and self.key is not None:
            return ((self.cert, self.key),)
        return tuple((each.cert, each.key) for each in self.certificates)


HTTPS = "https"


def _redirect(value: object) -> str | int:
    value = typed(value)
    if value == HTTPS:
        return HTTPS
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65_535:
        return value
    raise refuse(
        "{written} is nothing to redirect to", value, "write https, or the port that clients reach it by"
    )


Redirect = Annotated[
    str | int,
    PlainValidator(_redirect),
    WithJsonSchema({"anyOf": [{"const": HTTPS}, {"type": "integer", "minimum": 1, "maximum": 65_535}]}),
]
"""``https``: to the first TLS address of this file; a number: to https on that port."""


class ListenSettings(SettingsModel):
    """An address to accept connections on. Either ``address`` or ``port`` is set."""

    address: Maybe[ListenAddress] = Field(default=None, description="host:port, :port or unix:/path.")
    port: Maybe[Port] = Field(default=None, description="A port on every interface.")
    tls: Maybe[ListenTlsSettings] = Field(default=None, description="TLS; plain HTTP without it.")
    redirect: Maybe[Redirect] = Field(
        default=None,
        description="Answer everything with 308 to the same URL by https: https for the first TLS address of this "
        "file, or the port by which clients reach it.",
    )

    @property
    def where(self) -> Listen:
        """The address, whichever way it was written."""
        return self.address if self.address is not None else Listen(port=self.port or 0)


def _listen(value: object) -> object:
    return value if isinstance(value, dict | ListenSettings) else {"address": value}


def _listen_schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [LISTEN_SCHEMA, schema]}


ListenEntry = Annotated[ListenSettings, Form(_listen, _listen_schema)]


def _distinct(entries: tuple[ListenSettings, ...]) -> tuple[ListenSettings, ...]:
    seen: set[Listen] = set()
    for entry in entries:
        if entry.where in seen:
            raise refuse("{written} is listed twice", str(entry.where))
        seen.add(entry.where)
    return entries


def _list(value: object) -> object:
    if isinstance(value, dict):
        raise refuse("must be a list of addresses", value, 'put "- " in front of it')
    if value in ([], ()):
        raise refuse("must not be empty", value)
    return value if isinstance(value, list | tuple) else (value,)


def _list_schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [LISTEN_SCHEMA, {**schema, "minItems": 1}]}


ListenEntries = Annotated[tuple[ListenEntry, ...], AfterValidator(_distinct), Form(_list, _list_schema)]
"""``:3000``, or a list of addresses and of objects."""
