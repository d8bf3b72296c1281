"""From checked settings to a runtime: services, the chain of every route, the table.

Compilation is a generator that pauses after every route, so that a reload on a serving worker takes slices of the
loop's time and never all of it (design decision 5). It opens no connection and changes nothing that is live: what
it makes is staged, and a failed compilation leaves no trace. All problems are collected; one is enough to refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from portico.config.marks import Mark, Marks, Path, Place
from portico.config.models.route import RouteSettings
from portico.config.models.service import ServiceSettings
from portico.config.models.settings import Settings
from portico.config.problems import ConfigurationError, Problem, Problems
from portico.exchange.call import Call
from portico.exchange.clock import Clock
from portico.exchange.stage import Hooks, Phase, Stage
from portico.http.entrance import Entrance
from portico.observe.stall import StageMap
from portico.routing import (
    Entry,
    PatternError,
    TableBuilder,
    header_predicate,
    normalise,
    parse_host,
    parse_path,
    query_predicate,
)
from portico.rules import Transition
from portico.services.forward import Forward, request_fields
from portico.services.service import LiveServices, Service

from .calls import ServiceCall
from .chain import Chain, Label, Link
from .effects import check_effects
from .entrances import compile_entrances
from .errors import ErrorForm
from .header_rules import header_rules
from .outside import Unsayable, checked, is_outside
from .road import Road
from .runtime import Runtime
from .services import ServiceCompiler
from .site import Around, Live, RouteSite
from .template import TemplateError

TIMEOUT_S = 10.0
IDLE_S = 30.0

_NOWHERE = Marks(Place("", 0, 0))


class EndpointRoute:
    """A path that the gateway answers itself, as the compiler takes it."""

    __slots__ = ("hooks", "methods", "name", "path")

    def __init__(
        self, name: str, path: str, hooks: Hooks, methods: frozenset[bytes] = frozenset({b"GET"})
    ) -> None:
        self.name = name
        self.path = path
        self.hooks = hooks
        self.methods = methods


class _Calls:
    """Calls to the services of one configuration. Not the compiler's own: what sites hold would hold it in a cycle."""

    __slots__ = ("_clock", "_compiler", "_name", "_road", "_services")

    def __init__(
        self, services: dict[str, Service], compiler: ServiceCompiler, name: str, clock: Clock, road: Road
    ) -> None:
        self._services = services
        self._compiler = compiler
        self._name = name
        self._clock = clock
        self._road = road

    def of(self, service: str) -> Call:
        """What a stage calls a service by. One that is named by its origin is added, as if it had been written."""
        if service not in self._services:
            address = ServiceSettings.model_validate({"url": service})
            self._services[service] = self._compiler.compile(service, address)
        return ServiceCall(self._services[service], self._name, self._clock, self._road)


class Compiler:
    """Compiles one configuration. `runtime` and what `commit` needs are there when `steps` is exhausted.

    `children` maps the services that run as children to their Unix sockets. `marks` may be missing where the
    settings were checked elsewhere; then problems have no line.
    """

    def __init__(
        self,
        settings: Settings,
        stages: Mapping[str, Stage[Any]],
        *,
        live: Live,
        services: LiveServices,
        children: Mapping[str, str],
        clock: Clock,
        road: Road,
        moved: Callable[[str, Transition], None],
        answers: Callable[[], Sequence[EndpointRoute]],
        stage_map: StageMap,
        generation: int,
        marks: Marks | None = None,
    ) -> None:
        self._settings = settings
        self._stages = sorted(stages.values(), key=lambda stage: (stage.phase, stage.order, stage.key))
        self._live = live
        self._live_services = services
        self._clock = clock
        self._road = road
        self._answers = answers
        self._endpoints: Sequence[EndpointRoute] = ()
        self._stage_map = stage_map
        self._generation = generation
        self._marks = marks
        self._problems = Problems(marks or _NOWHERE)
        self._services: dict[str, Service] = {}
        self._service_compiler = ServiceCompiler(services, children, moved, self._problems)
        calls = _Calls(self._services, self._service_compiler, settings.gateway.name, clock, road)
        self._around = Around(settings, live, calls.of)
        self.entrances: tuple[Entrance, ...] = ()
        self.runtime: Runtime | None = None

    def steps(self) -> Iterator[None]:
        """Compile, pausing often. Raises ConfigurationError with everything that is wrong."""
        settings = self._settings
        try:
            self._endpoints = self._answers()
        except TemplateError as error:
            self._bad_template(("gateway", "health", "body"), error)
        for name, service in settings.services.items():
            self._services[name] = self._service_compiler.compile(name, service)
            yield
        self.entrances = compile_entrances(settings.gateway.listen, self._problems)
        yield
        builder = TableBuilder()
        chains: list[Chain] = []
        for number, endpoint in enumerate(self._endpoints):
            chain = self._endpoint(endpoint)
            if endpoint.path.startswith("/"):
                builder.add(
                    Entry(
                        parse_path(endpoint.path), chain, number, methods=endpoint.methods, order=-(1 << 31)
                    )
                )
                chains.append(chain)
        yield
        for index, route in enumerate(settings.routes):
            compiled = self._route(index, route)
            if compiled is not None:
                chain, entry = compiled
                chains.append(chain)
                builder.add(entry)
            yield
        yield from check_effects(settings, self._stages, self._problems)
        unrouted = self._endpoint(EndpointRoute("unrouted", "none", Hooks()))
        asterisk = next(
            (self._endpoint(endpoint) for endpoint in self._endpoints if endpoint.path == "*"), unrouted
        )
        errors = self._errors()
        self._problems.raise_if_any()
        if errors is None:
            raise AssertionError("a template was refused without a problem")
        self.runtime = Runtime(
            settings,
            builder.finish(),
            tuple(chains),
            unrouted,
            asterisk,
            self._services,
            errors,
            self._around.background,
            self._generation,
        )

    def commit(self) -> Runtime:
        """Make live what was staged. Call once, after `steps`."""
        runtime = self.runtime
        if runtime is None:
            raise RuntimeError("committed before it was compiled")
        self._live.commit()
        self._live_services.commit(self._service_compiler.breakers, self._service_compiler.pools)
        return runtime

    def warnings(self) -> tuple[Problem, ...]:
        """What a person should know."""
        return self._problems.warnings()

    # -- parts

    def _errors(self) -> ErrorForm | None:
        try:
            return ErrorForm(self._settings.gateway.errors, self._clock)
        except TemplateError as error:
            self._bad_template(("gateway", "errors", "body"), error)
            return None

    def _bad_template(self, path: Path, error: TemplateError) -> None:
        self._problems.add(path, str(error))

    def _route(self, index: int, route: RouteSettings) -> tuple[Chain, Entry] | None:
        path: Path = ("routes", index)
        match = route.match
        defaults = self._settings.defaults
        service = self._services.get(route.service)
        try:
            pattern = parse_path(match.path)
            hosts = tuple(parse_host(host) for host in match.hosts)
        except PatternError as error:
            self._problems.add((*path, "match"), str(error))
            return None
        if service is None:
            return None  # an unknown service has been reported by the check of references
        methods = frozenset(method.encode() for method in match.methods)
        label = Label(route.label, match.path, service.name)
        site = RouteSite(
            self._around,
            self._problems,
            path,
            route=label.name,
            template=label.template,
            service=service.name,
            methods=methods,
        )
        allow, drop, drop_reply, host = header_rules(defaults.headers, route.headers)
        forward = Forward(
            service,
            request_fields(allow, drop),
            service.own_host if host is None else host == "service",
            self._settings.gateway.name.encode(),
            self._clock,
            self._road.back,
            *self._rewriting(route, path),
        )
        chain = Chain(
            label,
            self._links(site, route.stages, path),
            forward=forward,
            body_limit=route.limits.body or defaults.limits.body or self._settings.gateway.limits.body,
            timeout_s=route.timeout or service.timeout_s or defaults.timeout or TIMEOUT_S,
            idle_s=route.idle or service.idle_s or defaults.idle or IDLE_S,
            total_s=self._total(route),
            drop_reply=drop_reply,
        )
        entry = Entry(
            pattern,
            chain,
            index + len(self._endpoints),
            hosts,
            methods,
            tuple(header_predicate(name, value) for name, value in match.headers.items()),
            tuple(query_predicate(name, value) for name, value in match.query.items()),
            route.order,
        )
        return chain, entry

    def _rewriting(self, route: RouteSettings, path: Path) -> tuple[bytes, bytes]:
        """What to strip and what to add, in the form in which paths are forwarded."""
        written = route.rewrite
        if written is None:
            return b"", b""
        forms = []
        for key, prefix in (("strip", written.strip), ("add", written.add)):
            form = normalise((prefix or "").encode("ascii", "replace")) if prefix else b""
            if form is None:
                self._problems.add(
                    (*path, "rewrite", key), "{written} can be no path that is forwarded", shown=f'"{prefix}"'
                )
            forms.append(form or b"")
        strip, add = forms
        matched = route.match.path.encode("ascii", "replace")
        if strip and matched != strip and not matched.startswith(strip + b"/"):
            self._problems.add(
                (*path, "rewrite", "strip"),
                f"{{written}} does not begin the path {route.match.path} of this route",
                shown=f'"{written.strip}"',
            )
        return strip, add

    def _total(self, route: RouteSettings) -> float | None:
        """The first that states it decides, also by `off`, which reads as None like a key that is not there."""
        for written in (route, self._settings.services[route.service], self._settings.defaults):
            if "total" in written.model_fields_set:
                return written.total
        return None

    def _endpoint(self, endpoint: EndpointRoute) -> Chain:
        label = Label(endpoint.name, endpoint.path, "")
        site = RouteSite(
            self._around,
            None,
            ("gateway", "endpoints", endpoint.name),
            route=label.name,
            template=label.template,
            service="",
            methods=endpoint.methods,
        )
        links = self._links(site, {}, ("gateway", "endpoints", endpoint.name), observers=True)
        links.append(Link(endpoint.name, endpoint.hooks, "built in", "answered by the gateway"))
        limits = self._settings.gateway.limits
        return Chain(
            label,
            links,
            forward=None,
            body_limit=limits.body,
            timeout_s=TIMEOUT_S,
            idle_s=IDLE_S,
            total_s=None,
        )

    def _links(
        self, site: RouteSite, written: Mapping[str, Any], path: Path, *, observers: bool = False
    ) -> list[Link]:
        """The hooks of a route, in the order of phases. `observers`: only what every reply has, as written in
        `defaults`; the gateway's own endpoints ask for no proof."""
        defaults = self._settings.defaults.stages
        placed: list[tuple[Phase, Link]] = []
        for stage in self._stages:
            key = stage.key
            if observers and stage.phase is not Phase.OBSERVE:
                continue
            if key in written:
                origin: Path | None = (*path, key)
                settings = written[key]
            elif key in defaults:
                origin = ("defaults", key)
                settings = defaults[key]
            elif stage.always:
                origin = None
                settings = None
            else:
                continue
            site.enter(path if origin is None else origin[:-1], key)
            hooks = stage.compile(settings, site)
            while hooks is not None:
                self._stage_map.add(
                    key, hooks.on_request, hooks.on_reply, hooks.on_end, module=type(stage).__module__
                )
                phase, later = hooks.phase or stage.phase, hooks.then
                if is_outside(stage):
                    try:
                        hooks = checked(hooks)
                    except Unsayable as error:
                        site.problem(str(error))
                summary = hooks.summary or stage.explain(settings)
                placed.append((phase, Link(key, hooks, self._origin(origin), summary)))
                hooks = later
        placed.sort(key=itemgetter(0))
        return [link for _, link in placed]

    def _origin(self, path: Path | None) -> str:
        if path is None:
            return "default"
        if self._marks is None:
            return ""
        mark: Mark = self._marks.at(path)
        return f"{mark.file}:{mark.line}"


__all__ = ["Compiler", "ConfigurationError", "EndpointRoute"]
