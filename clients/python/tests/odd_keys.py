"""Keys that some program or other takes for something else."""

ODD_KEYS = [
    "a//b",
    "/a",
    "a/",
    "../b",
    "a/../b",
    "./a",
    "50%",
    "a%2Fb",
    "a?b=c",
    "a b+c",
    "ü/日本",
    "a*[b]",
    "#a;b&c",
    "a::b",
    "\\a",
]
