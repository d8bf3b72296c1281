"""From request to route: normalised paths, patterns, predicates, the table and its total order.

Pure: no I/O, no clock, no logging. The order is stated in `table`, the form of a path in `normal`.
"""

from .explain import Candidacy, Loss, Lost, explain
from .normal import PathRefusal, normalise, refusal
from .pattern import ANY_HOST, HostPattern, PathPattern, PatternError, parse_host, parse_path
from .predicates import Predicate, header_predicate, query_predicate
from .shadows import Shadow, shadows
from .table import Entry, Match, Miss, RouteTable, TableBuilder

__all__ = [
    "ANY_HOST",
    "Candidacy",
    "Entry",
    "HostPattern",
    "Loss",
    "Lost",
    "Match",
    "Miss",
    "PathPattern",
    "PathRefusal",
    "PatternError",
    "Predicate",
    "RouteTable",
    "Shadow",
    "TableBuilder",
    "explain",
    "header_predicate",
    "normalise",
    "parse_host",
    "parse_path",
    "query_predicate",
    "refusal",
    "shadows",
]
