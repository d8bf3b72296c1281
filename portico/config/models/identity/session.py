"""Settings of sessions of browsers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from portico.config.models.model import SettingsModel
from portico.config.values import AtLeastOne, Distinct, Flag, HeaderName, Maybe, PositiveDuration, Text
from portico.config.values.origins import Origins

from .cookies import CookieName
from .forms import Secret
from .issue import JsonPointer, _long
from .openid import OpenidSettings


class SessionSettings(SettingsModel):
    """Sessions that are kept in the store, and a signed cookie that names one."""

    secret: Annotated[AtLeastOne[Annotated[Secret, AfterValidator(_long)]], Distinct] = Field(
        description="What cookies are signed with, at least 32 bytes; of several the first signs, all verify."
    )
    cookie: CookieName = Field(
        default="__Host-session", description="The cookie's name; without __Host- where it is not secure."
    )
    csrf_cookie: CookieName = Field(
        default="__Host-csrf", description="The cookie that scripts read the CSRF token from."
    )
    csrf_header: HeaderName = Field(
        default="x-csrf-token", description="The header that brings it back with unsafe methods."
    )
    origins: Origins = Field(
        default=(), description="Origins of pages beside the gateway's own that may use the session."
    )
    secure: Flag = Field(
        default=True,
        description="Whether browsers send the cookies over HTTPS only; false is for development.",
    )
    same_site: Literal["lax", "strict", "none"] = Field(
        default="lax", description="From which sites browsers send the cookie."
    )
    idle: PositiveDuration = Field(default=900.0, description="How long a session lives without a request.")
    lifetime: PositiveDuration = Field(default=43_200.0, description="How long a session lives at most.")
    cache: PositiveDuration = Field(
        default=10.0,
        description="How long a worker trusts what it knows of a session; its end counts at once.",
    )
    claims: dict[Text, JsonPointer] = Field(
        default_factory=lambda: {
            "sub": "/user/id",
            "tenant_id": "/user/tenant_id",
            "role": "/user/role",
            "email": "/user/email",
        },
        description="Which claim is read from where in the answer of the service that knows passwords.",
    )
    openid: Maybe[OpenidSettings] = Field(
        default=None,
        description="The OpenID provider where sessions begin, on routes with start and callback.",
    )
