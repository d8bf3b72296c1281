"""Settings of who may be proven, one module for each kind of proof, and of what a role may do."""

from __future__ import annotations

from pydantic import Field

from portico.config.models.model import SettingsModel
from portico.config.values import Maybe

from .api_key import ApiKeySettings, WrittenKeySettings
from .hmac_signature import HmacKeySettings, HmacSettings
from .http_signature import SignatureKeySettings, SignatureSettings
from .introspection import IntrospectionSettings
from .jwt import ClaimSettings, JwtSettings
from .mtls import CertificateFieldSettings, MtlsSettings
from .roles import Permission, RoleSettings, permission
from .session import SessionSettings

__all__ = [
    "ApiKeySettings",
    "CertificateFieldSettings",
    "ClaimSettings",
    "HmacKeySettings",
    "HmacSettings",
    "IdentitySettings",
    "IntrospectionSettings",
    "JwtSettings",
    "MtlsSettings",
    "Permission",
    "RoleSettings",
    "SessionSettings",
    "SignatureKeySettings",
    "SignatureSettings",
    "WrittenKeySettings",
    "permission",
]


class IdentitySettings(SettingsModel):
    """One way to prove who is calling: exactly one of its kinds is set."""

    jwt: Maybe[JwtSettings] = Field(default=None, description="JSON Web Tokens.")
    introspection: Maybe[IntrospectionSettings] = Field(
        default=None, description="Tokens that their issuer is asked about (RFC 7662)."
    )
    mtls: Maybe[MtlsSettings] = Field(default=None, description="Certificates of clients.")
    hmac: Maybe[HmacSettings] = Field(default=None, description="Requests signed with a shared secret.")
    api_key: Maybe[ApiKeySettings] = Field(default=None, description="API keys of programs.")
    signature: Maybe[SignatureSettings] = Field(
        default=None, description="Requests signed as HTTP messages (RFC 9421)."
    )

    session: Maybe[SessionSettings] = Field(default=None, description="Sessions of browsers, by a cookie.")

    @property
    def kinds(self) -> list[str]:
        """The kinds that are set, in the order of the language."""
        return [name for name in type(self).model_fields if getattr(self, name) is not None]
