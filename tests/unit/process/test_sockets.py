"""Listening sockets, bound for real on this machine."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from portico.config.addresses import Listen, parse_listen
from portico.process.sockets import ListenError, Sockets, bind, unlink_stale, with_short_path


def _bind(*addresses: str, slots: int = 1) -> Sockets:
    return bind([parse_listen(address) for address in addresses], slots)


def _refusal(*addresses: str) -> str:
    with pytest.raises(ListenError) as refused:
        _bind(*addresses)
    return str(refused.value)


def _port(sockets: Sockets) -> int:
    return int(sockets.addresses[0].rpartition(":")[2])


def test_each_slot_has_a_socket_of_its_own_on_the_same_port() -> None:
    sockets = _bind("127.0.0.1:0", slots=3)
    ports = {row[0].getsockname()[1] for row in sockets.slots}
    assert ports == {_port(sockets)}
    assert len({row[0].fileno() for row in sockets.slots}) == 3
    sockets.close()


def test_connections_are_spread_over_the_slots() -> None:
    sockets = _bind("127.0.0.1:0", slots=2)
    clients = [socket.create_connection(("127.0.0.1", _port(sockets))) for _ in range(64)]
    for row in sockets.slots:
        connection, _ = row[0].accept()
        connection.close()
    for client in clients:
        client.close()
    sockets.close()


def test_every_interface_is_ipv4_and_ipv6_apart_on_one_port() -> None:
    sockets = _bind(":0")
    families = {each.family for each in sockets.slots[0]}
    assert socket.AF_INET in families
    assert len({each.getsockname()[1] for each in sockets.slots[0]}) == 1
    with socket.create_connection(("127.0.0.1", _port(sockets))):
        connection, peer = sockets.slots[0][0].accept()
        connection.close()
    assert peer[0] == "127.0.0.1"  # and not ::ffff:127.0.0.1
    sockets.close()


def test_an_ipv6_address_is_shown_in_brackets() -> None:
    if not os.path.exists("/proc/net/if_inet6") or not Path("/proc/net/if_inet6").read_text():
        pytest.skip("this machine has no IPv6")
    sockets = _bind("[::1]:0")
    assert sockets.addresses[0].startswith("http://[::1]:")
    sockets.close()


def test_a_taken_port_is_refused_also_when_its_owner_would_share_it() -> None:
    sockets = _bind("127.0.0.1:0")
    port = _port(sockets)
    said = _refusal(f"127.0.0.1:{port}")
    assert said.startswith(
        f"cannot listen on 127.0.0.1:{port}: port {port} is taken by another process; stop it"
    )
    assert "\n" not in said
    sockets.close()
    _bind(f"127.0.0.1:{port}").close()


def test_connections_of_a_former_gateway_do_not_keep_the_port() -> None:
    sockets = _bind("127.0.0.1:0")
    port = _port(sockets)
    client = socket.create_connection(("127.0.0.1", port))
    connection, _ = sockets.slots[0][0].accept()
    sockets.close()
    _bind(f"127.0.0.1:{port}").close()
    connection.close()
    client.close()


def test_every_address_that_cannot_be_had_is_named_and_the_others_are_free_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with socket.create_server(("127.0.0.1", 0)) as other:
            free = other.getsockname()[1]
        said = _refusal(f"127.0.0.1:{port}", f"127.0.0.1:{free}", "192.0.2.1:0", "no-such-host.invalid:0")
    assert [line.partition(": ")[0] for line in said.splitlines()] == [
        f"cannot listen on 127.0.0.1:{port}",
        "cannot listen on 192.0.2.1:0",
        "cannot listen on no-such-host.invalid:0",
    ]
    assert 'this machine has no address "192.0.2.1"' in said
    _bind(f"127.0.0.1:{free}").close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without privileges")
def test_a_privileged_port_is_told_from_a_taken_one() -> None:
    program = """
import os
from portico.config.addresses import Listen
from portico.process.sockets import ListenError, bind

"a".encode("idna")  # while the standard library can be read
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    bind([Listen("127.0.0.1", 1)], 1)
except ListenError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.startswith(
        "cannot listen on 127.0.0.1:1: port 1 is reserved for privileged processes; write a port"
    )


def test_a_unix_socket_is_one_for_all_slots_and_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "listen.sock"
    sockets = _bind(f"unix:{path}", slots=2)
    assert sockets.addresses == (f"unix:{path}",)
    assert sockets.slots[0] == sockets.slots[1]
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    sockets.close()
    assert not path.exists()


def test_a_released_socket_is_closed_here_and_keeps_its_file(tmp_path: Path) -> None:
    path = tmp_path / "listen.sock"
    sockets = _bind(f"unix:{path}")
    workers = os.dup(sockets.slots[0][0].fileno())
    sockets.release()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    os.close(workers)
    assert path.exists()
    sockets.close()
    assert not path.exists()


def test_the_socket_of_a_dead_process_is_replaced_and_that_of_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "listen.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    _bind(f"unix:{path}").close()
    with socket.socket(socket.AF_UNIX) as live:
        live.bind(str(path))
        live.listen()
        assert "another process listens there" in _refusal(f"unix:{path}")
    assert path.exists()


def test_what_stands_in_the_way_of_a_unix_socket_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    assert "a file of that name that is no socket" in _refusal(f"unix:{tmp_path}/file")
    assert (tmp_path / "file").read_text() == "precious"
    assert f"the folder {tmp_path}/none does not exist" in _refusal(f"unix:{tmp_path}/none/listen.sock")


def test_paths_may_be_longer_than_a_socket_address(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    path = str(folder / "control.sock")
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as client:
        with_short_path(path, listening.bind)
        listening.listen()
        with_short_path(path, client.connect)
    unlink_stale(path)
    assert not os.path.exists(path)


def test_a_backlog_is_long_enough_for_a_restart() -> None:
    sockets = bind([Listen("127.0.0.1", 0)], 1)
    clients = []
    for _ in range(300):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", _port(sockets)))
        clients.append(client)
    for client in clients:
        client.setblocking(True)
        client.settimeout(5)
        client.sendall(b"x")  # connected, though nobody accepts
        client.close()
    sockets.close()
