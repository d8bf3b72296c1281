"""What can only be judged by looking at several keys at once.

Works on the parts that are right by themselves, so that these problems are reported together with those of single
values. Pure: what it needs to know of the outside is handed in. References to names are judged in ``references``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from portico.config.listening import check_listening
from portico.config.load import Written
from portico.config.marks import Path
from portico.config.models.gateway import GatewaySettings
from portico.config.models.identity import IdentitySettings
from portico.config.models.service import BreakerSettings, ServiceSettings, TlsSettings
from portico.config.problems import Severity, quote
from portico.config.tokens import check_introspection, check_jwt, check_session
from portico.config.validate import Parts

CONTROL_SOCKET = "control.sock"
LONGEST_CONTROL_PATH = 99

_NOBODY = ("none", "off", False)


def check(written: Written, parts: Parts, required: Sequence[str], folder: str) -> None:
    """Add a problem for everything that does not fit together.

    ``required``: stage keys that every route must state. ``folder``: the working directory.
    """
    checks = _Checks(written, parts)
    for key in required:
        checks.stated(key)
    if parts.gateway is not None:
        checks.gateway(parts.gateway, folder)
        check_listening(parts.gateway.listen, parts.identity, checks.add)
    for name, identity in parts.identity.items():
        checks.identity(identity, ("identity", name))
    for name, service in parts.services.items():
        checks.service(service, ("services", name))
    checks.inheritance()
    checks.route_names()
    checks.development()


class _Checks:
    def __init__(self, written: Written, parts: Parts) -> None:
        self._tree = written.tree
        self._marks = written.marks
        self._problems = written.problems
        self._parts = parts

    def _add(
        self,
        path: Path,
        reason: str,
        suggestion: str = "",
        *,
        severity: Severity = "error",
        shown: str = "",
        on_key: bool = False,
    ) -> None:
        self._problems.add(
            path, reason, suggestion, severity=severity, shown=shown, on_key=on_key, foreign=False
        )

    def add(self, path: Path, reason: str, suggestion: str) -> None:
        """Add a problem from outside this class."""
        self._add(path, reason, suggestion)

    def _no_effect(self, path: Path, why: str, remedy: str = "remove it") -> None:
        """Nothing that is written is ignored: a key that does nothing is an error."""
        if self._marks.has(path):
            self._add(path, f"has no effect {why}", remedy, on_key=True)

    def stated(self, key: str) -> None:
        """Every route says who may call it, and no default opens the gateway to everybody."""
        defaults, routes = self._tree.get("defaults"), self._tree.get("routes")
        by_default = isinstance(defaults, dict) and key in defaults
        if by_default:
            value = self._tree["defaults"][key]
            nobody = [item for item in (value if isinstance(value, list) else [value]) if item in _NOBODY]
            if nobody:
                self._add(
                    ("defaults", key),
                    f"would open every route that states no {key} to everybody",
                    f'write "{key}: none" only on the routes that are public',
                )
            return
        for index, route in enumerate(routes if isinstance(routes, list) else ()):
            if isinstance(route, dict) and key not in route:
                self._add(
                    ("routes", index),
                    f"states no {key}, and neither does defaults",
                    f'write "{key}: none" if everybody may call it',
                )

    def gateway(self, gateway: GatewaySettings, folder: str) -> None:
        socket = os.path.normpath(os.path.join(folder, gateway.data, CONTROL_SOCKET))
        length = len(os.fsencode(socket))
        if length > LONGEST_CONTROL_PATH:
            self._add(
                ("gateway", "data"),
                f"the control socket's path would have {length} bytes, and at most {LONGEST_CONTROL_PATH} are safe",
                "choose a folder with a shorter path",
            )
        first: dict[str, str] = {}
        for key, path in gateway.endpoints:
            if path is not None and first.setdefault(path, key) != key:
                self._add(
                    ("gateway", "endpoints", key),
                    f"{{written}} is the path of {first[path]} too",
                    shown=quote(path),
                )
        for index, network in enumerate(gateway.trusted_proxies):
            if network.prefixlen == 0:
                self._add(
                    ("gateway", "trusted_proxies", index),
                    "{written} lets every client choose the address that it is known by",
                    shown=quote(str(network)),
                    severity="warning",
                )
        if gateway.errors.body is None:
            self._no_effect(("gateway", "errors", "content_type"), "without a body")

    def identity(self, identity: IdentitySettings, path: Path) -> None:
        kinds = identity.kinds
        if not kinds:
            self._add(
                path,
                "says not how callers are proven",
                f"write one of {', '.join(sorted(type(identity).model_fields))}",
            )
        for surplus in kinds[1:]:
            self._add(
                (*path, surplus),
                f"cannot stand beside {kinds[0]}",
                "give it an identity of its own; a route can take several",
                on_key=True,
            )
        if identity.jwt is not None:
            check_jwt(identity.jwt, (*path, "jwt"), self._add, self._no_effect)
        if identity.introspection is not None:
            check_introspection(identity.introspection, (*path, "introspection"), self._add, self._no_effect)
        if identity.session is not None:
            check_session(identity.session, (*path, "session"), self._add, self._no_effect)

    def service(self, service: ServiceSettings, path: Path) -> None:
        if service.url is not None and service.instances:
            self._add((*path, "instances"), "cannot stand beside url", "keep one of them", on_key=True)
        elif not service.addresses:
            self._add(path, "has no address", "write url or instances")
        for index, address in enumerate(service.instances):
            if address.scheme == "asgi":
                self._add(
                    (*path, "instances", index),
                    "an asgi:// application cannot be one of several",
                    "write it as url",
                )
        schemes = {address.scheme for address in service.addresses}
        # Where a variable says where the service is, it may be elsewhere today.
        if "asgi" not in schemes and not self._marks.varies((*path, "url")):
            self._no_effect((*path, "env"), "on a service that is not started here: only asgi:// is")
        if service.tls is not None:
            if "https" not in schemes:
                self._no_effect((*path, "tls"), "without an https:// address")
            self._tls(service.tls, (*path, "tls"))
        if service.breaker is not None:
            self._breaker(service.breaker, (*path, "breaker"))

    def _tls(self, tls: TlsSettings, path: Path) -> None:
        if (tls.cert is None) != (tls.key is None):
            self._add(path, "cert and key go together", "write both or neither")
        if not tls.verify:
            self._no_effect((*path, "ca"), "with verify: false", "remove one of them")
            self._add(
                (*path, "verify"),
                "anybody can pose as this service",
                "use this only in tests",
                severity="warning",
            )

    def _breaker(self, breaker: BreakerSettings, path: Path) -> None:
        if breaker.errors is None:
            if breaker.consecutive is None:
                self._add(path, "nothing opens this breaker", "write errors or consecutive, or breaker: off")
            self._no_effect((*path, "volume"), "with errors: off")
            self._no_effect((*path, "window"), "with errors: off")

    def inheritance(self) -> None:
        """Roles that inherit from themselves, one problem for each circle."""
        above = {name: list(role.inherits) for name, role in self._parts.roles.items()}
        while True:
            try:
                TopologicalSorter(above).prepare()
            except CycleError as error:
                circle: list[str] = error.args[1][::-1]
                role, target = circle[-2:]
                at = self._parts.roles[role].inherits.index(target)
                self._add(("roles", role, "inherits", at), f"roles inherit in a circle: {' → '.join(circle)}")
                above[role].remove(target)
            else:
                return

    def route_names(self) -> None:
        first: dict[str, int] = {}
        for index, route in self._parts.routes.items():
            if route.name is not None and first.setdefault(route.name, index) != index:
                line = self._marks.at(("routes", first[route.name], "name"))
                self._add(
                    ("routes", index, "name"),
                    f"the route at {line} is called {{written}} too",
                    shown=quote(route.name),
                )

    def development(self) -> None:
        token = self._parts.development and self._parts.development.token
        identity = self._parts.identity.get(token.identity) if token else None
        if identity is not None and (identity.jwt is None or not identity.jwt.hmac_secrets):
            self._add(
                ("development", "token", "identity"),
                "its identity has no secret to sign a token with",
                "name another",
            )
