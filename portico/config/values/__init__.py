"""The kinds of value that the configuration language has, for our own settings and for those of plug-in stages.

Each is an ``Annotated`` type: what a person writes is checked and turned into what code wants (seconds, bytes, a
fraction), the error says what would be right, and the JSON Schema shows editors the written form.
"""

from portico.config.values.forms import AtLeastOne, Distinct, Form, Maybe, OneOrMany, OrOff
from portico.config.values.measures import Duration, Percentage, PositiveDuration, PositiveSize, Size, write
from portico.config.values.names import HeaderName, HeaderPattern, HeaderValue, Name
from portico.config.values.pem import Pem, PemFile
from portico.config.values.plain import Cidr, Count, Flag, Host, Positive, StatusRanges, Template, Text, Whole
from portico.config.values.refusal import REFUSED, refuse

__all__ = [
    "REFUSED",
    "AtLeastOne",
    "Cidr",
    "Count",
    "Distinct",
    "Duration",
    "Flag",
    "Form",
    "HeaderName",
    "HeaderPattern",
    "HeaderValue",
    "Host",
    "Maybe",
    "Name",
    "OneOrMany",
    "OrOff",
    "Pem",
    "PemFile",
    "Percentage",
    "Positive",
    "PositiveDuration",
    "PositiveSize",
    "Size",
    "StatusRanges",
    "Template",
    "Text",
    "Whole",
    "refuse",
    "write",
]
