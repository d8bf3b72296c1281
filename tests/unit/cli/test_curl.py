"""`try` entries as curl lines: what they ask for, quoted for a shell."""

import shlex

import pytest

from portico.cli.curl import Attempt, command, parse, reachable


@pytest.mark.parametrize(
    ("text", "attempt"),
    [
        ("/health", Attempt("GET", "/health")),
        ("GET /health", Attempt("GET", "/health")),
        ("  delete   /tickets/7  ", Attempt("DELETE", "/tickets/7")),
        ('POST /tickets {"title": "It burns"}', Attempt("POST", "/tickets", '{"title": "It burns"}')),
        ('/search {"a": [1, 2]}', Attempt("GET", "/search", '{"a": [1, 2]}')),
    ],
)
def test_an_entry_is_method_path_and_json(text: str, attempt: Attempt) -> None:
    assert parse(text) == attempt


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", 'write "METHOD /path"'),
        ("GET", 'write "METHOD /path"'),
        ("GET tickets", 'write "METHOD /path"'),
        ("G3T /tickets", 'write "METHOD /path"'),
        ("POST /tickets title=x", "what follows the path is not JSON"),
    ],
)
def test_what_is_no_request(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(text)


@pytest.mark.parametrize(
    ("text", "token", "words"),
    [
        ("/health", "", ["curl", "http://h:1/health"]),
        ("/a?b=c&d=e", "", ["curl", "http://h:1/a?b=c&d=e"]),
        ("DELETE /a", "", ["curl", "-X", "DELETE", "http://h:1/a"]),
        ("HEAD /a", "", ["curl", "-I", "http://h:1/a"]),
        ("POST /a", "", ["curl", "-X", "POST", "http://h:1/a"]),
        ("/a?b[]={c}", "", ["curl", "-g", "http://h:1/a?b[]={c}"]),
        ("/a", "e30", ["curl", "-H", "Authorization: Bearer e30", "http://h:1/a"]),
        (
            'POST /a {"b": "it\'s $HOME"}',
            "",
            ["curl", "-H", "Content-Type: application/json", "-d", '{"b": "it\'s $HOME"}', "http://h:1/a"],
        ),
        (
            "PUT /a 7",
            "",
            ["curl", "-X", "PUT", "-H", "Content-Type: application/json", "-d", "7", "http://h:1/a"],
        ),
    ],
)
def test_the_shell_reads_back_what_is_meant(text: str, token: str, words: list[str]) -> None:
    assert shlex.split(command(parse(text), "http://h:1", token)) == words


def test_a_unix_socket() -> None:
    line = command(parse("/a"), "unix:/run/my gateway.sock")
    assert shlex.split(line) == ["curl", "--unix-socket", "/run/my gateway.sock", "http://localhost/a"]


def test_every_interface_is_also_this_machine() -> None:
    assert reachable("http://0.0.0.0:3000") == "http://127.0.0.1:3000"
    assert reachable("http://[::]:3000") == "http://[::1]:3000"
    assert reachable("http://10.0.0.1:3000") == "http://10.0.0.1:3000"
