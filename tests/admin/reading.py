"""What a list of the admin shows, as a reader takes it in."""

from html.parser import HTMLParser


class List(HTMLParser):
    """Rows of the result list: text of each cell by the name of its column."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict[str, str]] = []
        self._within = False
        self._column = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "table":
            self._within = given.get("id") == "result_list"
        elif tag == "tr" and self._within:
            self.rows.append({})
        elif tag in ("td", "th") and self._within:
            classes = (given.get("class") or "").split()
            self._column = next((name[6:] for name in classes if name.startswith("field-")), "")
            if self._column:
                self.rows[-1][self._column] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._column = ""

    def handle_data(self, text: str) -> None:
        if self._column:
            self.rows[-1][self._column] += text


def rows_in(html: str) -> dict[str, dict[str, str]]:
    """Rows by what stands in their first column."""
    read = List()
    read.feed(html)
    return {next(iter(row.values())): row for row in read.rows if row}
