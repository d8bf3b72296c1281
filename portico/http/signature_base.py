"""What an HTTP message signature signs (RFC 9421 section 2): components of a message, line by line.

Refused, where the RFC leaves room: components of a request in a request (`req`), trailers (`tr`), `sf` for fields
whose type is not known here, a query parameter that occurs twice, and bytes outside ASCII without `bs`. A signature
that names a component which the message does not have is not valid for it (section 2.5).
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import parse_qsl, quote

from portico.exchange.fields import Field

from .structured import Member, Parameters, StructureError, dictionary, inner_list, item, strict

_FIELD_PARAMETERS = frozenset({"sf", "key", "bs"})
_DEFAULT_PORTS = {b"http": b":80", b"https": b":443"}
_COMPONENTS = 64


class BaseError(ValueError):
    """There is no signature base. The message is for the log."""


class Component:
    """One covered component. `text` is its identifier as it stands in the base: `"@query-param";name="Pet"`."""

    __slots__ = ("name", "parameters", "text")

    def __init__(self, name: object, parameters: Parameters) -> None:
        if not isinstance(name, str) or not name or name != name.lower():
            raise BaseError("a component's name is no string in lower case")
        self.name = name
        self.parameters = parameters
        try:
            self.text = item(name, parameters)
        except StructureError as error:
            raise BaseError(f"a component {error}") from None

    def __repr__(self) -> str:
        return f"<Component {self.text}>"


class Coverage:
    """The components that a signature covers, in their order, and the parameters that it states about itself.

    `text` is the value of `@signature-params`. Raises BaseError for components that occur twice (section 2).
    """

    __slots__ = ("components", "parameters", "plain", "text")

    def __init__(self, components: Sequence[Component], parameters: Parameters) -> None:
        if len(components) > _COMPONENTS:
            raise BaseError(f"more than {_COMPONENTS} components")
        if len({(one.name, frozenset(one.parameters.items())) for one in components}) != len(components):
            raise BaseError("a component occurs twice")
        self.components = tuple(components)
        self.parameters = parameters
        # What is covered whole: a component with parameters is only a part of one.
        self.plain = frozenset(one.name for one in components if not one.parameters)
        try:
            self.text = inner_list([(one.name, one.parameters) for one in components], parameters)
        except StructureError as error:
            raise BaseError(f"the parameters {error}") from None

    @classmethod
    def read(cls, member: Member) -> Coverage:
        """From one member of Signature-Input."""
        items, parameters = member
        if not isinstance(items, list):
            raise BaseError("a member of Signature-Input is no list of components")
        return cls([Component(name, more) for name, more in items], parameters)

    def base(self, message: Message) -> bytes:
        """The bytes that are signed (section 2.5). Raises BaseError for what `message` does not have."""
        lines = [b"%b: %b" % (one.text.encode(), message.value(one)) for one in self.components]
        lines.append(b'"@signature-params": %b' % self.text.encode())
        return b"\n".join(lines)

    def __repr__(self) -> str:
        return f"<Coverage {self.text}>"


class Message:
    """What a signature may speak of: derived components by name, the query for its parameters, and fields."""

    __slots__ = ("derived", "fields", "query")

    def __init__(self, derived: Mapping[str, bytes], fields: Sequence[Field], query: bytes = b"") -> None:
        self.derived = derived
        self.fields = fields
        self.query = query

    @classmethod
    def of_request(
        cls, method: bytes, target: bytes, scheme: bytes, authority: bytes, fields: Sequence[Field]
    ) -> Message:
        """A request as it stands on the wire; `scheme` and `authority` as whoever signs it knows them."""
        whole, authority = target, plain_authority(scheme, authority)
        if target[:1] != b"/" and b"://" in target:  # RFC 9112 section 3.2.2
            _, _, rest = target.partition(b"://")
            starts = [at for at in (rest.find(b"/"), rest.find(b"?")) if at >= 0]
            target = rest[min(starts) :] if starts else b"/"
        path, mark, query = target.partition(b"?")
        derived = {
            "@method": method,
            "@scheme": scheme,
            "@authority": authority,
            "@request-target": whole,
            "@path": path or b"/",
            "@query": b"?" + query,
            "@target-uri": b"%b://%b%b%b%b" % (scheme, authority, path or b"/", mark, query),
        }
        return cls(derived, fields, query)

    def values(self, name: bytes) -> list[bytes]:
        """The values of the fields of this name, each without space around it."""
        return [value.strip(b" \t") for field, value in self.fields if field == name]

    def value(self, component: Component) -> bytes:
        """The value of a component (section 2). Raises BaseError when there is none."""
        name, parameters = component.name, component.parameters
        if name == "@query-param":
            return self._query_parameter(parameters)
        if name.startswith("@"):
            if parameters:
                raise BaseError(f"{component.text} has parameters that it cannot have")
            if name not in self.derived:
                raise BaseError(f"{component.text} is nothing that a message here has")
            return self.derived[name]
        return self._field(component)

    def _field(self, component: Component) -> bytes:
        name, parameters = component.name, component.parameters
        if not _FIELD_PARAMETERS.issuperset(parameters):
            raise BaseError(f"{component.text} has parameters that are not taken here")
        if "bs" in parameters and len(parameters) > 1:
            raise BaseError(f"{component.text} is both bytes and structure")
        values = self.values(name.encode())
        if not values:
            raise BaseError(f"the message has no {name}")
        if "bs" in parameters:
            return b", ".join([b":%b:" % b2a_base64(value, newline=False) for value in values])
        try:
            joined = _structured(name, values, parameters) if parameters else b", ".join(values)
        except StructureError as error:
            raise BaseError(f"{name} {error}") from None
        if not joined.isascii() or b"\n" in joined:
            raise BaseError(f"{name} holds what cannot be signed without bs")
        return joined

    def _query_parameter(self, parameters: Parameters) -> bytes:
        name = parameters.get("name")
        if not isinstance(name, str) or len(parameters) != 1:
            raise BaseError("@query-param has no name, or more than a name")
        try:
            pairs = parse_qsl(self.query.decode("ascii"), keep_blank_values=True, max_num_fields=1000)
        except ValueError:
            raise BaseError("the query cannot be read") from None
        found = [value for key, value in pairs if _encoded(key) == name]
        if len(found) != 1:
            raise BaseError("a query parameter occurs not once")
        return _encoded(found[0]).encode()


def plain_authority(scheme: bytes, authority: bytes) -> bytes:
    """An authority in lower case and without the port that its scheme has anyway (RFC 9421 section 2.2.3)."""
    return authority.lower().removesuffix(_DEFAULT_PORTS.get(scheme, b":none"))


def _structured(name: str, values: Iterable[bytes], parameters: Parameters) -> bytes:
    key = parameters.get("key")
    if key is None:
        return strict(values, name).encode()
    members = dictionary(values)
    if key not in members:
        raise BaseError(f"{name} has no such member")
    value, more = members[key]
    return (inner_list(value, more) if isinstance(value, list) else item(value, more)).encode()


def _encoded(text: str) -> str:
    """As application/x-www-form-urlencoded spells it, with %20 for a space (section 2.2.8)."""
    return quote(text, safe="*").replace("~", "%7E")
