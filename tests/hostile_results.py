"""Hostile values for results of an evaluation, for tests, and what a page made of them may hold."""

from hypothesis import strategies as st

HOSTILE = [
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</title></svg></table><img src=x onerror=alert(1)>",
    '" autofocus onfocus="alert(1)',
    "&lt;b&gt; &amp; `code` *star* [link](javascript:alert(1)) | cell",
    "شركة " * 60 + "\u202eevil\u2066",
    "\x00\x07\udc80\x9b31m",
    "a" * 5000,
    "]]><!--",
]
ELEMENTS = set(
    "html head meta link title style body a header p h1 h2 h3 nav ul li main section div span bdi "
    "strong small figure figcaption svg desc path text circle line table caption thead tbody tr th "
    "td details summary audio dl dt dd pre code footer".split()
)
ATTRIBUTES = set(
    "lang charset http-equiv content name rel href class id role tabindex scope colspan rowspan "
    "aria-label aria-labelledby aria-hidden focusable src controls preload viewbox d cx cy r x y "
    "x1 x2 y1 y2 width height transform text-anchor stroke-dasharray open".split()
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20)
    | st.sampled_from(HOSTILE),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=8) | st.sampled_from(HOSTILE), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def assert_only_known_markup(page):
    for element in page.all("*"):
        assert element.name in ELEMENTS
        assert set(element.attributes) <= ATTRIBUTES, element.name


def places(node, path=()):
    """Every place in a JSON value."""
    yield path
    if not isinstance(node, (dict, list)):
        return
    for key, child in node.items() if isinstance(node, dict) else enumerate(node):
        yield from places(child, (*path, key))


def put(node, path, value):
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
