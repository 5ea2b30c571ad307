"""5,000 things that people might type to see another tenant's lines: every sign of every query language, and mixtures."""

import random

OTHERS = ("pay-prod", "web-prod", "team-pay", "card number 4111", "secretofpay", "secretofweb")

_SHAPES = (
    "{x}",
    '"{x}"',
    "kubernetes.namespace:{x}",
    "kubernetes.namespace:*",
    "namespace:{x} OR message:*",
    "_exists_:message",
    "_index:*",
    "_id:*",
    "*",
    "*:*",
    "* OR *",
    ") OR (kubernetes.namespace:{x}",
    '" OR kubernetes.namespace:"{x}',
    "-{x}",
    "-nothing | {x}",
    "{x} | *",
    "+{x} | +*",
    "({x} | secretofpay | secretofweb)",
    "{x}~5",
    '"{x} a"~100',
    "/.*{x}.*/",
    "/.*/",
    "[* TO *]",
    "@timestamp:[* TO *]",
    "kubernetes.namespace:[a TO z]",
    '{{"match_all":{{}}}}',
    '"}}}}]}},"should":[{{"match_all":{{}}}}],"x":{{"y":"',
    '"}}]}}}},"query":{{"match_all":{{}}}},"a":{{"b":{{"c":"{x}',
    '\\"}},{{\\"term\\":{{\\"kubernetes.namespace\\":\\"{x}',
    "%22%7D%7D {x}",
    '{x}\n{{"index":"*"}}\n',
    "{x}\u0000*",
    "{x}\u202e*",
    "ａｎｄ {x}",
    "NOT web AND {x}",
    "!web && {x}",
    "x) OR (kubernetes.namespace:{x}",
    "x) OR kubernetes.namespace:(*",
    "*) OR (*",
    "x) OR (message:*",
    "x OR kubernetes.namespace:*",
    "x OR message:*",
    "x OR *",
    "x) OR NOT (kubernetes.namespace:nobody",
    'x" OR "{x}" OR "x',
    "message:(a* OR *) AND kubernetes.namespace:({x})",
    "boost^1000 {x}^99",
    "{x} \\| \\*",
    "' OR '1'='1' -- {x}",
    '| from logs-* | where kubernetes.namespace == "{x}"',
    "{{{{x}}}} {x}",
    "${{jndi:ldap://x}} {x}",
    "doc['kubernetes.namespace'].value == '{x}'",
)
_SIGNS = (
    '"',
    "'",
    "*",
    "?",
    "|",
    "+",
    "-",
    "(",
    ")",
    "~",
    ":",
    "\\",
    "/",
    "[",
    "]",
    "{",
    "}",
    "^",
    "!",
    "&&",
    "OR",
    "AND",
    "NOT",
    " ",
)


def payloads(count: int = 5000, *, seed: int = 98) -> list[str]:
    rng = random.Random(seed)
    found = [shape.format(x=other) for shape in _SHAPES for other in OTHERS]
    while len(found) < count:
        words = [rng.choice((rng.choice(OTHERS), *_SIGNS, rng.choice(_SIGNS))) for _ in range(rng.randrange(1, 12))]
        found.append(rng.choice(("", " ")).join(words)[:500])
    return found[:count]
