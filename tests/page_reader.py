"""Reads a report as a strict tree, so that tests ask for elements and not for substrings."""

from html.parser import HTMLParser

VOID = {"br", "col", "hr", "img", "input", "link", "meta"}


class Element:
    def __init__(self, name, attributes, parent):
        self.name, self.attributes, self.parent = name, dict(attributes), parent
        self.children, self.pieces = [], []

    def all(self, name, **wanted):
        """Every element of a name below this one, in order, with these attributes."""
        for child in self.children:
            if name in ("*", child.name) and all(
                child.attributes.get(k.rstrip("_").replace("_", "-")) == v
                for k, v in wanted.items()
            ):
                yield child
            yield from child.all(name, **wanted)

    def first(self, name, **wanted):
        return next(self.all(name, **wanted))

    @property
    def text(self):
        return "".join(p if isinstance(p, str) else p.text for p in self.pieces)

    def classes(self):
        return (self.attributes.get("class") or "").split()


class _Parser(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.root = self.here = Element("", {}, None)

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice"
        child = Element(tag, attrs, self.here)
        self.here.children.append(child)
        self.here.pieces.append(child)
        if tag not in VOID:
            self.here = child

    def handle_endtag(self, tag):
        assert tag == self.here.name, f"</{tag}> closes <{self.here.name}>"
        self.here = self.here.parent

    def handle_data(self, data):
        self.here.pieces.append(data)

    def handle_comment(self, data):
        raise AssertionError(f"the page has a comment: {data!r}")


def read_page(path):
    """Return the root of a page; every element must be closed where it should be."""
    parser = _Parser()
    parser.feed(path.read_text(encoding="utf-8"))
    parser.close()
    assert parser.here is parser.root, f"<{parser.here.name}> is never closed"
    return parser.root
