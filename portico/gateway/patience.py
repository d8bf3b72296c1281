"""What ends an exchange from outside: its deadline, a configuration that was replaced long ago, the end of the worker.

No exchange has a timer: one sweep looks at all (design decision 7). Deadlines run to the reply's head, then from piece
to piece (requirements 5.3); who is slow but moves, and whom only the client keeps waiting, is not late.
"""

from __future__ import annotations

from portico.exchange.exchange import Exchange
from portico.exchange.failure import CLIENT_SLOW, DEADLINE_PASSED, REPLY_TIMEOUT, SHUTTING_DOWN, Side
from portico.exchange.stream import Tunnel

from .in_flight import InFlight
from .way_back import WayBack


class Patience:
    """With the exchanges of one worker."""

    def __init__(self, in_flight: InFlight, back: WayBack) -> None:
        self._in_flight = in_flight
        self._back = back

    def sweep(self, now: float) -> None:
        """End what has waited too long."""
        late = [x for x in self._in_flight.active if x.deadline < now or x.latest < now]
        for x in late:
            self._expire(x, now)

    def _expire(self, x: Exchange, now: float) -> None:
        if x.ended or (now <= x.latest and self._is_clients_turn(x)):
            return
        tunnel = self._in_flight.tunnels.get(x)
        if tunnel is not None:
            self._watch_tunnel(x, tunnel, now)
            return
        if x.paused and x.head_sent and now <= x.latest and (not x.deadline or x.stream.is_read()):
            x.deadline = now + x.chain.idle_s  # slow, but it reads
            return
        task, x.task = x.task, None
        if task is not None:
            task.cancel()
        attempt, x.attempt = x.attempt, None
        if x.paused and attempt is not None:
            attempt.cancel()
            self._back.failed(x, CLIENT_SLOW)
        else:
            self._back.failed(x, DEADLINE_PASSED if attempt is None else attempt.expire(now))

    def _watch_tunnel(self, x: Exchange, tunnel: Tunnel, now: float) -> None:
        """A tunnel may be silent, but who takes nothing of what waits for it, for so long, is gone or a trap."""
        side = tunnel.stuck()
        if side is None:
            x.deadline = now + x.chain.idle_s
        else:
            x.failure = CLIENT_SLOW if side is Side.CLIENT else REPLY_TIMEOUT.because("it stopped reading")
            tunnel.abort()

    @staticmethod
    def _is_clients_turn(x: Exchange) -> bool:
        """Whether only the client keeps us waiting. Its connection has a clock for that, and no service is to blame:
        whoever stops in the middle of an upload would else open the breakers of others."""
        if x.request.complete or x.head_sent:
            return False
        return x.parked_at >= 0 or (x.attempt is not None and x.attempt.waits_for_client())

    def end_tunnels(self, generation: int) -> None:
        """A configuration has been replaced for long enough: end the tunnels that still hold it or an older one."""
        for x, tunnel in list(self._in_flight.tunnels.items()):
            if x.runtime.generation <= generation:
                tunnel.close()

    def cut(self) -> None:
        """The grace period is over: end everything that is left."""
        for x in list(self._in_flight.active):
            tunnel = self._in_flight.tunnels.get(x)
            if tunnel is not None:
                tunnel.close()
            else:
                self._back.broken(x, SHUTTING_DOWN)
