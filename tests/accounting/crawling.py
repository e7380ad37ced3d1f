"""Pages of the usage section as a visitor clicks through them: which figure each link stands on, and where it leads."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit
from xml.etree.ElementTree import Element

from tests.trees import document

# Where a page says the total of the rows that it is about.
TOTAL = "total-{}".format
OF_MONEY = {"estimated": TOTAL("estimated-cost"), "cached": TOTAL("saved")}
OF_TILES = {
    "cost": TOTAL("cost"),
    "calls": TOTAL("calls"),
    "answers": TOTAL("answers"),
    "users": TOTAL("lines"),
    "saved": TOTAL("saved"),
    "estimated": TOTAL("estimated-share"),
    "unpriced": TOTAL("lines"),
}


@dataclass(frozen=True)
class Claim:
    """A link and the figure it stands on, which the page behind it must show as its total `where`."""

    href: str
    figure: str
    where: str


@dataclass
class Page:
    root: Element

    @classmethod
    def of(cls, html: str) -> "Page":
        return cls(document(html))

    @property
    def content(self) -> Element:
        return next(each for each in self.root.iter() if each.get("id") == "content-main")

    def total(self, where: str) -> str | None:
        """The total called so, as it is written; None when the page has none."""
        found = next((each for each in self.root.iter() if each.get("id") == where), None)
        return None if found is None else amount_in(found)

    def links(self) -> set[str]:
        """Every address the page leads to, downloads and fragments left out."""
        found = {each.get("href", "") for each in self.content.iter() if each.tag == "a"}
        return {href for href in found if href.startswith("/")}

    def claims(self) -> Iterator[Claim]:
        for element in self.content.iter():
            match element.tag, element.get("class", ""):
                case "tr", _:
                    yield from claims_of_row(element)
                case "li", css if "usage-tile" in css:
                    yield from claims_of_tile(element)
                case "g", "chart-bucket":
                    yield from claims_of_bar(element)
                case "ul", "usage-legend":
                    yield from claims_of_legend(element)

    def rows(self) -> list[list[str]]:
        """The cells of the first table, line by line."""
        table = next((each for each in self.content.iter() if each.tag == "tbody"), None)
        lines = [] if table is None else [row for row in table if row.tag == "tr"]
        return [[text_of(cell) for cell in row] for row in lines]


def claims_of_row(row: Element) -> Iterator[Claim]:
    """Figures lead to calls; the name leads to the page of the same, which costs the same."""
    for cell in row:
        for link in (each for each in cell.iter() if each.tag == "a"):
            href, text = link.get("href", ""), text_of(link)
            kind = parse_qs(urlsplit(href).query).get("rows", [""])[0]
            if "/usage/calls/?" in href and text.endswith("%"):
                yield Claim(href, (link.get("title") or "").split(" ")[0], TOTAL(kind))
            elif "/usage/calls/?" in href and is_money(text):
                yield Claim(href, text, OF_MONEY.get(kind, TOTAL("cost")))
            elif "/usage/calls/?" in href and text.replace(",", "").isdecimal():
                yield Claim(href, text, TOTAL(kind or "calls"))
            elif cell.tag == "th" and urlsplit(href).path == "/admin/usage/" and (spent := money_in(row)):
                yield Claim(href, spent, TOTAL("cost"))


def claims_of_tile(tile: Element) -> Iterator[Claim]:
    link = next(each for each in tile.iter() if each.tag == "a")
    figure = next(each for each in tile.iter() if "figure" in each.get("class", "").split())
    if where := OF_TILES.get(link.get("data-figure", "")):
        yield Claim(link.get("href", ""), text_of(figure), where)


def claims_of_bar(bar: Element) -> Iterator[Claim]:
    """The whole bucket, and each colour in it that stands for one model."""
    for link in (each for each in bar.iter() if each.tag == "a"):
        href = link.get("href", "")
        if label := link.get("aria-label"):
            yield Claim(href, label.rpartition(": ")[2].partition(", and")[0], TOTAL("cost"))
        elif "/calls/" in href:
            title = next(each for each in link.iter() if each.tag == "title")
            yield Claim(href, text_of(title).rpartition(": ")[2], TOTAL("cost"))


def claims_of_legend(legend: Element) -> Iterator[Claim]:
    for entry in legend:
        links = [each for each in entry.iter() if each.tag == "a" and "/calls/" in each.get("href", "")]
        amounts = [each for each in entry.iter() if each.get("class") == "amount"]
        yield from (
            Claim(link.get("href", ""), text_of(amount), TOTAL("cost"))
            for link, amount in zip(links, amounts, strict=False)
        )


def money_in(row: Element) -> str:
    return next((text_of(each) for each in row.iter() if "money" in each.get("class", "").split()), "")


def amount_in(element: Element) -> str:
    """What it says itself, without remarks beside it."""
    return money_in(element) or next((text.strip() for text in element.itertext() if text.strip()), "")


def is_money(text: str) -> bool:
    return text.startswith(("$", "−$", "under $")) or text == "unknown"


def text_of(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())
